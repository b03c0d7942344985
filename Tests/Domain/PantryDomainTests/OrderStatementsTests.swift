import Foundation
import Synchronization
import Testing

@testable import PantryDomain

/// What an order executes is published in `docs/order-statements.sql`, and benchmarks run it from there.
@Suite("The statements of an order", .timeLimit(.minutes(1)))
struct OrderStatementsTests {
    private static let published = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/order-statements.sql")

    /// If this fails after a change that is meant: PANTRY_WRITE_STATEMENTS=1 writes the file anew.
    @Test func areThoseThatArePublished() async throws {
        let seen = Mutex<[(file: Store.File, text: String)]>([])
        let store = try await Store.open { file, text in seen.withLock { $0.append((file, text)) } }
        let shop = try await Shop.open(in: store)
        for sku in ["p-1", "p-2", "p-3"] { try await shop.product(sku, stock: 1_000) }
        let server = Server(store, provider: SandboxProvider(lane: store.booksLane, time: store.time))
        func order(_ name: String) async throws {
            let key = RequestKey(route: "POST /v1/orders", key: name, fingerprint: name)
            let items: [(sku: String, quantity: Int64)] = [("p-1", 1), ("p-2", 2), ("p-3", 3)]
            let heard = try await store.drive { await server.place(items, key: key, in: shop) }
            guard case .answer = heard else {
                Issue.record("\(heard)")
                return
            }
        }
        // The first fills the memory of products and stock; from then on an order is an order.
        try await order("first")
        seen.withLock { $0 = [] }
        try await order("second")
        let text = Self.listing(seen.withLock { $0 })
        try await server.stop()
        await store.close()
        if ProcessInfo.processInfo.environment["PANTRY_WRITE_STATEMENTS"] == "1" {
            try text.write(to: Self.published, atomically: true, encoding: .utf8)
        }
        #expect(text == (try String(contentsOf: Self.published, encoding: .utf8)))
    }

    private static func listing(_ statements: [(file: Store.File, text: String)]) -> String {
        var text = """
            -- All that an order of three lines executes, in its order, once its products have been asked for before.
            -- Orders that wait at the same moment share each of the three transactions. Parameters are open.
            -- OrderStatementsTests keeps this file equal to what the code does.

            """
        var transactions = 0
        for (file, statement) in statements {
            if statement.hasPrefix("BEGIN") {
                transactions += 1
                text += "\n-- transaction \(transactions), in the \(file == .books ? "provider's own file" : "shard")\n"
            }
            text += "\(statement);\n"
        }
        return text
    }
}
