import Determinism
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

/// What the domain's stores must do over every engine.
enum DomainConformance {
    static let all =
        products + stock + orders + imports + keys + sagas + organizations + sessions + provider + events + verifier

    /// SKUs that people, and databases set up for people, sort otherwise.
    private static let skus = [
        "a", "B", "b", "A", "Z", "z", "a-", "a.", "a_", "a-b", "ab", "a.b", "a_b", "0", "9", "10", "-", "_", ".", "zz",
        "Aa",
    ]
    private static let names = [
        "100% juice", "100 juice", "under_score", "underXscore", "back\\slash", "it's", "\"quoted\"", "CAFÉ", "café",
        "Cafe\u{301}", "ÄPFEL", "äpfel", "İstanbul", "ſtrasse", "Straße", "日本", "😀 apple", "K\u{212A}elvin", "plain",
    ]

    /// What a search finds: ASCII letters are alike in both cases, all other bytes stand for themselves.
    private static func finds(_ search: String, in text: String) -> Bool {
        func folded(_ text: String) -> [UInt8] { text.utf8.map { (65...90).contains($0) ? $0 + 32 : $0 } }
        let (text, part) = (folded(text), folded(search))
        return part.isEmpty || text.indices.contains { text[$0...].starts(with: part) }
    }

    static let products: [Behavior<Shop>] = [
        Behavior("products are listed by the bytes of their SKUs, page by page") { shop in
            for sku in skus { try await shop.run(shop.create(sku)) }
            let sorted = skus.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            for limit in [1, 3, sorted.count - 1, sorted.count, sorted.count + 1] {
                let pages = try await shop.skus(limit: limit)
                #expect(pages.flatMap { $0 } == sorted, "by \(limit)")
                #expect(pages.count == (sorted.count + limit - 1) / limit)
            }
            let stock = try await shop.pages(4) {
                try await InventoryQueries.stock(skus: [], after: $0, limit: 4, .eventual, in: $1)
            }
            #expect(try stock.flatMap { $0 }.map { try $0.member("sku") } == sorted)
        },
        Behavior("a search finds a part of a name or SKU, in ASCII's upper or lower case, and no pattern") { shop in
            for (index, name) in names.enumerated() { try await shop.run(shop.create("n-\(index)", name)) }
            for search in names + [
                "", "%", "_", "\\", "'", "%%", "\\%", "CAFÉ", "café", "É", "é", "PLAIN", "pLa", "N-1", "n-", "100%",
                "r_s",
                "STRASSE", "straSSe", "İ", "i", "ı", "k", "\u{301}", "😀 APPLE", "apple😀", "%\u{301}", "_\u{301}",
                "\\\u{301}", "*", "[a-z]", "n-1' OR '1'='1",
            ] {
                let found = try await shop.skus(search: search, limit: 5).flatMap { $0 }
                let expected = names.indices.filter { finds(search, in: names[$0]) || finds(search, in: "n-\($0)") }
                #expect(found == expected.map { "n-\($0)" }.sorted(), "\(search.debugDescription)")
            }
        },
        Behavior("a product comes back as it was written, whatever its texts are") { shop in
            let attributes = #"{"note":"it's 100% _\\ \u0000 \"x\"","list":[1,null,true],"ä":{}}"#
            for (index, name) in names.enumerated() {
                let category = index % 3 == 0 ? nil : index % 3 == 1 ? "" : "Ünïcode ' %"
                let made = try await shop.run(
                    shop.create(
                        "p\(index)", name, price: Money.largestAmount, category: category, attributes: attributes))
                let context = try await shop.context()
                let read = try await InventoryQueries.product("p\(index)", .strong, in: context).document
                #expect(read == made.answer.document)
                #expect(try read.member("name").utf8.elementsEqual(name.utf8))
                #expect(read.contains(#""note":"it's 100% _\\ \u0000 \"x\"""#))
            }
            let patched = try await shop.run(
                PatchProduct(
                    organization: shop.number, sku: "p1",
                    patch: ProductPatch(name: "'", unitPrice: nil, category: .some(nil), attributes: .some(nil))))
            #expect(try patched.answer.document.member("name") == "'")
            let read = try await InventoryQueries.product("p1", .strong, in: try await shop.context()).document
            #expect(read == patched.answer.document)
            for sku in ["P1", "p1 ", "p", "p%", "p_", "nothing"] {
                await #expect(throws: Refusal.self, "\(sku)") {
                    try await InventoryQueries.product(sku, .strong, in: try await shop.context())
                }
            }
        },
        Behavior("a SKU is taken once, whatever server asks, and comes back after it was deleted") { shop in
            let servers = [shop.world.first, shop.world.second]
            let contexts = [try await shop.context(on: servers[0]), try await shop.context(on: servers[1])]
            let made = try await shop.world.drive {
                await withTaskGroup(of: Int.self) { group in
                    for index in 0..<12 {
                        group.addTask {
                            do throws(Refusal) {
                                _ = try await contexts[index % 2].answer(shop.create("one", "by \(index)"), key: nil)
                                return 1
                            } catch {
                                // One that lost against the other server twice is told to come again.
                                switch error {
                                case .alreadyExists, .overloaded: break
                                default: Issue.record("\(error)")
                                }
                                return 0
                            }
                        }
                    }
                    return await group.reduce(0, +)
                }
            }
            #expect(made == 1)
            try await shop.run(shop.adjust("one", by: 3))
            try await shop.run(DeleteProduct(organization: shop.number, sku: "one"))
            #expect(try await shop.skus().flatMap { $0 }.isEmpty)
            guard case .notFound = try await shop.refusal(shop.adjust("one", by: 1)) else {
                Issue.record("stock of a deleted product changed")
                return
            }
            try await shop.run(shop.create("one", "again"), on: shop.world.second)
            #expect(try await shop.stock("one").onHand == 3)
            #expect(try await shop.skus(search: "AGAIN").flatMap { $0 } == ["one"])
            try await shop.run(shop.create("ONE"))
            #expect(try await shop.skus().flatMap { $0 } == ["ONE", "one"], "SKUs differ by case")
        },
        Behavior("nothing of another tenant is seen, found or changed") { shop in
            let other = try await shop.world.shop("Other")
            for shop in [shop, other] { try await shop.product("same", stock: 5) }
            try await other.product("theirs", stock: 1)
            #expect(try await shop.skus().flatMap { $0 } == ["same"])
            #expect(try await shop.skus(search: "theirs").flatMap { $0 } == [])
            let order = try #require(try await other.place([("same", 2)], "k").order)
            let mine = try #require(try await shop.place([("same", 1)], "k").order)
            #expect(order != mine, "the same key of two tenants is two keys")
            #expect(try await shop.stock("same").available == 4)
            #expect(try await other.stock("same").available == 3)
            for heard in [
                try await shop.cancel(order), try await shop.fulfill(order), try await shop.refund(order, nil, "r"),
            ] {
                guard case .refused(.notFound) = heard else {
                    Issue.record("\(heard)")
                    continue
                }
            }
            let context = try await shop.context()
            for consistency in [ReadConsistency.strong, .eventual] {
                await #expect(throws: Refusal.self) { try await OrderQueries.order(order, consistency, in: context) }
                await #expect(throws: Refusal.self) { try await OrderQueries.timeline(order, consistency, in: context) }
                await #expect(throws: Refusal.self) {
                    try await InventoryQueries.ledger("theirs", after: nil, limit: 5, consistency, in: context)
                }
            }
        },
    ]
}
