import Determinism

/// Cuts time into slices of one length, and says how many have begun since it was asked last. Time does not go back.
///
/// That a slice goes on is told by one comparison: a call should not pay for a division to learn that.
struct SliceCounter: Sendable {
    private let length: Int64
    /// The number of the slice that time is in; nil before it was asked for the first time.
    private var number: Int64?
    /// Where the next slice begins.
    private var end = Int64.min

    init(length: Int64) { self.length = max(length, 1) }

    /// How many slices have begun since the one of the last time; 0 the first time.
    mutating func steps(to now: Instant) -> UInt64 { now.nanoseconds < end ? 0 : advance(to: now.nanoseconds) }

    private mutating func advance(to now: Int64) -> UInt64 {
        let (quotient, remainder) = now.quotientAndRemainder(dividingBy: length)
        let present = remainder < 0 ? quotient - 1 : quotient
        // It may begin before the first instant that there is, which wraps twice, or end after the last one.
        let (start, isOverStart) = present.multipliedReportingOverflow(by: length)
        let (following, isOver) = start.addingReportingOverflow(length)
        end = isOver && !isOverStart ? .max : following
        defer { number = present }
        // The distance of two numbers may not fit in a signed one.
        return number.map { UInt64(bitPattern: present &- $0) } ?? 0
    }
}
