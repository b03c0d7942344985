import Determinism
import Synchronization

/// How many reads a host has in flight, and how long they took. Shared by all snapshots.
final class HostLoad: Sendable {
    private let reads = Atomic<Int>(0)
    private let time = Atomic<Int64>(0)
    private let ended = Atomic<Int>(0)

    /// Reads that have begun and not ended.
    var inFlight: Int { reads.load(ordering: .relaxed) }

    func begin() { reads.wrappingAdd(1, ordering: .relaxed) }

    func end(after latency: Duration?) {
        reads.wrappingSubtract(1, ordering: .relaxed)
        guard let latency else { return }
        time.wrappingAdd(max(0, latency.inNanoseconds), ordering: .relaxed)
        ended.wrappingAdd(1, ordering: .relaxed)
    }

    /// The mean latency, and how many reads it is of, since this was last asked. One may be counted in the next round.
    func drain() -> (latency: Duration, count: Int)? {
        let count = ended.exchange(0, ordering: .relaxed)
        let total = time.exchange(0, ordering: .relaxed)
        return count > 0 ? (.nanoseconds(total / Int64(count)), count) : nil
    }
}
