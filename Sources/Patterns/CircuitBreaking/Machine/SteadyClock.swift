import Determinism

/// A clock that never goes back, made of readings that may.
///
/// Two threads that read a clock and then wait for a lock may come in the wrong order; such a reading counts as the
/// latest one. A reading that is more than a second behind is a clock that was put back: from there on its steps are
/// added to the latest reading, so that waits neither end at once nor stand still until the clock has caught up.
struct SteadyClock: Sendable {
    private(set) var latest = Instant(nanoseconds: .min)
    private var offset: Int64 = 0

    mutating func read(_ reading: Instant) -> Instant {
        let shifted = Instant(nanoseconds: reading.nanoseconds.addingSaturated(offset))
        if shifted >= latest {
            latest = shifted
        } else if latest - shifted > .seconds(1) {
            offset = latest.nanoseconds.addingSaturated(reading.nanoseconds == .min ? .max : -reading.nanoseconds)
        }
        return latest
    }
}

extension Int64 {
    fileprivate func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
