import Determinism

/// The calls that are running, in the order of their beginnings, so that those that have become slow can be counted
/// before they end. A ring of bounded size: beginning and ending are O(1) and, once it has grown to what is needed,
/// allocate nothing.
struct RunningCalls: Sendable {
    /// A ring's place: when its call began, and whether it is still waited for.
    private struct Place {
        var startedAt: Instant
        var isRunning: Bool
    }
    /// At most that many are watched, those that have ended since the oldest running one began among them; a power of
    /// two.
    static let mostWatched = 4_096
    private static let free = Place(startedAt: Instant(nanoseconds: 0), isRunning: false)
    private var places = Array(repeating: Self.free, count: 64)
    /// Numbers of the oldest place in use and of the next one.
    private var (first, next): (UInt64, UInt64) = (0, 0)

    /// A call begins. nil when there is no place: it is not watched then.
    mutating func begin(at now: Instant) -> UInt64? {
        if next - first == UInt64(places.count), !grow() { return nil }
        places[index(next)] = Place(startedAt: now, isRunning: true)
        defer { next += 1 }
        return next
    }

    /// A call ended.
    /// - Returns: true when it was waited for, that is, was not counted as slow before.
    mutating func end(_ number: UInt64) -> Bool {
        guard number >= first, number < next, places[index(number)].isRunning else { return false }
        places[index(number)].isRunning = false
        dropEnded()
        return true
    }

    /// Takes out a call that began at `limit` or before and still runs.
    /// - Returns: false when there is none.
    mutating func takeOverdue(startedBy limit: Instant) -> Bool {
        guard first < next, places[index(first)].startedAt <= limit else { return false }
        places[index(first)].isRunning = false
        dropEnded()
        return true
    }

    /// Doubles the ring, if it may be larger.
    private mutating func grow() -> Bool {
        guard places.count < Self.mostWatched else { return false }
        var larger = Array(repeating: Self.free, count: places.count * 2)
        for number in first..<next { larger[Int(number & UInt64(larger.count - 1))] = places[index(number)] }
        places = larger
        return true
    }

    private mutating func dropEnded() {
        while first < next, !places[index(first)].isRunning { first += 1 }
    }

    private func index(_ number: UInt64) -> Int { Int(number & UInt64(places.count - 1)) }
}
