import Determinism

/// How many of the calls in a window were hits (failures, or slow). Adding is O(1) and allocates nothing.
struct OutcomeWindow: Sendable {
    // One of the two. Not an enumeration: its payload could not be changed in place.
    private var calls: BitRing?
    private var slices: SliceRing?
    /// The calls in the window.
    private(set) var total = 0
    /// Those of them that were hits.
    private(set) var hits = 0

    init(_ window: CallWindow) {
        switch window {
        case .calls(let count): calls = BitRing(capacity: count)
        case .time(let duration, let count): slices = SliceRing(duration: duration, slices: count)
        }
    }

    /// A call ended.
    mutating func add(isHit: Bool, now: Instant) {
        advance(to: now)
        slices?.add(isHit: isHit)
        switch calls?.push(isHit) {
        case .replaced(let wasHit):
            hits -= wasHit ? 1 : 0
        case .added, nil:
            total += 1
        }
        hits += isHit ? 1 : 0
    }

    /// Drops what has left the window by now.
    mutating func advance(to now: Instant) {
        guard let dropped = slices?.advance(to: now) else { return }
        total -= dropped.total
        hits -= dropped.hits
    }

    /// Whether at least `percent` of at least `minimum` calls are hits.
    func reaches(percent: Int, minimum: Int) -> Bool { total >= minimum && hits * 100 >= percent * total }

    /// The percentage of hits, rounded down; nil without calls.
    var percent: Int? { total == 0 ? nil : hits * 100 / total }
}

/// The last so many answers to a yes-or-no question, one bit each.
private struct BitRing: Sendable {
    enum Push {
        case added
        case replaced(Bool)
    }
    private let capacity: Int
    private var words: [UInt64]
    private var (next, count) = (0, 0)

    init(capacity: Int) {
        self.capacity = capacity
        words = Array(repeating: 0, count: (capacity + 63) / 64)
    }

    /// Adds one, in the place of the oldest one when the ring is full.
    mutating func push(_ bit: Bool) -> Push {
        let (word, mask) = (next >> 6, UInt64(1) << UInt64(next & 63))
        let old = words[word] & mask != 0
        if bit { words[word] |= mask } else { words[word] &= ~mask }
        next = next + 1 == capacity ? 0 : next + 1
        if count == capacity { return .replaced(old) }
        count += 1
        return .added
    }
}

/// Counts by slices of time.
private struct SliceRing: Sendable {
    typealias Tally = (total: Int, hits: Int)
    private var time: SliceCounter
    private var slices: [Tally]
    /// The place of the slice that time is in.
    private var head = 0

    init(duration: Duration, slices count: Int) {
        time = SliceCounter(length: duration.inNanoseconds / Int64(count))
        slices = Array(repeating: (0, 0), count: count)
    }

    mutating func add(isHit: Bool) {
        slices[head].total += 1
        if isHit { slices[head].hits += 1 }
    }

    /// Moves on, and returns what has left the window by that. Time does not go back.
    mutating func advance(to now: Instant) -> Tally {
        var dropped: Tally = (0, 0)
        for _ in 0..<min(time.steps(to: now), UInt64(slices.count)) {
            head = head + 1 == slices.count ? 0 : head + 1
            dropped.total += slices[head].total
            dropped.hits += slices[head].hits
            slices[head] = (0, 0)
        }
        return dropped
    }
}
