import Determinism

/// A clock that never goes back, made of readings that may.
///
/// A reading that is a little behind counts as the latest one. One that is more than a second behind is a clock that
/// was put back: from there on its steps are added to the latest reading, so that waits neither end at once nor stand
/// still until the clock has caught up. Readings must come in their order: a thread that reads the clock and then waits
/// for a lock for longer than that would look like such a clock.
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
