import Determinism
import DeterminismTestKit
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

@Suite struct StockTests {
    private func stock(onHand: Int64, reserved: Int64 = 0) -> StockRecord {
        var stock = StockRecord(organization: 1, sku: "a")
        let isStocked = stock.adjust(by: onHand) && (reserved == 0 || stock.reserve(reserved))
        #expect(isStocked)
        return stock
    }

    @Test func unitsAreReservedOnceOnly() {
        var stock = stock(onHand: 3)
        let refused = [stock.reserve(0), stock.reserve(-1), stock.reserve(4)]
        #expect(refused == [false, false, false] && stock.available == 3)
        let taken = [stock.reserve(3), stock.reserve(1)]
        #expect(taken == [true, false])
        #expect((stock.onHand, stock.reserved, stock.available) == (3, 3, 0))
    }

    @Test func unitsMoveBetweenShelfHoldsAndQueue() {
        var stock = stock(onHand: 10, reserved: 6)
        stock.moveIntoQueue(4)
        #expect((stock.reserved, stock.queued) == (6, 4))
        stock.moveOutOfQueue(1)
        stock.release(3, queued: true)
        #expect((stock.onHand, stock.reserved, stock.queued) == (10, 3, 0))
        stock.consume(2)
        #expect((stock.onHand, stock.reserved, stock.available) == (8, 1, 7))
        stock.release(1, queued: false)
        #expect(stock.available == 8)
        let events = [stock.nextEvent(), stock.nextEvent(), stock.events]
        #expect(events == [1, 2, 2])
    }

    @Test func anAdjustmentKeepsHoldsCoveredAndCountsCountable() {
        var stock = stock(onHand: 10, reserved: 6)
        for delta in [-5, Int64.min, Int64.max, Money.largestAmount - 9] {
            let isTaken = stock.adjust(by: delta)
            #expect(!isTaken && stock.onHand == 10, "\(delta)")
        }
        let isLowered = stock.adjust(by: -4)
        #expect(isLowered && stock.available == 0)
        let isRaised = stock.adjust(by: Money.largestAmount - 6)
        #expect(isRaised && stock.onHand == Money.largestAmount)
    }

    private func answer(_ outcome: KeyedOutcome) throws -> JSONObject {
        guard case .answer(let answer, _) = outcome, let object = try JSONReader.parse(answer.document).object else {
            throw StorageError.statement("refused: \(outcome)")
        }
        return object
    }

    @Test func aCountComparesAndLeavesOneLedgerRow() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", stock: 5)
            func count(_ onHand: Int64, expecting expected: Int64?) async throws -> KeyedOutcome {
                try await shop.run(
                    CountStock(
                        organization: 1, sku: "a", onHand: onHand, expected: expected, seed: UInt64(onHand + 90),
                        traceparent: nil))
            }
            guard case .refused(.stockChanged(onHand: 5)) = try await count(7, expecting: 4) else {
                Issue.record("somebody else had counted")
                return
            }
            let counted = try answer(try await count(7, expecting: 5))
            #expect(counted["onHand"] == 7 && counted["movement"]?.object?["delta"] == 2)
            let same = try answer(try await count(7, expecting: nil))
            #expect(same["movement"] == nil, "what changes nothing leaves no row")
            let deltas = try await store.rows("SELECT delta FROM stock_ledger ORDER BY id").map { try $0.integer(0) }
            #expect(deltas.sorted() == [2, 5])
            guard case .refused(.invalid) = try await count(-1, expecting: nil) else {
                Issue.record("nobody counts less than none")
                return
            }
            #expect(try await store.findings() == [])
        }
    }

    @Test func unitsThatOrdersHoldCannotBeCountedAway() async throws {
        try await withCheckout { checkout in
            _ = try await checkout.place([("a", 4)], key: "k")
            guard case .refused(.invalid(let problems)) = try await checkout.shop.adjust("a", by: -7) else {
                Issue.record("four units are somebody's")
                return
            }
            #expect(problems.map(\.pointer) == ["/delta"])
            _ = try answer(try await checkout.shop.adjust("a", by: -6))
            #expect(try await checkout.shop.stock("a").available == 0)
        }
    }

    @Test func anAdjustmentNeedsAProductThatIsOnSale() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", stock: 5)
            _ = try await shop.run(DeleteProduct(organization: 1, sku: "a"))
            for sku in ["a", "none"] {
                guard case .refused(.notFound) = try await shop.adjust(sku, by: 1) else {
                    Issue.record("\(sku) is not on sale")
                    return
                }
            }
        }
    }
}

@Suite struct IdempotentCommandTests {
    @Test func theFirstAnswerIsKeptWithTheEffect() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", stock: 1)
            let key = shop.key("k", route: "stock:adjust")
            guard case .answer(let first, isReplay: false) = try await shop.adjust("a", by: 3, key: key),
                case .answer(let second, isReplay: true) = try await shop.adjust("a", by: 3, key: key)
            else {
                Issue.record("answered, then replayed")
                return
            }
            #expect(first == second)
            #expect(try await shop.stock("a").onHand == 4)
            let other = RequestKey(route: "stock:adjust", key: "k", fingerprint: "another body")
            guard case .refused(.keyReused) = try await shop.adjust("a", by: 4, key: other) else {
                Issue.record("the key was for another body")
                return
            }
            let elsewhere = RequestKey(route: "stock:count", key: "k", fingerprint: "f")
            guard case .answer(_, isReplay: false) = try await shop.adjust("a", by: 4, key: elsewhere) else {
                Issue.record("keys of different routes do not meet")
                return
            }
        }
    }

    @Test func aRefusalIsNotKeptAndARunningAttemptIsNamed() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            let key = shop.key("k", route: "stock:adjust")
            guard case .refused(.notFound) = try await shop.adjust("a", by: 1, key: key) else {
                Issue.record("there is no product yet")
                return
            }
            try await shop.product("a", stock: 0)
            guard case .answer(_, isReplay: false) = try await shop.adjust("a", by: 1, key: key) else {
                Issue.record("the refusal was kept")
                return
            }
            try await store.tamper("UPDATE idempotency_keys SET state = 'running', kind = NULL, document = NULL")
            guard case .refused(.keyInProgress) = try await shop.adjust("a", by: 1, key: key) else {
                Issue.record("the first attempt is under way")
                return
            }
        }
    }

    @Test func twoAtOnceTakeEffectOnce() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", stock: 0)
            let key = shop.key("k", route: "stock:adjust")
            let replays = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        guard case .answer(_, let isReplay) = try await shop.adjust("a", by: 2, key: key) else {
                            return false
                        }
                        return isReplay
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(replays == 19)
            #expect(try await shop.stock("a").onHand == 2)
        }
    }

    @Test func onlySettledKeysAreForgotten() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", stock: 0)
            for name in ["1", "2", "3"] { try await shop.adjust("a", by: 1, key: shop.key(name)) }
            try await store.tamper(
                "UPDATE idempotency_keys SET state = 'running', document = NULL WHERE scope LIKE '% 1'")
            let later = store.time.now() + .seconds(1)
            #expect(try await IdempotencySchema.forget(before: store.time.now(), limit: 9, in: store.shard) == 0)
            #expect(try await IdempotencySchema.forget(before: later, limit: 1, in: store.shard) == 1)
            #expect(try await IdempotencySchema.forget(before: later, limit: 9, in: store.shard) == 1)
            #expect(try await store.number("SELECT COUNT(*) FROM idempotency_keys") == 1)
        }
    }
}

@Suite struct ProductTests {
    private func request(_ name: String, _ amount: Int64 = 100) -> ProductRequest {
        ProductRequest(
            sku: "a", name: name, unitPrice: Money(amount, "EUR"), category: "fruit", attributes: #"{"bio":true}"#)
    }
    private func stored(_ store: Store) async throws -> ProductRecord {
        try #require(await store.rows(ProductRecord.table.selectAllText).first).record()
    }

    @Test func aProductIsMadeOnceAndPatched() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            guard
                case .answer(let made, _) = try await shop.run(
                    CreateProduct(organization: 1, product: request("Apple")))
            else {
                Issue.record("refused")
                return
            }
            let first = try await stored(store)
            #expect(made.kind == .created && made.document == first.document)
            #expect(try await shop.stock("a").onHand == 0)
            guard
                case .refused(.alreadyExists) = try await shop.run(
                    CreateProduct(organization: 1, product: request("Pear")))
            else {
                Issue.record("there is one already")
                return
            }
            store.time.advance(by: .seconds(1))
            let patch = ProductPatch(name: "Pear", unitPrice: nil, category: .some(nil), attributes: nil)
            _ = try await shop.run(PatchProduct(organization: 1, sku: "a", patch: patch))
            let product = try await stored(store)
            #expect(product.name == "Pear" && product.category == nil && product.unitPrice == Money(100, "EUR"))
            #expect(product.attributes == #"{"bio":true}"# && product.updatedAt > product.createdAt)
        }
    }

    @Test func aDeletedProductIsGoneAndComesBackWithItsStock() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            _ = try await shop.run(CreateProduct(organization: 1, product: request("Apple")))
            try await shop.adjust("a", by: 7)
            _ = try await shop.run(DeleteProduct(organization: 1, sku: "a"))
            let patch = ProductPatch(name: "Pear", unitPrice: nil, category: nil, attributes: nil)
            guard case .refused(.notFound) = try await shop.run(PatchProduct(organization: 1, sku: "a", patch: patch)),
                case .refused(.notFound) = try await shop.run(DeleteProduct(organization: 1, sku: "a"))
            else {
                Issue.record("it is deleted")
                return
            }
            store.time.advance(by: .seconds(60))
            guard
                case .answer(let made, _) = try await shop.run(
                    CreateProduct(organization: 1, product: request("Plum", 300)))
            else {
                Issue.record("refused")
                return
            }
            let product = try await stored(store)
            #expect(product.state == .active && product.unitPrice == Money(300, "EUR") && product.name == "Plum")
            #expect(made.document == product.document, "the answer is what is stored")
            #expect(try await shop.stock("a").onHand == 7)
            #expect(try await store.findings() == [])
        }
    }

    @Test func ordersKeepThePriceThatWasAgreedOn() async throws {
        try await withCheckout { checkout in
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            let patch = ProductPatch(name: nil, unitPrice: Money(9_999, "EUR"), category: nil, attributes: nil)
            _ = try await checkout.shop.run(PatchProduct(organization: 1, sku: "a", patch: patch))
            _ = try await checkout.shop.run(DeleteProduct(organization: 1, sku: "a"))
            #expect(try await checkout.refund(id, nil, key: "r").paymentStatus == "refunded")
            #expect(try await checkout.shop.order(id).total == Money(500, "USD"))
        }
    }
}
