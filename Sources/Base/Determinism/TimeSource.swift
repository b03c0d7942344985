/// Where time comes from. Nothing above this module reads a clock by itself, so that a simulator can own time.
public protocol TimeSource: Sendable {
    /// The wall clock, which may step backwards.
    func now() -> Timestamp
    /// The monotonic clock, which never does.
    func instant() -> Instant
    /// Returns at `deadline` or later; throws `CancellationError` when the task is cancelled before that.
    func sleep(until deadline: Instant) async throws
}

extension TimeSource {
    /// Returns after `duration`; throws `CancellationError` when the task is cancelled before that.
    public func sleep(for duration: Duration) async throws { try await sleep(until: instant() + duration) }
}

/// The machine's own clocks.
public struct SystemTime: TimeSource {
    /// The machine's own clocks.
    public init() {}

    /// The wall clock in UTC.
    public func now() -> Timestamp {
        let (seconds, nanoseconds) = clockReading(wall: true)
        return Timestamp(microseconds: seconds * 1_000_000 + nanoseconds / 1_000)
    }

    /// The monotonic clock that goes on while the machine is suspended: what a lease or a deadline is measured by must
    /// not stand still meanwhile. A virtual machine that is stopped from outside does not notice either.
    public func instant() -> Instant {
        let (seconds, nanoseconds) = clockReading(wall: false)
        return Instant(nanoseconds: seconds * 1_000_000_000 + nanoseconds)
    }

    /// Suspends the task until `deadline`.
    public func sleep(until deadline: Instant) async throws {
        let rest = deadline - instant()
        if rest > .zero { try await Task.sleep(for: rest, tolerance: .zero) }
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

#if os(Linux)
    private let bootClock = CLOCK_BOOTTIME
#else
    // On Darwin this one goes on in sleep.
    private let bootClock = CLOCK_MONOTONIC
#endif

private func clockReading(wall: Bool) -> (seconds: Int64, nanoseconds: Int64) {
    var reading = timespec()
    clock_gettime(wall ? CLOCK_REALTIME : bootClock, &reading)
    return (Int64(reading.tv_sec), Int64(reading.tv_nsec))
}
