import Determinism

/// Choices with weights, drawn with a seeded generator.
public struct Weighted<Choice: Sendable>: Sendable {
    private let choices: [(choice: Choice, weight: UInt64)]
    private let total: UInt64

    /// Choices; a weight of 0 is never drawn. One weight at least must be positive.
    public init(_ choices: [(Choice, UInt64)]) {
        self.choices = choices.map { (choice: $0.0, weight: $0.1) }
        total = choices.reduce(0) { $0 + $1.1 }
    }

    /// One of them.
    public func draw(_ random: some RandomSource) -> Choice {
        var rest = random.next(below: total)
        for (choice, weight) in choices {
            if rest < weight { return choice }
            rest -= weight
        }
        return choices[choices.count - 1].choice
    }
}

/// What a ``LoadDriver`` does.
public struct LoadPlan: Sendable {
    /// What a client may do next.
    public enum Action: Sendable, Hashable {
        /// A new order.
        case order
        /// The cancellation of an order of the same organization, perhaps another client's.
        case cancel
        /// Its fulfilment.
        case fulfill
        /// A refund, in part or in full.
        case refund
        /// One of the latest requests once more, with its key; perhaps while another client still waits for its answer.
        case again
    }

    /// How many clients there are. Each sends one request at a time.
    public var clients = 16
    /// What all randomness comes from.
    public var seed: UInt64
    /// Keys begin with this, so that plans that share a history do not share keys.
    public var name: String
    /// How many requests each client sends; nil for as many as it can until it is stopped.
    public var requestsPerClient: Int?
    /// What clients do.
    public var actions = Weighted<Action>([(.order, 66), (.cancel, 9), (.fulfill, 8), (.refund, 9), (.again, 8)])
    /// How orders are paid.
    public var methods = Weighted<String>([("pm_ok", 82), ("pm_declined", 8), ("pm_lost", 6), ("pm_flaky", 4)])
    /// How many lines an order may have.
    public var lines = 1...4
    /// How many units a line may have.
    public var units: ClosedRange<Int64> = 1...3

    /// A plan.
    public init(name: String, seed: UInt64) { (self.name, self.seed) = (name, seed) }
}

extension RandomSource {
    /// A uniformly distributed number of the range.
    public func next(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next(below: UInt64(range.upperBound - range.lowerBound + 1)))
    }
}
