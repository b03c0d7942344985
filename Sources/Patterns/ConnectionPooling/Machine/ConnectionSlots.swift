import Determinism

/// The places of a pool's connections: exactly ``PoolConfiguration/limit``, so that there cannot be more connections
/// than that. Idle ones form a list, the latest first (LIFO: the warmest is used again, the coldest can time out).
struct ConnectionSlots: Sendable {
    /// What is going on in a place.
    enum State: UInt8, Sendable {
        /// Nothing.
        case free
        /// A connection is being opened.
        case connecting
        /// A connection is ready.
        case idle
        /// It is being asked whether it is alive.
        case validating
        /// Somebody holds it.
        case leased
        /// It is being brought back to a clean state.
        case resetting
        /// It is being closed.
        case closing
    }
    struct Slot: Sendable {
        fileprivate(set) var state = State.free
        /// The connection's number; stays when the place becomes free, so that late reports are recognised.
        fileprivate(set) var number: UInt64 = 0
        /// The lease's number, while it is leased.
        var lease: UInt64 = 0
        var host = 0
        var tenant = 0
        var generation: UInt64 = 0
        /// The breaker's epoch when its connect began.
        var epoch: UInt64 = 0
        /// Since when it is in its state.
        var since = Instant(nanoseconds: 0)
        var expires = Instant(nanoseconds: .max)
        /// When the other side was last known to answer.
        var proven = Instant(nanoseconds: 0)
        /// It has died while it could not be closed; it is closed as soon as it can.
        var isDoomed = false
        var isLeakReported = false
        fileprivate var next = -1
        fileprivate var previous = -1
    }
    private(set) var slots: [Slot]
    private var free: [Int]
    private var counts: [Int]
    private var lastNumber: UInt64 = 0
    /// The connection that became idle last; -1 for none.
    private(set) var warmest = -1
    /// The connection that became idle first; -1 for none.
    private(set) var coldest = -1

    init(limit: Int) {
        slots = Array(repeating: Slot(), count: limit)
        free = Array((0..<limit).reversed())
        counts = Array(repeating: 0, count: 7)
        counts[Int(State.free.rawValue)] = limit
    }

    subscript(_ slot: Int) -> Slot {
        _read { yield slots[slot] }
        _modify { yield &slots[slot] }
    }

    var limit: Int { slots.count }
    var size: Int { slots.count - free.count }
    var hasFree: Bool { !free.isEmpty }
    func count(_ state: State) -> Int { counts[Int(state.rawValue)] }

    /// Whether the connection is the one in its slot, and in that state.
    func holds(_ id: ConnectionID, _ state: State) -> Bool {
        slots.indices.contains(id.slot) && slots[id.slot].number == id.number && slots[id.slot].state == state
    }

    func id(_ slot: Int) -> ConnectionID { ConnectionID(slot: slot, number: slots[slot].number) }

    /// Takes a free place for a new connection.
    mutating func open(now: Instant) -> Int? {
        guard let slot = free.popLast() else { return nil }
        lastNumber += 1
        slots[slot] = Slot()
        slots[slot].number = lastNumber
        count(slot, as: .connecting)
        slots[slot].since = now
        return slot
    }

    /// Moves a connection to another state; in and out of the idle list, in and out of the free places.
    mutating func move(_ slot: Int, to state: State, now: Instant) {
        if slots[slot].state == .idle { unlink(slot) }
        count(slot, as: state)
        slots[slot].since = now
        switch state {
        case .idle: link(slot)
        case .free: free.append(slot)
        default: break
        }
    }

    private mutating func count(_ slot: Int, as state: State) {
        counts[Int(slots[slot].state.rawValue)] -= 1
        counts[Int(state.rawValue)] += 1
        slots[slot].state = state
    }

    private mutating func link(_ slot: Int) {
        slots[slot].previous = -1
        slots[slot].next = warmest
        if warmest >= 0 { slots[warmest].previous = slot } else { coldest = slot }
        warmest = slot
    }

    private mutating func unlink(_ slot: Int) {
        let (next, previous) = (slots[slot].next, slots[slot].previous)
        if previous >= 0 { slots[previous].next = next } else { warmest = next }
        if next >= 0 { slots[next].previous = previous } else { coldest = previous }
    }

    /// What does not fit together; empty unless this file has a bug.
    func inconsistencies() -> [String] {
        var problems: [String] = []
        for (raw, count) in counts.enumerated() {
            let real = slots.count { Int($0.state.rawValue) == raw }
            if real != count { problems.append("\(count) counted in state \(raw), \(real) there") }
        }
        if free.count != counts[0] || Set(free).count != free.count { problems.append("free places do not add up") }
        var (walked, slot, previous) = (0, warmest, -1)
        while slot >= 0, walked <= slots.count {
            if slots[slot].state != .idle || slots[slot].previous != previous {
                problems.append("slot \(slot) is wrongly in the idle list")
            }
            (walked, previous, slot) = (walked + 1, slot, slots[slot].next)
        }
        if previous != coldest || walked != count(.idle) { problems.append("the idle list does not add up") }
        return problems
    }
}
