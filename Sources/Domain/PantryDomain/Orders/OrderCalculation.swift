import Determinism
import Storage
import StrictJSON

/// What an order would cost and whether it could be had now. No effect, and no promise.
package enum OrderCalculation {
    package static func calculate(
        _ items: [(sku: String, quantity: Int64)], _ consistency: ReadConsistency, in context: TenantContext
    ) async throws(Refusal) -> Served {
        let units = OrderLine.unitsBySKU(items)
        // One statement for each product: a thousand of them in one snapshot are still one trip.
        let result = try await context.read(
            units.map {
                SQLStatement(
                    """
                    SELECT p.amount, p.currency, COALESCE(s.on_hand - s.reserved, 0), (
                      SELECT COALESCE(SUM(r.quantity), 0) FROM reservations r
                      WHERE r.organization = p.organization AND r.sku = p.sku AND r.state = 'held'
                      AND r.expires_at <= $3)
                    FROM products p LEFT JOIN stock s ON s.organization = p.organization AND s.sku = p.sku
                    WHERE p.organization = $1 AND p.sku = $2 AND p.state = 'active'
                    """, [.integer(context.number), .text($0.sku), .integer(context.now.microseconds)])
            }, consistency)
        var known: [String: (price: Money, available: Int64)] = [:]
        do {
            for (unit, rows) in zip(units, result.rows) {
                guard let row = rows.first else { continue }
                known[unit.sku] = (
                    Money(try row.integer(0), try row.text(1)), try row.integer(2) + (try row.integer(3))
                )
            }
        } catch { throw .shardUnavailable("\(error)") }
        let document = try document(items, units, known)
        return Served(document: document, servedBy: result.servedBy)
    }

    private static func document(
        _ items: [(sku: String, quantity: Int64)], _ units: [(sku: String, quantity: Int64)],
        _ known: [String: (price: Money, available: Int64)]
    ) throws(Refusal) -> String {
        var (problems, lines, total): ([FieldProblem], [OrderLine], Money) = ([], [], Money(0, ""))
        for (index, item) in items.enumerated() {
            guard let product = known[item.sku] else {
                problems.append(FieldProblem("/items/\(index)/sku", "unknown-sku", "there is no product “\(item.sku)”"))
                continue
            }
            if total.currency.isEmpty { total.currency = product.price.currency }
            if product.price.currency != total.currency {
                problems.append(
                    FieldProblem(
                        "/items/\(index)/sku", "mixed-currencies", "an order has one currency, \(total.currency)"))
            } else if let amount = product.price.times(item.quantity),
                total.amount + amount.amount <= Money.largestAmount
            {
                total.amount += amount.amount
                lines.append(
                    OrderLine(sku: item.sku, quantity: item.quantity, unitPrice: product.price, amount: amount))
            } else {
                problems.append(
                    FieldProblem("/items/\(index)/quantity", "too-large", "the order's total would be too large"))
            }
        }
        guard problems.isEmpty else { throw .invalid(problems) }
        let short = units.filter { $0.quantity > known[$0.sku]?.available ?? 0 }
        var json = JSONWriter()
        json.object { json in
            json.member("total", total)
            json.member("items", raw: OrderLine.encode(lines))
            json.member("available", short.isEmpty)
            json.member(
                "availability",
                array: { json in
                    for unit in units {
                        json.object {
                            $0.member("sku", unit.sku)
                            $0.member("requested", unit.quantity)
                            $0.member("available", known[unit.sku]?.available ?? 0)
                        }
                    }
                })
        }
        return json.string()
    }
}
