import Storage
import StrictJSON

/// A line of an order with the price that was agreed on.
package struct OrderLine: Sendable, Hashable {
    package var sku: String
    package var quantity: Int64
    package var unitPrice: Money
    package var amount: Money

    package init(sku: String, quantity: Int64, unitPrice: Money, amount: Money) {
        (self.sku, self.quantity, self.unitPrice, self.amount) = (sku, quantity, unitPrice, amount)
    }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("sku", sku)
            json.member("quantity", quantity)
            json.member("unitPrice", unitPrice)
            json.member("amount", amount)
        }
    }

    /// The JSON array that orders store and answers show.
    package static func encode(_ lines: [OrderLine]) -> String {
        var json = JSONWriter(capacity: 128 * lines.count)
        json.array { json in
            for line in lines { line.write(to: &json) }
        }
        return json.string()
    }

    /// Reads what ``encode(_:)`` wrote.
    package static func decode(_ text: String) throws(StorageError) -> [OrderLine] {
        guard case .array(let items)? = try? JSONReader.parse(text) else {
            throw .corrupt("an order's lines are not JSON")
        }
        var lines: [OrderLine] = []
        lines.reserveCapacity(items.count)
        for item in items {
            guard let line = item.object, let sku = line["sku"]?.string, let quantity = line["quantity"]?.integer,
                let unitPrice = line["unitPrice"].flatMap(Money.init(json:)),
                let amount = line["amount"].flatMap(Money.init(json:))
            else { throw .corrupt("an order's line is not one: \(item.serialized())") }
            lines.append(OrderLine(sku: sku, quantity: quantity, unitPrice: unitPrice, amount: amount))
        }
        return lines
    }

    /// The units of each SKU, summed over the lines and sorted by SKU: the order in which rows are locked.
    package static func unitsBySKU(_ lines: [(sku: String, quantity: Int64)]) -> [(sku: String, quantity: Int64)] {
        var units: [String: Int64] = [:]
        for line in lines { units[line.sku, default: 0] += line.quantity }
        return units.sorted { $0.key < $1.key }.map { (sku: $0.key, quantity: $0.value) }
    }
}

extension Money {
    init?(json: JSONValue) {
        guard let object = json.object, let amount = object["amount"]?.integer,
            let currency = object["currency"]?.string
        else { return nil }
        self.init(amount, currency)
    }
}
