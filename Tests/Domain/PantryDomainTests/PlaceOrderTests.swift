import Determinism
import Sagas
import Storage
import Testing

@testable import PantryDomain

/// The first commit of an order, decided over real rows but without a worker.
@Suite struct PlaceOrderTests {
    private func place(
        _ items: [(sku: String, quantity: Int64)], _ key: RequestKey, in shop: Shop, seed: UInt64 = 7
    ) async throws -> PlaceOrder.Outcome {
        let order = OrderRequest(items: items, method: "pm_ok", onUnavailable: .queue, metadata: nil)
        return try await shop.store.submit(
            PlaceOrder(
                caller: shop.caller, order: order, key: key, terms: CheckoutTerms(), sagas: shop.checkouts, seed: seed),
            tenant: shop.tenant)
    }
    private func withShop(_ body: (Shop) async throws -> Void) async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", price: 250, stock: 3)
            try await shop.product("b", price: 400, stock: 2)
            try await shop.product("yen", price: 100, "JPY", stock: 5)
            try await body(shop)
            #expect(try await store.findings() == [])
        }
    }
    private func problems(_ outcome: PlaceOrder.Outcome) -> [FieldProblem]? {
        guard case .refused(.invalid(let problems)) = outcome else { return nil }
        return problems
    }

    @Test func everythingIsInOneCommit() async throws {
        try await withShop { shop in
            guard case .started(let ticket) = try await place([("a", 2), ("b", 1)], shop.key("k"), in: shop) else {
                Issue.record("not started")
                return
            }
            let id = OrderID(ticket.subject)
            let (order, payment) = (try await shop.order(id), try await shop.payment(id))
            #expect(order.total == Money(900, "USD") && order.status == .pending && order.saga == ticket.id)
            #expect(payment.amount == order.total && payment.status == .processing)
            #expect(payment.providerKey == "\(id)/charge")
            #expect(ticket.epoch == 1 && !ticket.mayHaveBeenCalled)
            #expect(try await shop.stock("a").reserved == 2)
            #expect(try await shop.stock("b").available == 1)
            let log = try await shop.store.rows(SagaLogRecord.table.selectAllText)
            #expect(log.count == 1, "what a commit has to tell is one row")
            let entries = try log.flatMap { try $0.record(SagaLogRecord.self).entries }
            #expect(entries.map(\.kind) == [.began, .completed, .intended])
            #expect(entries.last?.detail == "\(ticket.id)/charge", "the step's key; the provider's is the payment's")
            #expect(try await shop.events(of: id) == ["order:created", "inventory:reserved"])
            let pinned = "SELECT COUNT(*) FROM reservations WHERE state = 'pinned'"
            #expect(try await shop.store.number(pinned) == 2)
            let key = try await shop.store.rows("SELECT state, kind FROM idempotency_keys WHERE scope LIKE '% k'")
            #expect(key == [SQLRow(["running", nil])])
        }
    }

    @Test func theSameProductOnTwoLinesIsSummed() async throws {
        try await withShop { shop in
            let outcome = try await place([("a", 2), ("b", 1), ("a", 2)], shop.key("k1"), in: shop)
            guard case .kept(let answer) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(answer.kind == .outOfStock)
            #expect(answer.document == #"[{"sku":"a","requested":4,"available":3}]"#)
            #expect(try await shop.stock("b").reserved == 0)
            guard case .started(let ticket) = try await place([("a", 1), ("a", 2)], shop.key("k2"), in: shop) else {
                Issue.record("three units are there")
                return
            }
            #expect(try await shop.stock("a").reserved == 3)
            let order = try await shop.order(OrderID(ticket.subject))
            #expect(try OrderLine.decode(order.lines).map(\.quantity) == [1, 2])
            #expect(try await shop.store.number("SELECT COUNT(*) FROM reservations") == 1)
        }
    }

    @Test func everythingThatIsWrongIsNamedAtOnce() async throws {
        try await withShop { shop in
            _ = try await shop.run(DeleteProduct(organization: shop.number, sku: "b"))
            let outcome = try await place([("a", 1), ("b", 1), ("none", 1), ("yen", 1)], shop.key("k"), in: shop)
            #expect(
                problems(outcome)?.map { "\($0.pointer) \($0.code)" } == [
                    "/items/1/sku unknown-sku", "/items/2/sku unknown-sku", "/items/3/sku mixed-currencies",
                ])
            // Such a refusal is not remembered: what was wrong may have been put right.
            try await shop.product("none", stock: 1)
            guard case .started = try await place([("none", 1)], shop.key("k"), in: shop) else {
                Issue.record("the key was burnt")
                return
            }
        }
    }

    @Test func totalsThatNobodyCanCountAreRefused() async throws {
        try await withShop { shop in
            try await shop.product("gold", price: Money.largestAmount, stock: 5)
            try await shop.product("half", price: Money.largestAmount / 2, stock: 5)
            let product = try await place([("gold", 2)], shop.key("1"), in: shop)
            #expect(problems(product)?.map(\.code) == ["too-large"])
            let sum = try await place([("half", 2), ("a", 1)], shop.key("2"), in: shop)
            #expect(problems(sum)?.map(\.pointer) == ["/items/1/quantity"])
            let wrapped = try await place([("gold", 1_000_000_000)], shop.key("3"), in: shop)
            #expect(problems(wrapped)?.map(\.code) == ["too-large"])
            guard case .started = try await place([("gold", 1)], shop.key("4"), in: shop) else {
                Issue.record("the largest amount is an amount")
                return
            }
        }
    }

    @Test func aShortageNamesEveryProductAndIsRemembered() async throws {
        try await withShop { shop in
            let items: [(sku: String, quantity: Int64)] = [("b", 3), ("a", 4), ("yen", 0)]
            let first = try await place(Array(items.prefix(2)), shop.key("k"), in: shop)
            guard case .kept(let answer) = first else {
                Issue.record("\(first)")
                return
            }
            #expect(
                answer.document
                    == #"[{"sku":"a","requested":4,"available":3},{"sku":"b","requested":3,"available":2}]"#)
            try await shop.adjust("a", by: 5)
            try await shop.adjust("b", by: 5)
            guard case .replay(answer) = try await place(Array(items.prefix(2)), shop.key("k"), in: shop) else {
                Issue.record("the key has forgotten")
                return
            }
            #expect(try await shop.store.number("SELECT COUNT(*) FROM orders") == 0)
        }
    }

    @Test func aKeyLeadsToItsFirstAttempt() async throws {
        try await withShop { shop in
            guard case .started(let ticket) = try await place([("a", 1)], shop.key("k"), in: shop) else {
                Issue.record("the order did not begin")
                return
            }
            let other = try await place([("a", 1)], shop.key("k", fingerprint: "other"), in: shop)
            guard case .refused(.keyReused) = other else {
                Issue.record("\(other)")
                return
            }
            let order = OrderID(ticket.subject)
            guard
                case .running(order, ticket.id, isAccepted: false) = try await place(
                    [("a", 1)], shop.key("k"), in: shop)
            else {
                Issue.record("the first attempt is under way")
                return
            }
            // A caller whose order was undone, and whose key a repeat has taken meanwhile.
            let late = AcceptOrder(
                organization: shop.number, scope: shop.key("k").scope, order: OrderID(UUIDv7(high: 1, low: 1)))
            guard case .freed = try await shop.store.submit(late, tenant: shop.tenant) else {
                Issue.record("it is another order's key")
                return
            }
            let accept = AcceptOrder(organization: shop.number, scope: shop.key("k").scope, order: order)
            for _ in 0..<2 { _ = try await shop.store.submit(accept, tenant: shop.tenant) }
            let rows = try await shop.store.rows("SELECT kind, version FROM idempotency_keys WHERE scope LIKE '% k'")
            #expect(rows == [SQLRow(["accepted", 2])], "noted once")
            guard
                case .running(order, ticket.id, isAccepted: true) = try await place(
                    [("a", 1)], shop.key("k"), in: shop)
            else {
                Issue.record("its caller was told 202")
                return
            }
            #expect(try await shop.store.number("SELECT COUNT(*) FROM orders") == 1)
        }
    }

    @Test func anotherEpochOrOrganizationIsFenced() async throws {
        try await withShop { shop in
            var moved = shop
            moved.epoch = 2
            await #expect(throws: LaneFailure.fenced) { try await place([("a", 1)], shop.key("k"), in: moved) }
            let stranger = Shop(store: shop.store, number: 99, organizationID: shop.organizationID)
            await #expect(throws: LaneFailure.fenced) { try await place([("a", 1)], shop.key("k"), in: stranger) }
            _ = try await shop.store.submit(RaiseFence(number: 2, epoch: 1))
            let second = Shop(store: shop.store, number: 2, organizationID: shop.organizationID)
            let outcome = try await place([("a", 1)], shop.key("k"), in: second)
            #expect(problems(outcome)?.map(\.code) == ["unknown-sku"], "another organization's product")
        }
    }
}
