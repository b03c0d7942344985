/// What one customer bought at once: it becomes one order.
package struct Basket: Sendable, Hashable {
    package struct Item: Sendable, Hashable {
        package var sku: String
        package var quantity: Int64

        package init(sku: String, quantity: Int64) { (self.sku, self.quantity) = (sku, quantity) }
    }
    package var id: String
    package var store: String?
    package var placedAt: String?
    package var items: [Item]
    /// The line of the file that it begins on, from 1.
    package var line: Int

    package init(id: String, store: String? = nil, placedAt: String? = nil, items: [Item], line: Int) {
        (self.id, self.store, self.placedAt, self.items, self.line) = (id, store, placedAt, items, line)
    }

    /// Units of all lines together.
    package var units: Int64 { items.reduce(0) { $0 + $1.quantity } }
    /// As many lines as an order takes.
    package static let mostItems = 1_000
    /// As much of one SKU as an order's line takes.
    package static let mostUnits: Int64 = 1_000_000_000
}

/// Why a basket was not ordered. The whole basket is left out: an order without some of its lines would be another one.
package struct BasketFault: Sendable, Hashable {
    package var basket: String?
    /// The line of the file, from 1.
    package var line: Int
    package var code: String
    package var detail: String

    package init(basket: String?, line: Int, code: String, detail: String) {
        (self.basket, self.line, self.code, self.detail) = (basket, line, code, detail)
    }
}

/// What a basket file has next.
package enum BasketEntry: Sendable, Hashable {
    case basket(Basket)
    case fault(BasketFault)
}

/// A file that is no basket file at all; the text says what would be right.
package struct BasketFileError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
