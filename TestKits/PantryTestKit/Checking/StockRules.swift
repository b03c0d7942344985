/// Units are neither made nor lost: stock rows, their ledger and the orders say the same.
enum StockRules {
    static func violations(_ evidence: Evidence, _ catalog: Catalog) -> [String] {
        // Units leave the shelf when their order is fulfilled; until then an order that stands, or may come to, holds
        // them.
        var gone: [String: Int64] = [:]
        var held: [String: Int64] = [:]
        for order in evidence.orders {
            for (sku, units) in order.units {
                if order.status == "fulfilled" { gone["\(order.organization) \(sku)", default: 0] += units }
                if ["pending", "confirmed"].contains(order.status) {
                    held["\(order.organization) \(sku)", default: 0] += units
                }
            }
        }
        let stocked = Dictionary(catalog.items.map { ($0.sku, $0.stocked) }, uniquingKeysWith: { first, _ in first })
        return evidence.stock.flatMap { row in
            let place = "\(row.organization) \(row.sku)"
            return check(row, stocked: stocked[row.sku] ?? 0, gone: gone[place] ?? 0, held: held[place] ?? 0)
        }
    }

    private static func check(_ row: Evidence.Stock, stocked: Int64, gone: Int64, held: Int64) -> [String] {
        var violations: [String] = []
        func expect(_ holds: Bool, _ text: String) {
            if !holds { violations.append("stock of \(row.sku) of \(row.organization): \(text)") }
        }
        let ledger = row.movements.reduce(0) { $0 + $1.delta }
        let counted = row.movements.filter { $0.reference?.hasPrefix("ord_") != true }.reduce(0) { $0 + $1.delta }
        expect(gone + held <= stocked, "orders over \(gone + held) units, and only \(stocked) were stocked")
        expect(0 <= row.reserved && row.reserved <= row.onHand, "\(row.reserved) reserved of \(row.onHand) on hand")
        expect(ledger == row.onHand, "the ledger's sum is \(ledger), and \(row.onHand) are on hand")
        expect(counted == stocked, "\(stocked) were stocked, and the ledger says \(counted) beside its orders")
        expect(
            row.onHand == stocked - gone, "\(row.onHand) on hand, with \(stocked) stocked and \(gone) fulfilled")
        expect(row.reserved == held, "\(row.reserved) reserved, with orders over \(held) confirmed or pending")
        expect(
            row.available == row.onHand - row.reserved,
            "\(row.available) available, with \(row.onHand) on hand and \(row.reserved) reserved")
        return violations
    }
}
