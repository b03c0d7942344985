import Synchronization

/// What the demo's clients were told, written down as the answers came.
package struct DemoBooks: Sendable, Hashable {
    /// An order that the server acknowledged.
    package struct Entry: Sendable, Hashable {
        package var organization: Int
        package var outcome: OrderOutcome
        /// Minor units.
        package var total: Int64
        package var refunded: Int64 = 0
        package var units: Int64

        package init(organization: Int, outcome: OrderOutcome, total: Int64, refunded: Int64 = 0, units: Int64) {
            (self.organization, self.outcome, self.total) = (organization, outcome, total)
            (self.refunded, self.units) = (refunded, units)
        }
    }
    /// By the order's id.
    package var orders: [String: Entry] = [:]
    /// The first outcome of each key, by organization and in all.
    package var outcomes: [OrderOutcome: Int] = [:]
    /// By the way they were sent.
    package var parts: [DemoPlan.Part: Int] = [:]
    package var placed = 0
    /// Answers to repeats, and those that were the first one again.
    package var repeats = 0
    package var sameAnswers = 0
    /// Of the repeats, those sent while the first attempt was under way.
    package var repeatsUnderWay = 0
    package var canceled = 0
    package var refunds = 0
    package var refunded: Int64 = 0
    /// Requests that had to be sent more than once.
    package var resent = 0
    package var currency: String?
    /// What should not have happened; the first of each kind.
    package var faults: [String] = []
    package var faultCount = 0

    package init() {}

    package mutating func note(_ fault: String) {
        faultCount += 1
        if faults.count < 20 { faults.append(fault) }
    }

    /// Writes an order down.
    package mutating func add(_ order: DemoOrder, _ result: OrderResult) {
        let outcome = result.outcome
        placed += 1
        outcomes[outcome, default: 0] += 1
        parts[order.part, default: 0] += 1
        if result.attempts > 1 { resent += 1 }
        if let currency = result.currency { self.currency = currency }
        if !Self.expected(order.part).contains(outcome) {
            note("\(order.draft.key) was \(outcome.words): \(result.code): \(result.detail)")
        }
        guard let id = result.id else { return }
        if orders[id] != nil { note("order \(id) was acknowledged to two keys") }
        orders[id] = Entry(
            organization: order.organization, outcome: outcome, total: result.total, units: order.draft.basket.units)
    }

    /// What an order that is sent like this may come to.
    static func expected(_ part: DemoPlan.Part) -> Set<OrderOutcome> {
        switch part {
        case .plain, .repeated, .twice, .canceled, .refunded: [.confirmed, .outOfStock]
        case .declined: [.declined, .outOfStock]
        case .lost: [.confirmed, .processing, .outOfStock]
        case .unavailable: [.queued, .paymentUnavailable, .outOfStock]
        }
    }

    /// Compares the answers that one key got: all the same, and only one of them the first.
    package mutating func compare(_ key: String, _ answers: [APIOutcome], underWay: Bool) {
        let answered = answers.compactMap(\.answer)
        let count = answers.count - 1
        repeats += count
        if underWay { repeatsUnderWay += count }
        guard answered.count == answers.count, answered.allSatisfy({ $0.says(theSameAs: answered[0]) }) else {
            return note("\(key), repeated, got another answer: \(answers)")
        }
        guard answered.filter(\.isReplay).count == count else {
            return note("\(key), repeated, was taken for a first attempt")
        }
        sameAnswers += count
    }
}

/// Books that many clients write into.
package final class SharedBooks: Sendable {
    private let books = Mutex(DemoBooks())
    package init() {}
    package func write<Value: Sendable>(_ body: (inout sending DemoBooks) -> Value) -> Value {
        books.withLock { body(&$0) }
    }
    package var now: DemoBooks { books.withLock { $0 } }
}
