import Determinism

/// One thing that happens to a simulated pool: what kind, and two numbers that choose whom it happens to and how. They
/// are read against the state of that moment, so that any part of a list of steps is a list of steps, which is what
/// makes shrinking possible.
public struct SimulationStep: Sendable, Hashable, CustomStringConvertible {
    /// What happens.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// A caller wants a connection.
        case lease
        /// A waiting caller is cancelled.
        case cancel
        /// A holder returns its connection.
        case giveBack
        /// A lease that has come back comes back again.
        case giveBackAgain
        /// A connect ends.
        case finishConnect
        /// A connect that was given up brings a connection all the same.
        case lateConnect
        /// A validation ends.
        case finishValidation
        /// A reset ends.
        case finishReset
        /// A close ends.
        case finishClose
        /// A connection dies.
        case lose
        /// Connections are evicted.
        case evict
        /// The hosts change.
        case replaceHosts
        /// Time passes, with every tick that is due in it.
        case advance
        /// Time passes, and the timer is late: nothing ticks meanwhile.
        case stall
        /// A tick that is not due.
        case tick
        /// The pool begins to shut down.
        case shutdown
    }
    /// What happens.
    public let kind: Kind
    /// To whom.
    public let pick: UInt64
    /// How.
    public let manner: UInt64

    /// Such as `lease(12, 3)`.
    public var description: String { "\(kind)(\(pick % 1_000), \(manner % 1_000))" }

    /// How often each kind happens, of about a hundred and ten.
    private static let weights: [(Kind, Int)] = [
        (.lease, 22), (.cancel, 3), (.giveBack, 24), (.giveBackAgain, 2), (.finishConnect, 14), (.lateConnect, 2),
        (.finishValidation, 10), (.finishReset, 8), (.finishClose, 10), (.lose, 2), (.evict, 1), (.replaceHosts, 1),
        (.advance, 12), (.stall, 3), (.tick, 2),
    ]
    private static let total = UInt64(weights.reduce(0) { $0 + $1.1 })

    /// A random step; a shutdown once in two thousand.
    static func draw(_ random: SeededRandom) -> SimulationStep {
        var kind = Kind.shutdown
        if random.next(below: 2_000) > 0 {
            var rest = Int(random.next(below: total))
            for (candidate, weight) in weights {
                kind = candidate
                rest -= weight
                if rest < 0 { break }
            }
        }
        return SimulationStep(kind: kind, pick: random.next() >> 1, manner: random.next() >> 1)
    }
}
