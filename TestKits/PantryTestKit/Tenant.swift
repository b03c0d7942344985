import Determinism
import StrictJSON

/// An organization of a test, with its admin key.
public struct Tenant: Sendable, Hashable {
    /// `org_…`
    public let id: String
    /// An admin key.
    public let apiKey: String

    /// An organization that is known already.
    public init(id: String, apiKey: String) { (self.id, self.apiKey) = (id, apiKey) }

    /// Makes an organization without rate limits.
    /// - Throws: ``UnexpectedAnswer``.
    public static func create(
        _ name: String, on client: PantryClient, operatorToken: String
    ) async throws(UnexpectedAnswer) -> Tenant {
        let outcome = await client.send(
            "POST", "/v1/organizations", ["name": .string(name), "plan": "unlimited"], key: operatorToken)
        guard outcome.status == 201, let id = outcome.answer?["id"]?.string,
            let key = outcome.answer?["apiKey"]?.string
        else { throw UnexpectedAnswer("POST /v1/organizations", outcome) }
        return Tenant(id: id, apiKey: key)
    }
}

/// What a test sells: SKUs with a price and the units that were stocked.
public struct Catalog: Sendable {
    /// One product.
    public struct Item: Sendable, Hashable {
        /// Its SKU.
        public var sku: String
        /// Its price in minor units.
        public var price: Int64
        /// The units that were stocked.
        public var stocked: Int64

        /// A product.
        public init(_ sku: String, price: Int64, stocked: Int64) {
            (self.sku, self.price, self.stocked) = (sku, price, stocked)
        }
    }

    /// The products.
    public var items: [Item]
    /// The currency of all prices.
    public var currency = "USD"

    /// These products.
    public init(_ items: [Item]) { self.items = items }

    /// `count` products `SKU-0001` … with different prices and the same stock.
    public init(count: Int, stocked: Int64) {
        items = (1...count).map { number in
            let digits = "\(number)"
            let name = "SKU-" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            return Item(name, price: Int64(100 + number % 37), stocked: stocked)
        }
    }

    /// Makes the products and counts their stock.
    /// - Throws: ``UnexpectedAnswer``.
    public func install(for tenant: Tenant, on client: PantryClient) async throws {
        _ = try await items.concurrentMap(limit: 16) { item in
            let product = await client.send(
                "POST", "/v1/products",
                [
                    "sku": .string(item.sku), "name": .string("Product \(item.sku)"),
                    "unitPrice": ["amount": .integer(item.price), "currency": .string(currency)],
                ], key: tenant.apiKey, idempotencyKey: "product-\(item.sku)")
            guard product.status == 201 else { throw UnexpectedAnswer("POST /v1/products", product) }
            let stock = await client.send(
                "PUT", "/v1/stock/\(item.sku)", ["onHand": .integer(item.stocked)], key: tenant.apiKey,
                idempotencyKey: "stock-\(item.sku)")
            guard stock.status == 200 else { throw UnexpectedAnswer("PUT /v1/stock/\(item.sku)", stock) }
        }
    }
}

/// Sends an organization's requests and writes each of them into a history.
public struct TenantSession: Sendable {
    /// Whose requests these are.
    public let tenant: Tenant
    /// Where they go.
    public let client: PantryClient
    /// Where they are written down.
    public let history: History
    private let time = SystemTime()

    /// A session.
    public init(_ tenant: Tenant, _ client: PantryClient, _ history: History) {
        (self.tenant, self.client, self.history) = (tenant, client, history)
    }

    /// Sends a request.
    @discardableResult
    public func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil, key: String? = nil
    ) async -> Outcome {
        let number = history.begin(
            organization: tenant.id, method: method, path: path, idempotencyKey: key, body: body, at: time.instant())
        let outcome = await client.send(method, path, body, key: tenant.apiKey, idempotencyKey: key)
        history.end(number, outcome, at: time.instant())
        return outcome
    }

    /// Orders. The key also stands in the order's metadata, so that an order can be traced back to its request.
    @discardableResult
    public func order(
        _ lines: [(sku: String, quantity: Int64)], method: String = "pm_ok", key: String
    ) async -> Outcome {
        await send("POST", "/v1/orders", Self.orderBody(lines, method: method, key: key), key: key)
    }

    /// Cancels an order.
    @discardableResult
    public func cancel(_ order: String, key: String) async -> Outcome {
        await send("POST", "/v1/orders/\(order)/cancel", key: key)
    }

    /// Fulfils an order.
    @discardableResult
    public func fulfill(_ order: String, key: String) async -> Outcome {
        await send("POST", "/v1/orders/\(order)/fulfill", key: key)
    }

    /// Gives money back: `amount` minor units.
    @discardableResult
    public func refund(_ order: String, amount: Int64, key: String) async -> Outcome {
        await send(
            "POST", "/v1/orders/\(order)/refunds", ["amount": .integer(amount), "reason": "test"], key: key)
    }

    /// Sends a request of the history once more, with its key.
    @discardableResult
    public func again(_ exchange: Exchange) async -> Outcome {
        await send(exchange.method, exchange.path, exchange.body, key: exchange.idempotencyKey)
    }

    /// The body of an order.
    public static func orderBody(
        _ lines: [(sku: String, quantity: Int64)], method: String, key: String
    ) -> JSONValue {
        [
            "items": .array(lines.map { ["sku": .string($0.sku), "quantity": .integer($0.quantity)] }),
            "paymentMethod": .string(method), "metadata": ["key": .string(key)],
        ]
    }
}
