import Determinism
import DeterminismTestKit
import Storage
import Testing

@testable import PantryDomain

@Suite("Imports: what a chunk of rows does", .timeLimit(.minutes(1)))
struct ImportProductsTests {
    private func row(
        _ line: Int64, _ sku: String, _ name: String = "Apple", price: Int64 = 250, category: String?? = nil,
        onHand: Int64? = nil
    ) -> ImportEntry {
        .row(
            ProductRow(
                line: line, sku: sku, name: name, unitPrice: Money(price, "USD"), category: category, onHand: onHand))
    }

    private func run(
        _ entries: [ImportEntry], in shop: Shop, tally: ImportTally = ImportTally(), step: ImportProducts.Step? = nil
    ) async throws -> ImportTally {
        let command = ImportProducts(
            organization: shop.number, entries: entries, tally: tally, step: step, seed: shop.store.random.next(),
            traceparent: nil)
        switch try await shop.store.submit(command, tenant: shop.tenant) {
        case .imported(let tally): return tally
        case .refused(let refusal): throw refusal
        }
    }

    private func product(_ sku: String, in shop: Shop) async throws -> ProductRecord {
        try #require(
            await shop.store.rows("\(ProductRecord.table.selectAllText) WHERE sku = $1", [.text(sku)]).first
        ).record()
    }

    /// Everything that an import may write.
    private func rows(_ store: Store) async throws -> [[SQLRow]] {
        var all: [[SQLRow]] = []
        for table in ["products", "stock", "stock_ledger", "outbox", "idempotency_keys"] {
            all.append(try await store.rows("SELECT * FROM \(table) ORDER BY 1, 2, 3"))
        }
        return all
    }

    @Test func newProductsComeIntoBeingWithTheirCount() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            let tally = try await run(
                [row(2, "a", category: "fruit", onHand: 7), row(3, "b", onHand: 0), row(4, "c")], in: shop)
            #expect((tally.imported, tally.failed) == (3, 0))
            #expect(try await product("a", in: shop).category == "fruit")
            #expect(try await shop.stock("a").onHand == 7)
            for sku in ["b", "c"] { #expect(try await shop.stock(sku).onHand == 0) }
            #expect(try await store.text("SELECT reason FROM stock_ledger") == "count")
            #expect(try await store.text("SELECT type FROM outbox WHERE key = 'stock/a'") == "inventory:adjusted")
            #expect(try await store.number("SELECT COUNT(*) FROM outbox") == 1, "a count of none is no news")
            #expect(try await store.findings().isEmpty)
        }
    }

    @Test func theSameRowsAgainWriteNothing() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            let entries = [
                row(2, "a", category: .some("fruit"), onHand: 7), row(3, "b"), row(4, "c", category: .some(nil)),
            ]
            let first = try await run(entries, in: shop)
            let before = try await rows(store)
            try await store.pass(.seconds(5))
            #expect(try await run(entries, in: shop) == first)
            #expect(try await rows(store) == before)
        }
    }

    @Test func aKnownProductTakesNamePriceCategoryAndKeepsTheRest() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            let made = ProductRequest(
                sku: "a", name: "Old", unitPrice: Money(1, "EUR"), category: "fruit", attributes: #"{"x":1}"#)
            _ = try await shop.run(CreateProduct(organization: 1, product: made))
            try await shop.adjust("a", by: 5)
            _ = try await run([row(2, "a", "New")], in: shop)
            var product = try await product("a", in: shop)
            #expect((product.name, product.unitPrice, product.category) == ("New", Money(250, "USD"), "fruit"))
            #expect(product.attributes == #"{"x":1}"#)
            #expect(try await shop.stock("a").onHand == 5, "without a count the stock stays")
            _ = try await run([row(2, "a", "New", category: .some(nil))], in: shop)
            product = try await self.product("a", in: shop)
            #expect(product.category == nil)
            // é of one scalar and of two.
            _ = try await run([row(2, "a", "\u{E9}")], in: shop)
            _ = try await run([row(2, "a", "e\u{301}")], in: shop)
            #expect(Array(try await self.product("a", in: shop).name.utf8) == Array("e\u{301}".utf8))
        }
    }

    @Test func aDeletedProductComesBackWithItsStock() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", stock: 5)
            _ = try await shop.run(DeleteProduct(organization: 1, sku: "a"))
            let tally = try await run([row(2, "a"), row(3, "a", onHand: 6)], in: shop)
            #expect(tally.imported == 2)
            #expect(try await product("a", in: shop).state == .active)
            #expect(try await shop.stock("a").onHand == 6)
            #expect(try await store.findings().isEmpty)
        }
    }

    @Test func aCountBelowWhatIsHeldFailsAlone() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            try await shop.product("a", stock: 5)
            try await store.tamper("UPDATE stock SET reserved = 3")
            let tally = try await run(
                [row(2, "b", onHand: 1), row(3, "a", "Renamed", onHand: 2), row(4, "c", onHand: 1)], in: shop)
            #expect((tally.imported, tally.failed) == (2, 1))
            #expect(tally.errors.map(\.line) == [3] && tally.errors.map(\.code) == ["out-of-range"])
            #expect(tally.errors[0].detail.hasPrefix("onHand: 3 of 5 units are reserved"))
            #expect(try await product("a", in: shop).name == "Product a", "a row that fails changes nothing")
            #expect(try await shop.stock("a").onHand == 5)
            for sku in ["b", "c"] { #expect(try await shop.stock(sku).onHand == 1) }
        }
    }

    @Test func theLastOfTwoRowsForAProductHolds() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            let tally = try await run([row(2, "a", "One", onHand: 3), row(3, "a", "Two", onHand: 9)], in: shop)
            #expect(tally.imported == 2)
            #expect(try await product("a", in: shop).name == "Two")
            let deltas = try await store.rows("SELECT delta FROM stock_ledger").map { try $0.integer(0) }
            #expect(deltas.sorted() == [3, 6])
            #expect(try await store.findings().isEmpty)
        }
    }

    @Test func failuresAreCountedInTheirOrderAndToldUpToALimit() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            let failures = (1...1_200).map { ImportEntry.failure(RowFailure(line: $0, code: "x", detail: "y")) }
            let tally = try await run(failures + [row(1_201, "a")], in: shop)
            #expect((tally.imported, tally.failed) == (1, 1_200))
            #expect(tally.errors.map(\.line) == Array(1...1_000))
            let progress = ImportProgress(attempt: 3, place: ImportPlace(bytes: 9, digest: "d"), tally: tally)
            #expect(ImportProgress(document: progress.document) == progress)
        }
    }

    @Test func aMovedOrganizationTakesNoRows() async throws {
        try await withStore { store in
            var shop = try await Shop.open(in: store)
            shop.epoch = 2
            let moved = shop
            await #expect(throws: LaneFailure.fenced) { _ = try await run([row(2, "a")], in: moved) }
            #expect(try await store.number("SELECT COUNT(*) FROM products") == 0)
        }
    }
}

@Suite("Imports: progress under a key", .timeLimit(.minutes(1)))
struct ImportProgressTests {
    private let entry = ImportEntry.row(
        ProductRow(line: 1, sku: "a", name: "A", unitPrice: Money(1, "USD"), category: nil, onHand: 5))

    private func claim(_ shop: Shop, _ key: RequestKey) async throws -> ClaimImport.Outcome {
        try await shop.store.submit(ClaimImport(organization: 1, request: key), tenant: shop.tenant)
    }

    private func write(
        _ shop: Shop, _ key: RequestKey, _ progress: ImportProgress, to place: ImportPlace, isLast: Bool = false
    ) async throws -> ImportProducts.Outcome {
        let step = ImportProducts.Step(
            request: key, attempt: progress.attempt, from: progress.place, to: place, isLast: isLast)
        return try await shop.store.submit(
            ImportProducts(
                organization: 1, entries: [entry], tally: progress.tally, step: step, seed: shop.store.random.next(),
                traceparent: nil), tenant: shop.tenant)
    }

    private func proceed(_ outcome: ClaimImport.Outcome) throws -> ImportProgress {
        guard case .proceed(let progress) = outcome else { throw StorageError.statement("\(outcome)") }
        return progress
    }

    @Test func aRepeatGoesOnWhereTheLastChunkEnded() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            let key = shop.key("k", route: "imports")
            let first = try proceed(try await claim(shop, key))
            #expect((first.attempt, first.place, first.tally) == (1, .start, ImportTally()))
            let half = ImportPlace(bytes: 100, digest: "abc")
            guard case .imported(let tally) = try await write(shop, key, first, to: half) else {
                Issue.record("the first attempt is at work")
                return
            }
            let second = try proceed(try await claim(shop, key))
            #expect((second.attempt, second.place, second.tally) == (2, half, tally))

            // Who was taken over from changes nothing any more.
            try await shop.adjust("a", by: -2)
            let late = ImportProgress(attempt: 1, place: half, tally: tally)
            guard case .refused(.keyInProgress) = try await write(shop, key, late, to: half) else {
                Issue.record("two attempts are at work")
                return
            }
            #expect(try await shop.stock("a").onHand == 3)

            let whole = ImportPlace(bytes: 200, digest: "def")
            guard case .imported(let all) = try await write(shop, key, second, to: whole, isLast: true),
                case .finished(let end) = try await claim(shop, key)
            else {
                Issue.record("the second attempt is at work and ends")
                return
            }
            #expect(all.imported == 2 && end.tally == all && end.place == whole)
            guard case .refused(.keyInProgress) = try await write(shop, key, second, to: whole) else {
                Issue.record("it has ended")
                return
            }
            #expect(try await store.findings().isEmpty)
        }
    }

    @Test func anotherPathOrFormatIsAnotherRequest() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            _ = try await claim(shop, shop.key("k", route: "imports"))
            guard
                case .refused(.keyReused) = try await claim(shop, shop.key("k", route: "imports", fingerprint: "other"))
            else {
                Issue.record("the key belongs to another request")
                return
            }
        }
    }

    @Test func keysOfImportsThatWereGivenUpAreForgottenLikeOthers() async throws {
        try await withStore { store in
            let shop = try await Shop.open(in: store)
            _ = try await claim(shop, shop.key("k", route: "imports"))
            let count = try await IdempotencySchema.forget(
                before: store.time.now() + .seconds(1), limit: 10, in: store.shard)
            #expect(count == 1)
            #expect(try await store.number("SELECT COUNT(*) FROM idempotency_keys") == 0)
        }
    }
}
