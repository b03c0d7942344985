import Determinism
import Sagas
import Storage
import Testing

@testable import PantryDomain

/// Random shops under fire. What was promised is checked against the rows, the provider's books and every answer that
/// a caller heard.
@Suite struct CheckoutPropertyTests {
    private static let (parts, runsInEachPart): (UInt64, UInt64) = (10, 20)

    @Test func nothingIsOversoldLostOrChargedTwice() async throws {
        let happenings = try await withThrowingTaskGroup(of: [Happening: Int].self) { group in
            for part in 0..<Self.parts {
                group.addTask {
                    var happenings: [Happening: Int] = [:]
                    for seed in part * Self.runsInEachPart..<(part + 1) * Self.runsInEachPart {
                        happenings.merge(try await check(seed: seed), uniquingKeysWith: +)
                    }
                    return happenings
                }
            }
            return try await group.reduce(into: [Happening: Int]()) { $0.merge($1, uniquingKeysWith: +) }
        }
        for happening in Happening.allCases {
            #expect(happenings[happening] ?? 0 >= happening.least, "\(happening): \(happenings)")
        }
    }

    /// - Returns: how often what happened.
    private func check(seed: UInt64) async throws -> [Happening: Int] {
        var happenings: [Happening: Int] = [:]
        try await withStore { store in
            let simulation = try await Simulation(store, seed: seed)
            try await simulation.run(callers: 3, requests: 5)
            let judge = Judge(simulation)
            try await judge.storedDataIsInOrder()
            try await judge.answersHold()
            try await judge.keysAreUsedOnce()
            try await judge.unitsAreConserved()
            try await judge.repeatsAnswerAlike()
            try await simulation.settle()
            try await simulation.stop()
            try await judge.storedDataIsInOrder()
            happenings = simulation.happenings.all
        }
        return happenings
    }
}

/// Holds what was heard against what is stored.
struct Judge {
    private let simulation: Simulation
    private var store: Store { simulation.store }
    private var words: Comment { "seed \(simulation.seed)" }

    init(_ simulation: Simulation) { self.simulation = simulation }

    func storedDataIsInOrder() async throws {
        let findings = try await store.findings()
        #expect(findings.isEmpty, "\(words): \(findings)")
        let between = try await store.rows("SELECT state, step, reason FROM sagas WHERE state NOT LIKE '%ed'")
        #expect(between.isEmpty, "\(words): \(between)")
        #expect(try await store.number("SELECT COUNT(*) FROM orders WHERE status = 'pending'") == 0, words)
    }

    private func reachable(from status: OrderStatus) -> Set<OrderStatus> {
        status.next.reduce(into: [status]) { $0.formUnion(reachable(from: $1)) }
    }

    /// An acknowledged order is there, in a state that follows the acknowledged one.
    func answersHold() async throws {
        var refunded: [OrderID: [RequestKey: Int64]] = [:]
        for entry in simulation.entries {
            guard let id = entry.heard.order else { continue }
            let order = try await simulation.shop.order(id)
            let says: Comment = "\(words): heard \(entry.heard), is \(order.status)"
            if let status = entry.heard.status { #expect(reachable(from: status).contains(order.status), says) }
            switch (entry.request, entry.heard.kind) {
            case (.place, .created): #expect(order.status != .failed && order.status != .expired, says)
            case (.place, .paymentDeclined):
                #expect(order.status == .failed, says)
                #expect(try await simulation.shop.booked(id).contains("captured") == false, says)
            case (.cancel, .ok): #expect(order.status == .canceled, says)
            case (.fulfill, .ok): #expect(order.status == .fulfilled, says)
            case (.refund(_, let amount?), .created): refunded[id, default: [:]][entry.key] = amount
            default: break
            }
        }
        for (id, amounts) in refunded {
            #expect(try await simulation.shop.payment(id).refunded >= amounts.values.reduce(0, +), words)
        }
    }

    /// One key, at most one order that came to anything, and one capture.
    func keysAreUsedOnce() async throws {
        let rows = try await store.rows(
            """
            SELECT idempotency_scope, COUNT(*) FROM orders WHERE status NOT IN ('failed', 'expired')
            GROUP BY idempotency_scope HAVING COUNT(*) > 1
            """)
        #expect(rows.isEmpty, "\(words): \(rows)")
        let captures = try await store.rows(
            "SELECT key, COUNT(*) FROM entries WHERE kind = 'captured' GROUP BY key HAVING COUNT(*) > 1", in: .books)
        #expect(captures.isEmpty, "\(words): \(captures)")
        let twice = try await store.rows(
            """
            SELECT reference, COUNT(*) FROM stock_ledger WHERE reference LIKE 'adjust %'
            GROUP BY reference HAVING COUNT(*) > 1
            """)
        #expect(twice.isEmpty, "\(words): \(twice)")
    }

    /// What is on the shelf is what came less what left; what is reserved is what confirmed orders wait for.
    func unitsAreConserved() async throws {
        var (left, waiting): ([String: Int64], [String: Int64]) = ([:], [:])
        for row in try await store.rows("SELECT status, lines FROM orders WHERE status IN ('confirmed', 'fulfilled')") {
            let isLeft = try row.text(0) == "fulfilled"
            for line in try OrderLine.decode(try row.text(1)) {
                if isLeft {
                    left[line.sku, default: 0] += line.quantity
                } else {
                    waiting[line.sku, default: 0] += line.quantity
                }
            }
        }
        for sku in Simulation.skus {
            let adjusted = "SELECT COALESCE(SUM(delta), 0) FROM stock_ledger WHERE sku = $1 AND reason <> 'fulfilled'"
            let came = try await store.number(adjusted, [.text(sku)])
            let stock = try await simulation.shop.stock(sku)
            #expect(stock.onHand == came - (left[sku] ?? 0), "\(words): \(sku)")
            #expect(stock.reserved == waiting[sku] ?? 0 && stock.queued == 0, "\(words): \(sku)")
            #expect(stock.available >= 0, words)
        }
        var acknowledged: [RequestKey: (String, Int64)] = [:]
        for entry in simulation.entries {
            if case (.adjust(let sku, let delta), .created) = (entry.request, entry.heard.kind), delta != 0 {
                acknowledged[entry.key] = (sku, delta)
            }
        }
        for (key, (sku, delta)) in acknowledged {
            let rows = try await store.rows(
                "SELECT sku, delta FROM stock_ledger WHERE reference = $1", [.text(key.scope)])
            #expect(rows == [SQLRow([.text(sku), .integer(delta)])], "\(words): an acknowledged adjustment")
        }
    }

    /// The same key gives the same answer, or the present state of the order that its caller was told of.
    func repeatsAnswerAlike() async throws {
        var seen: Set<RequestKey> = []
        for entry in simulation.entries where seen.insert(entry.key).inserted {
            let heard = simulation.entries.filter { $0.key == entry.key }.map(\.heard)
            let simulation = simulation
            let again = try await store.drive { await simulation.ask(entry.request, entry.key) }
            let says: Comment = "\(words): \(entry.request) heard \(heard), then \(again)"
            if let kept = heard.first(where: { $0.kind != nil }) {
                #expect(again.kind == kept.kind || again.isAccepted, says)
                if again.kind != nil { #expect(again.document == kept.document, says) }
                #expect(again.isReplay, says)
            } else if case .place = entry.request, let accepted = heard.last(where: { $0.isAccepted }),
                accepted.status == .pending
            {
                #expect(again.order == accepted.order, says)
            }
        }
    }
}
