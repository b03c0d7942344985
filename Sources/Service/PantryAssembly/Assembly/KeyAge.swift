import Determinism

/// Which idempotency keys are old enough to be forgotten: a pure value.
///
/// They are dated by the wall clock. A machine that starts with a wrong one, and is then set right, has made keys that
/// seem to be years old, or will seem so to others: a repeat would order and charge again. So when the wall clock has
/// moved otherwise than time has passed, nothing is forgotten for as long as keys are kept. A process knows nothing of
/// jumps before its start.
struct KeyAge {
    static let kept = Duration.seconds(2 * 24 * 3_600)
    /// Clocks are set by seconds all the time.
    static let tolerance = Duration.seconds(3_600)
    private var wall: Timestamp
    private var moment: Instant
    private var quietUntil: Instant?

    init(wall: Timestamp, at moment: Instant) { (self.wall, self.moment) = (wall, moment) }

    /// Keys that were made before this may be forgotten; nil while the clock is not to be trusted.
    mutating func limit(wall now: Timestamp, at moment: Instant) -> Timestamp? {
        let drift = (now.microseconds - wall.microseconds) - (moment - self.moment).inMicroseconds
        (wall, self.moment) = (now, moment)
        if abs(drift) > Self.tolerance.inMicroseconds { quietUntil = moment + Self.kept }
        if let quietUntil, moment < quietUntil { return nil }
        quietUntil = nil
        return now + (.zero - Self.kept)
    }
}
