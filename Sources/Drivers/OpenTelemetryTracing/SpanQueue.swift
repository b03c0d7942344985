import Determinism
import Synchronization

/// Finished spans that wait to be sent. Bounded: what does not fit is dropped, and counted.
final class SpanQueue: Sendable {
    private struct State {
        /// Full batches, the oldest first, and the one that is being filled.
        var batches: [SpanBatch] = []
        var filling = SpanBatch()
        /// Empty ones that have room.
        var spare: [SpanBatch] = []
        var count = 0
        var dropped: UInt64 = 0
        var isAwake = false
        var waiter: CheckedContinuation<Void, Never>?
        var stopBy: Instant?
    }
    private let state = Mutex(State())
    /// One is filled while another one is encoded.
    private static let spareLimit = 2
    private let limit: Int
    private let batchLimit: Int

    init(limit: Int, batchLimit: Int) { (self.limit, self.batchLimit) = (limit, batchLimit) }

    var count: Int { state.withLock { $0.count } }
    var dropped: UInt64 { state.withLock { $0.dropped } }
    /// When the last span must be gone; nil while nobody stops.
    var stopBy: Instant? { state.withLock { $0.stopBy } }

    func append(_ place: SpanContext, _ origin: RecordedSpan.Origin, end: UInt64, _ details: SpanDetails) {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard state.count < limit, state.stopBy == nil else {
                state.dropped += 1
                return nil
            }
            state.count += 1
            state.filling.append(place, origin, end: end, details)
            guard state.filling.count == batchLimit else { return nil }
            state.batches.append(state.filling)
            state.filling = state.spare.popLast() ?? SpanBatch()
            return Self.wake(&state)
        }
        waiter?.resume()
    }

    /// The oldest spans, as many as fit into one batch.
    func take() -> SpanBatch {
        state.withLock { state in
            if !state.batches.isEmpty {
                state.count -= batchLimit
                return state.batches.removeFirst()
            }
            if state.filling.isEmpty { return SpanBatch() }
            defer { state.filling = state.spare.popLast() ?? SpanBatch() }
            state.count -= state.filling.count
            return state.filling
        }
    }

    /// Takes a batch back whose spans are on their way: the next ones have its room.
    func give(back batch: inout SpanBatch) {
        guard batch.clear() else { return }
        let empty = batch
        batch = SpanBatch()
        state.withLock { if $0.spare.count < Self.spareLimit { $0.spare.append(empty) } }
    }

    /// Counts spans that were taken and could not be sent, or that nobody will come to send.
    func drop(_ count: Int) { state.withLock { $0.dropped += UInt64(count) } }

    /// Returns when a batch is full, or when somebody calls ``wake()``.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isAwake = state.withLock { state in
                if state.isAwake {
                    state.isAwake = false
                    return true
                }
                state.waiter = continuation
                return false
            }
            if isAwake { continuation.resume() }
        }
    }

    func wake() { state.withLock { Self.wake(&$0) }?.resume() }

    func stop(by deadline: Instant) {
        let waiter = state.withLock { state in
            state.stopBy = min(state.stopBy ?? deadline, deadline)
            return Self.wake(&state)
        }
        waiter?.resume()
    }

    private static func wake(_ state: inout State) -> CheckedContinuation<Void, Never>? {
        defer { state.waiter = nil }
        if state.waiter == nil { state.isAwake = true }
        return state.waiter
    }
}
