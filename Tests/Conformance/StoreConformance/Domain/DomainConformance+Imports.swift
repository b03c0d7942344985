import Determinism
import DeterminismTestKit
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

extension DomainConformance {
    private static func row(
        _ line: Int64, _ sku: String, _ name: String = "Apple", price: Int64 = 250, category: String?? = nil,
        onHand: Int64? = nil
    ) -> ImportEntry {
        .row(
            ProductRow(
                line: line, sku: sku, name: name, unitPrice: Money(price, "USD"), category: category, onHand: onHand))
    }
    private static func submit<C: LaneCommand>(
        _ command: C, _ shop: Shop, on server: Server? = nil
    ) async throws -> C.Outcome {
        let context = try await shop.context(on: server)
        return try await shop.world.drive { try await context.submit(command) }
    }
    private static func run(
        _ entries: [ImportEntry], _ shop: Shop, step: ImportProducts.Step? = nil, on server: Server? = nil
    ) async throws -> ImportTally {
        let command = ImportProducts(
            organization: shop.number, entries: entries, tally: ImportTally(), step: step,
            seed: shop.world.random.next(), traceparent: nil)
        switch try await submit(command, shop, on: server) {
        case .imported(let tally): return tally
        case .refused(let refusal): throw refusal
        }
    }

    // MARK: imports

    static let imports: [Behavior<Shop>] = [
        Behavior("a chunk of an import is written at once, and what is so already is not written") { shop in
            let entries = (0..<500 as Range<Int64>).map { index in
                row(
                    index + 2, "sku-\(index)", "Näme '\(index)' 50%_\\", category: index % 2 == 0 ? "c" : nil,
                    onHand: index)
            }
            let tally = try await run(entries, shop)
            #expect((tally.imported, tally.failed) == (500, 0))
            let state = "SELECT SUM(version), COUNT(*), MIN(name), MAX(sku) FROM products"
            let before = try await shop.world.rows(state)
            #expect(before[0][1] == 500 && before[0][3] == "sku-99")
            #expect(try await run(entries, shop, on: shop.world.second).imported == 500)
            #expect(try await shop.world.rows(state) == before)
            #expect(try await shop.world.number("SELECT SUM(on_hand) FROM stock") == 499 * 500 / 2)
            #expect(
                try await shop.world.number("SELECT COUNT(*) FROM stock_ledger") == 499, "a count of none is no news")
        },
        Behavior("a row that cannot be had fails alone, and a name is new when its bytes are") { shop in
            try await shop.product("held", stock: 3)
            _ = try await shop.place([("held", 2)], "k")
            let tally = try await run(
                [
                    row(2, "a", "Caf\u{E9}", onHand: 1), row(3, "held", onHand: 1),
                    .failure(RowFailure(line: 4, code: "syntax", detail: "no price")), row(5, "b"),
                    row(6, "a", "Cafe\u{301}", category: .some("x"), onHand: Money.largestAmount),
                ], shop)
            #expect((tally.imported, tally.failed) == (3, 2))
            #expect(tally.errors.map(\.line) == [3, 4])
            let context = try await shop.context()
            let read = try await InventoryQueries.product("a", .strong, in: context).document
            #expect(try read.member("name").unicodeScalars.count == 5, "the later row's")
            #expect(try await shop.stock("a").onHand == Money.largestAmount)
            #expect(try await shop.stock("held").onHand == 3)
            _ = try await run([row(2, "a", "Caf\u{E9}", category: .some(nil))], shop)
            let again = try await InventoryQueries.product("a", .strong, in: context).document
            #expect(try again.member("name").unicodeScalars.count == 4)
            #expect(try JSONReader.parse(again).object?["category"]?.string == nil)
        },
        Behavior("an import under a key goes on where its last chunk ended, and only for its last owner") { shop in
            let request = shop.key("import it's", route: "products:import")
            let claim = ClaimImport(organization: shop.number, request: request)
            guard case .proceed(let begun) = try await submit(claim, shop) else { throw Unexpected() }
            let middle = ImportPlace(bytes: 100, digest: "half")
            let first = ImportProducts.Step(
                request: request, attempt: begun.attempt, from: .start, to: middle, isLast: false)
            _ = try await run([row(2, "a", onHand: 1)], shop, step: first)
            // The server is thought to be dead; another one takes over.
            guard case .proceed(let taken) = try await submit(claim, shop, on: shop.world.second) else {
                throw Unexpected()
            }
            #expect(taken.place == middle && taken.attempt == begun.attempt + 1)
            let end = ImportPlace(bytes: 200, digest: "whole")
            let late = ImportProducts.Step(
                request: request, attempt: begun.attempt, from: middle, to: end, isLast: true)
            await #expect(throws: Refusal.keyInProgress) { try await run([row(3, "late")], shop, step: late) }
            let last = ImportProducts.Step(
                request: request, attempt: taken.attempt, from: middle, to: end, isLast: true)
            _ = try await run([row(3, "b")], shop, step: last, on: shop.world.second)
            guard case .finished(let progress) = try await submit(claim, shop) else { throw Unexpected() }
            #expect(progress.place == end)
            #expect(try await shop.skus().flatMap { $0 } == ["a", "b"])
            let other = ClaimImport(
                organization: shop.number,
                request: shop.key("import it's", route: "products:import", fingerprint: "other"))
            guard case .refused(.keyReused) = try await submit(other, shop) else { throw Unexpected() }
        },
    ]
    struct Unexpected: Error {}

    // MARK: keys

    static let keys: [Behavior<Shop>] = [
        Behavior("keys are forgotten after their time, oldest first and a few at a time") { shop in
            let database = shop.world.first.database
            for index in 0..<6 {
                try await shop.run(shop.create("p\(index)"), shop.key("k\(index)", route: "products:create"))
                shop.world.time.advance(by: .microseconds(1))
            }
            let times = try await shop.world.rows("SELECT created_at FROM idempotency_keys ORDER BY scope").map {
                Timestamp(microseconds: try $0.integer(0))
            }
            func forget(_ moment: Timestamp, _ limit: Int) async throws -> Int {
                try await IdempotencySchema.forget(before: moment, limit: limit, in: database)
            }
            #expect(try await forget(times[0], 10) == 0, "what was seen at that moment stays")
            #expect(try await forget(times[4], 3) == 3)
            let left = try await shop.world.rows("SELECT scope FROM idempotency_keys ORDER BY scope")
            #expect(
                try left.map { try $0.text(0) } == ["products:create k3", "products:create k4", "products:create k5"])
            #expect(try await forget(times[4], 3) == 1)
            #expect(try await forget(Timestamp(microseconds: .min), 3) == 0)
            let again = try await shop.run(shop.create("other"), shop.key("k0", route: "products:create"))
            #expect(!again.isReplay)
            guard
                case .alreadyExists = try await shop.refusal(
                    shop.create("p5"), shop.key("new", route: "products:create"))
            else { throw Unexpected() }
            let replay = try await shop.run(shop.create("p5"), shop.key("k5", route: "products:create"))
            #expect(replay.isReplay)
        },
        Behavior("a key that is at work is not forgotten, one of an import that was given up is") { shop in
            try await shop.product("a", stock: 5)
            for server in [shop.world.first, shop.world.second] { server.provider.isDown = true }
            guard case .accepted = try await shop.place([("a", 1)], "waits") else { throw Unexpected() }
            try await shop.world.first.database.write {
                _ = try await $0.execute(
                    SQLStatement(
                        """
                        UPDATE idempotency_keys SET state = 'running', document = NULL
                        WHERE scope = 'orders:create waits'
                        """))
            }
            let given = ClaimImport(organization: shop.number, request: shop.key("given up", route: "products:import"))
            _ = try await submit(given, shop)
            let future = shop.world.time.now() + .seconds(1)
            async let one = IdempotencySchema.forget(before: future, limit: 100, in: shop.world.first.database)
            async let two = IdempotencySchema.forget(before: future, limit: 100, in: shop.world.second.database)
            #expect(try await one + two >= 1, "two servers forget at once")
            let left = try await shop.world.rows("SELECT scope FROM idempotency_keys")
            #expect(try left.map { try $0.text(0) } == ["orders:create waits"])
            for server in [shop.world.first, shop.world.second] { server.provider.isDown = false }
            try await shop.world.pass(.seconds(120))
        },
    ]
}
