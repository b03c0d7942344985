import Determinism
import DeterminismTestKit
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

/// A tenant's requests, as its clients make them.
struct Shop: Sendable {
    let world: World
    let number: Int64

    func context(on server: Server? = nil) async throws -> TenantContext {
        let (server, number, time) = (server ?? world.first, number, world.time)
        return try await world.drive {
            try await server.organizations.context(
                for: number, traceparent: nil, deadline: time.instant() + .seconds(20))
        }
    }
    func key(_ name: String, route: String = "orders:create", fingerprint: String = "f") -> RequestKey {
        RequestKey(route: route, key: name, fingerprint: fingerprint)
    }
    /// Runs a command as a request does.
    @discardableResult
    func run<C: AnsweringCommand>(
        _ command: C, _ key: RequestKey? = nil, on server: Server? = nil
    ) async throws -> KeyedAnswer {
        let context = try await context(on: server)
        return try await world.drive { try await context.answer(command, key: key) }
    }
    /// The refusal of a command that must be refused.
    func refusal<C: AnsweringCommand>(_ command: C, _ key: RequestKey? = nil) async throws -> Refusal? {
        do {
            try await run(command, key)
            return nil
        } catch let refusal as Refusal { return refusal }
    }
    func create(
        _ sku: String, _ name: String? = nil, price: Int64 = 250, category: String? = nil, attributes: String? = nil
    ) -> CreateProduct {
        CreateProduct(
            organization: number,
            product: ProductRequest(
                sku: sku, name: name ?? "Product \(sku)", unitPrice: Money(price, "USD"), category: category,
                attributes: attributes))
    }
    func adjust(
        _ sku: String, by delta: Int64, _ reason: String = "delivery", _ reference: String? = nil
    ) -> AdjustStock {
        AdjustStock(
            organization: number, sku: sku, delta: delta, reason: reason, reference: reference,
            seed: world.random.next(), traceparent: nil)
    }
    func count(_ sku: String, _ onHand: Int64, expected: Int64? = nil) -> CountStock {
        CountStock(
            organization: number, sku: sku, onHand: onHand, expected: expected, seed: world.random.next(),
            traceparent: nil)
    }
    func product(_ sku: String, price: Int64 = 250, stock: Int64 = 0) async throws {
        try await run(create(sku, price: price))
        if stock > 0 { try await run(adjust(sku, by: stock)) }
    }

    // MARK: orders

    @discardableResult
    func place(
        _ items: [(sku: String, quantity: Int64)], _ name: String, method: String = "pm_ok",
        onUnavailable: OnPaymentUnavailable = .queue, metadata: String? = nil, on server: Server? = nil
    ) async throws -> Heard {
        let (context, key, orders) = (try await context(on: server), key(name), (server ?? world.first).orders)
        let request = OrderRequest(items: items, method: method, onUnavailable: onUnavailable, metadata: metadata)
        return try await world.drive {
            await Heard.of { () async throws(Refusal) in try await orders.place(request, key: key, in: context) }
        }
    }
    @discardableResult
    func cancel(_ order: OrderID, on server: Server? = nil) async throws -> Heard {
        let (context, orders) = (try await context(on: server), (server ?? world.first).orders)
        return try await world.drive {
            await Heard.of { () async throws(Refusal) in try await orders.cancel(order, key: nil, in: context) }
        }
    }
    @discardableResult
    func refund(_ order: OrderID, _ amount: Int64?, _ name: String) async throws -> Heard {
        let (context, orders, key) = (try await context(), world.first.orders, key(name, route: "orders:refund"))
        return try await world.drive {
            await Heard.of { () async throws(Refusal) in
                try await orders.refund(order, amount: amount, reason: "it's 50% _off_", key: key, in: context)
            }
        }
    }
    @discardableResult
    func fulfill(_ order: OrderID) async throws -> Heard {
        let (context, orders) = (try await context(), world.first.orders)
        return try await world.drive {
            await Heard.of { () async throws(Refusal) in try await orders.fulfill(order, key: nil, in: context) }
        }
    }

    // MARK: reads

    /// Every page of a list, each of at most `limit` items.
    func pages(
        _ limit: Int, _ page: @escaping @Sendable (String?, TenantContext) async throws -> Page
    ) async throws -> [[String]] {
        let context = try await context()
        return try await world.drive {
            var (pages, next): ([[String]], String?) = ([], nil)
            repeat {
                let page = try await page(next, context)
                pages.append(page.items)
                next = page.next
                #expect(page.items.count == limit || next == nil, "only the last page may be short")
            } while next != nil && pages.count < 1_000
            return pages
        }
    }
    func skus(search: String? = nil, limit: Int = 50) async throws -> [[String]] {
        try await pages(limit) {
            try await InventoryQueries.products(search: search, after: $0, limit: limit, .strong, in: $1)
        }.map { try $0.map { try $0.member("sku") } }
    }
    func stock(_ sku: String) async throws -> StockRecord {
        try #require(
            await world.rows(
                "\(StockRecord.table.selectAllText) WHERE organization = $1 AND sku = $2",
                [.integer(number), .text(sku)]
            ).first
        ).record()
    }
}

extension String {
    /// A text in this JSON object.
    func member(_ name: String) throws -> String { try #require(try JSONReader.parse(self).object?[name]?.string) }
    /// An integer in this JSON object.
    func amount(_ name: String) throws -> Int64 { try #require(try JSONReader.parse(self).object?[name]?.integer) }
}

/// What a caller heard.
enum Heard: Sendable, Hashable {
    case answer(AnswerKind, String, isReplay: Bool)
    case accepted(String)
    case refused(Refusal)

    static func of(_ request: () async throws(Refusal) -> PlacedOrder) async -> Heard {
        do throws(Refusal) {
            switch try await request() {
            case .answer(let answer, let isReplay): return .answer(answer.kind, answer.document, isReplay: isReplay)
            case .accepted(let document, _): return .accepted(document)
            }
        } catch { return .refused(error) }
    }
    var kind: AnswerKind? {
        if case .answer(let kind, _, _) = self { return kind }
        return nil
    }
    var document: String? {
        switch self {
        case .answer(_, let document, _), .accepted(let document): document
        case .refused: nil
        }
    }
    private var object: JSONObject? { document.flatMap { (try? JSONReader.parse($0))?.object } }
    var order: OrderID? { (object?["id"] ?? object?["orderId"])?.string.flatMap { OrderID($0) } }
    var status: String? { object?["status"]?.string }
}
