import Determinism

/// Time in which every pause is over at once; for code that only polls.
struct PauselessTime: TimeSource {
    func now() -> Timestamp { Timestamp(microseconds: 0) }
    func instant() -> Instant { Instant(nanoseconds: 0) }
    func sleep(until deadline: Instant) async throws {}
}
