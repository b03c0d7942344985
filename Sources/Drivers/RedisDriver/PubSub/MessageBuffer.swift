import SocketReactor
import Synchronization

/// Events between the reactor's thread and one reader, bounded in number and bytes: the oldest messages give way, and
/// the reader is told so at their place.
final class MessageBuffer: Sendable {
    private struct State {
        var events = RingQueue<RedisEvent>()
        var bytes = 0
        /// What is missing before the first event.
        var gap: RedisGap?
        var reader: CheckedContinuation<RedisEvent?, Never>?
        var isEnded = false
        var droppedCount = 0
    }
    private let (limit, byteLimit): (Int, Int)
    private let state = Mutex(State())

    init(limit: Int, byteLimit: Int) { (self.limit, self.byteLimit) = (max(1, limit), byteLimit) }

    var droppedCount: Int { state.withLock { $0.droppedCount } }

    func append(_ event: RedisEvent) {
        let reader: CheckedContinuation<RedisEvent?, Never>? = state.withLock { state in
            if state.isEnded { return nil }
            if let reader = state.reader {
                // A reader that waits has taken all that came before.
                state.reader = nil
                return reader
            }
            state.events.append(event)
            state.bytes += event.byteCount
            while state.events.count > limit || state.bytes > byteLimit && state.events.count > 1 { drop(&state) }
            return nil
        }
        reader?.resume(returning: event)
    }

    private func drop(_ state: inout State) {
        guard let oldest = state.events.popFirst() else { return }
        state.bytes -= oldest.byteCount
        var gap = state.gap ?? RedisGap()
        switch oldest {
        case .message:
            gap.droppedCount += 1
            state.droppedCount += 1
        case .gap(let inner): gap.wasInterrupted = gap.wasInterrupted || inner.wasInterrupted
        }
        state.gap = gap
    }

    /// The next event; nil at the end, and when the reader's task is cancelled.
    func next() async -> RedisEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known: RedisEvent?? = state.withLock { state in
                    if let gap = state.gap {
                        state.gap = nil
                        return .gap(gap)
                    }
                    if let event = state.events.popFirst() {
                        state.bytes -= event.byteCount
                        return event
                    }
                    if state.isEnded || Task.isCancelled { return .some(nil) }
                    // One reader at a time: an earlier one gives way.
                    let earlier = state.reader
                    state.reader = continuation
                    earlier?.resume(returning: nil)
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            takeReader()?.resume(returning: nil)
        }
    }

    private func takeReader() -> CheckedContinuation<RedisEvent?, Never>? {
        state.withLock { state in
            defer { state.reader = nil }
            return state.reader
        }
    }

    /// What is there is still read; then comes the end.
    func end() {
        state.withLock { $0.isEnded = true }
        takeReader()?.resume(returning: nil)
    }
}

extension RedisEvent {
    fileprivate var byteCount: Int {
        guard case .message(let message) = self else { return 0 }
        return message.payload.count + message.channel.utf8.count + 64
    }
}
