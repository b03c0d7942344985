import Determinism

/// The machine's time, with a clock on the wall that is fast by some time.
struct ShiftedTime: TimeSource {
    let shift: Duration

    func now() -> Timestamp { SystemTime().now() + shift }
    func instant() -> Instant { SystemTime().instant() }
    func sleep(until deadline: Instant) async throws { try await SystemTime().sleep(until: deadline) }
}
