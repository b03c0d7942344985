import StrictJSON

/// What came of an import of baskets.
package struct BasketImportReport: Sendable, Hashable {
    /// Orders by their outcome, those placed earlier included.
    package var outcomes: [OrderOutcome: Int] = [:]
    /// Of these, those that had their answer from an earlier import.
    package var replayed = 0
    package var failed = 0
    /// The first of what failed.
    package var faults: [BasketFault] = []
    /// Units and money of orders that stand, in minor units by currency.
    package var units: Int64 = 0
    package var money: [String: Int64] = [:]
    package var duration: Duration = .zero
    /// Why it ended before the end of the file.
    package var breakOff: String?
    /// Whether that was because nobody answers any more.
    package private(set) var isUnanswered = false

    /// As many faults are kept as somebody will read.
    package static let mostFaults = 1_000

    package init() {}

    /// Baskets that were dealt with.
    package var baskets: Int { outcomes.values.reduce(0, +) + failed }
    /// Orders that this import placed.
    package var placed: Int { count(.confirmed) + count(.queued) + count(.processing) - replayedOrders }
    /// Of the orders that stand or wait, those that an earlier import placed.
    package private(set) var replayedOrders = 0

    package func count(_ outcome: OrderOutcome) -> Int { outcomes[outcome] ?? 0 }

    mutating func add(_ fault: BasketFault) {
        failed += 1
        if faults.count < Self.mostFaults { faults.append(fault) }
    }

    mutating func add(_ result: OrderResult, of basket: Basket) {
        let outcome = result.outcome
        switch outcome {
        case .refused, .unanswered:
            add(BasketFault(basket: basket.id, line: basket.line, code: result.code, detail: result.detail))
            if outcome == .unanswered {
                (breakOff, isUnanswered) = ("the server does not answer: \(result.detail)", true)
            }
            if ["unauthorized", "forbidden"].contains(result.code) { breakOff = result.detail }
            return
        case .confirmed, .queued, .processing:
            if result.isReplay { replayedOrders += 1 }
            if outcome == .confirmed {
                units += basket.units
                money[result.currency ?? "", default: 0] += result.total
            }
        case .outOfStock, .declined, .paymentUnavailable:
            // These are no orders: whoever imports wants to know which.
            if faults.count < Self.mostFaults {
                faults.append(
                    BasketFault(basket: basket.id, line: basket.line, code: result.code, detail: result.detail))
            }
        case .canceled: break
        }
        outcomes[outcome, default: 0] += 1
        if result.isReplay { replayed += 1 }
    }

    /// Every basket became an order.
    package var isComplete: Bool {
        breakOff == nil && failed == 0 && count(.outOfStock) + count(.declined) + count(.paymentUnavailable) == 0
    }
}
