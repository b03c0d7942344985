import StrictJSON

/// What a server and its payment provider say after the fact. The checker holds a history against it.
public struct Evidence: Sendable {
    /// An order as it is read now.
    public struct Order: Sendable, Hashable {
        /// The organization's id.
        public var organization: String
        /// The answer's JSON.
        public var json: JSONValue

        /// An order.
        public init(organization: String, json: JSONValue) { (self.organization, self.json) = (organization, json) }

        private subscript(name: String) -> JSONValue? { json.object?[name] }
        /// `ord_…`
        public var id: String { self["id"]?.string ?? "" }
        /// `pending`, `confirmed`, …
        public var status: String { self["status"]?.string ?? "" }
        /// Minor units.
        public var total: Int64 { self["total"]?.object?["amount"]?.integer ?? 0 }
        /// ISO 4217.
        public var currency: String { self["total"]?.object?["currency"]?.string ?? "" }
        /// Lines with prices.
        public var items: [JSONValue] { self["items"]?.array ?? [] }
        /// `processing`, `queued`, `captured`, …
        public var paymentStatus: String { self["payment"]?.object?["status"]?.string ?? "" }
        /// What was given back so far, in minor units.
        public var refunded: Int64 { self["payment"]?.object?["refunded"]?.object?["amount"]?.integer ?? 0 }
        /// The idempotency key that the kit put into the metadata.
        public var key: String? { self["metadata"]?.object?["key"]?.string }
        /// Its value is the customer's to pay.
        public var stands: Bool { status == "confirmed" || status == "fulfilled" }
        /// It stands, or may come to.
        public var isAlive: Bool { stands || status == "pending" || status == "refunded" }
        /// Units of each SKU, summed over the lines.
        public var units: [String: Int64] { Self.units(items) }

        /// Units of each SKU in an order's or a request's lines.
        public static func units(_ items: [JSONValue]) -> [String: Int64] {
            var units: [String: Int64] = [:]
            for item in items {
                guard let sku = item.object?["sku"]?.string, let quantity = item.object?["quantity"]?.integer
                else { continue }
                units[sku, default: 0] += quantity
            }
            return units
        }
    }

    /// A stock row with its ledger.
    public struct Stock: Sendable, Hashable {
        /// A line of the ledger.
        public struct Movement: Sendable, Hashable {
            /// Units added, or taken when negative.
            public var delta: Int64
            /// An order's id, or what the caller gave.
            public var reference: String?
            /// A movement.
            public init(_ delta: Int64, reference: String?) { (self.delta, self.reference) = (delta, reference) }
        }
        /// The organization's id.
        public var organization: String
        /// The SKU.
        public var sku: String
        /// Units counted.
        public var onHand: Int64
        /// Units that live reservations hold.
        public var reserved: Int64
        /// Units that may be ordered.
        public var available: Int64
        /// The ledger.
        public var movements: [Movement]

        /// A stock row.
        public init(
            organization: String, sku: String, onHand: Int64, reserved: Int64, available: Int64, movements: [Movement]
        ) {
            (self.organization, self.sku, self.onHand) = (organization, sku, onHand)
            (self.reserved, self.available, self.movements) = (reserved, available, movements)
        }
    }

    /// The orders that the lists show.
    public var orders: [Order] = [] {
        didSet { ordersByID = Dictionary(orders.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }) }
    }
    /// The listed orders by their ids.
    public private(set) var ordersByID: [String: Order] = [:]
    /// For each order id that an answer acknowledged: what reading it gives.
    public var read: [String: Outcome] = [:]
    /// The stock rows of the catalogue's products.
    public var stock: [Stock] = []
    /// The payment provider's books.
    public var books = ProviderBooks()

    /// Nothing.
    public init() {}
}
