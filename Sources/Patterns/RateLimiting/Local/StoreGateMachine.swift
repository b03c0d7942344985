import Determinism

/// Open until so many calls in a row have failed; then closed for a pause; then one call at a time goes through until
/// one is answered. A call from before the gate closed says nothing about it afterwards: permits carry a generation.
struct StoreGateMachine {
    private enum State {
        /// Calls go through; so many in a row have failed.
        case open(failures: Int)
        /// None goes through until this moment.
        case closed(until: Instant)
        /// One is on its way to find out. If nothing is heard of it by the deadline, another one goes.
        case probing(until: Instant)
    }
    private let limit: Int
    private let pause: Duration
    private var state = State.open(failures: 0)
    private var generation: UInt64 = 0

    init(failures: Int, pause: Duration) { (limit, self.pause) = (failures, pause) }

    var isOpen: Bool {
        if case .open = state { return true }
        return false
    }

    mutating func admit(now: Instant) -> UInt64? {
        switch state {
        case .open: return generation
        case .closed(let until), .probing(let until):
            // More than a pause ahead, and more than readings in the wrong order: the clock was put back.
            guard now >= until || until - now > pause + .seconds(1) else { return nil }
            generation += 1
            state = .probing(until: now + pause)
            return generation
        }
    }

    mutating func succeeded(_ permit: UInt64) {
        guard permit == generation else { return }
        state = .open(failures: 0)
    }

    mutating func failed(_ permit: UInt64, now: Instant) {
        guard permit == generation else { return }
        if case .open(let failures) = state, failures + 1 < limit {
            state = .open(failures: failures + 1)
        } else if case .closed = state {
            return
        } else {
            generation += 1
            state = .closed(until: now + pause)
        }
    }

    mutating func abandoned(_ permit: UInt64) {
        guard permit == generation, case .probing = state else { return }
        // The next caller finds out in its place.
        state = .closed(until: Instant(nanoseconds: .min))
    }
}
