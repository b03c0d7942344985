import Determinism

/// Which order of a demo is sent how: a pure function of the seed and the order's number.
package struct DemoPlan: Sendable {
    /// How an order is sent, and what is done with it afterwards.
    package enum Part: String, Sendable, Hashable, CaseIterable {
        case plain
        /// Sent again with its key, once it is answered.
        case repeated
        /// Sent twice at once, with one key.
        case twice
        case declined
        /// The provider takes the money, and its answer is lost.
        case lost
        /// The provider fails.
        case unavailable
        case canceled
        case refunded

        package var method: String? {
            switch self {
            case .declined: "pm_declined"
            case .lost: "pm_lost"
            case .unavailable: "pm_error"
            case .plain, .repeated, .twice, .canceled, .refunded: nil
            }
        }
    }

    /// Of each hundred orders.
    package static let share: [(part: Part, count: Int)] = [
        (.repeated, 5), (.twice, 3), (.declined, 4), (.lost, 2), (.unavailable, 2), (.canceled, 3), (.refunded, 3),
    ]
    package let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// The parts of a block of a hundred orders, mixed.
    package func block(_ number: Int) -> [Part] {
        var parts = Self.share.flatMap { Array(repeating: $0.part, count: $0.count) }
        parts += Array(repeating: .plain, count: 100 - parts.count)
        let random = SeededRandom(seed: seed &+ UInt64(number) &* 0x2545_F491_4F6C_DD1D)
        // Fisher and Yates.
        for last in stride(from: 99, to: 0, by: -1) {
            parts.swapAt(last, Int(random.next(below: UInt64(last + 1))))
        }
        return parts
    }
}

/// An order of the demo.
package struct DemoOrder: Sendable {
    package var number: Int
    /// The organization's place in the list.
    package var organization: Int
    package var draft: OrderDraft
    package var part: DemoPlan.Part
}

/// Baskets again and again, until there were enough: each order has a key of its own.
package struct DemoOrders: Sendable {
    private let plan: DemoPlan
    private let baskets: [Basket]
    private let organizations: [Int]
    private let count: Int
    private var number = 0
    private var block: [DemoPlan.Part] = []

    /// - Parameter organizations: how many; the baskets' stores are dealt out among them.
    package init(_ plan: DemoPlan, baskets: [Basket], organizations: Int, count: Int) {
        precondition(!baskets.isEmpty && organizations > 0, "somebody has to sell something")
        (self.plan, self.baskets, self.count) = (plan, baskets, count)
        self.organizations = Self.dealt(baskets, among: organizations)
    }

    package mutating func next() -> DemoOrder? {
        guard number < count else { return nil }
        defer { number += 1 }
        if number % 100 == 0 { block = plan.block(number / 100) }
        let (round, place) = number.quotientAndRemainder(dividingBy: baskets.count)
        let (basket, part) = (baskets[place], block[number % 100])
        return DemoOrder(
            number: number, organization: organizations[place],
            draft: OrderDraft(key: "demo-\(round + 1)-\(basket.id)", basket: basket, method: part.method), part: part)
    }

    /// Each basket's organization. All baskets of a store belong to one, and the store with the most baskets goes to
    /// whoever has the fewest yet.
    package static func dealt(_ baskets: [Basket], among organizations: Int) -> [Int] {
        var sizes: [String: Int] = [:]
        for basket in baskets { sizes[basket.store ?? "", default: 0] += 1 }
        var load = Array(repeating: 0, count: organizations)
        var place: [String: Int] = [:]
        for (store, size) in sizes.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            let least = load.indices.min { load[$0] < load[$1] } ?? 0
            place[store] = least
            load[least] += size
        }
        return baskets.map { place[$0.store ?? ""] ?? 0 }
    }
}
