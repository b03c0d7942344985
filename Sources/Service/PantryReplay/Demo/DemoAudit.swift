/// What a server says of one organization once all is quiet.
package struct ServerRecords: Sendable, Hashable {
    package struct Order: Sendable, Hashable {
        package var id: String
        package var status: String
        /// Minor units.
        package var total: Int64
        package var captured: Int64
        package var refunded: Int64
        package var units: [String: Int64]

        package init(
            id: String, status: String, total: Int64, captured: Int64, refunded: Int64, units: [String: Int64]
        ) {
            (self.id, self.status, self.total) = (id, status, total)
            (self.captured, self.refunded, self.units) = (captured, refunded, units)
        }
    }
    package struct Stock: Sendable, Hashable {
        package var sku: String
        package var onHand: Int64
        package var reserved: Int64

        package init(sku: String, onHand: Int64, reserved: Int64) {
            (self.sku, self.onHand, self.reserved) = (sku, onHand, reserved)
        }
    }
    package var name: String
    package var orders: [Order]
    package var stock: [Stock]

    package init(name: String, orders: [Order], stock: [Stock]) {
        (self.name, self.orders, self.stock) = (name, orders, stock)
    }

    /// What was sold and stands.
    package var sales: (orders: Int, units: Int64, revenue: Int64) {
        let standing = orders.filter { ["confirmed", "fulfilled"].contains($0.status) }
        return (
            standing.count, standing.reduce(0) { $0 + $1.units.values.reduce(0, +) },
            standing.reduce(0) { $0 + $1.captured - $1.refunded }
        )
    }
}

/// Compares what clients were told with what the server says afterwards: a pure function.
package enum DemoAudit {
    /// - Parameters:
    ///   - stocked: units of each SKU that every organization was given.
    /// - Returns: a sentence for each thing that does not add up.
    package static func discrepancies(
        _ books: DemoBooks, _ records: [ServerRecords], stocked: [[String: Int64]]
    ) -> [String] {
        var found: [String] = []
        for (index, server) in records.enumerated() {
            let told = books.orders.filter { $0.value.organization == index }
            let known = Dictionary(server.orders.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
            if known.count != server.orders.count { found.append("\(server.name) lists an order twice") }
            for (id, entry) in told.sorted(by: { $0.key < $1.key }) {
                guard let order = known[id] else {
                    found.append("\(server.name): order \(id) was acknowledged, and is not there")
                    continue
                }
                found += contradictions(id, entry, order).map { "\(server.name): order \(id) \($0)" }
            }
            for (id, order) in known.sorted(by: { $0.key < $1.key }) where told[id] == nil {
                // Undone because its payment could not be made: the refusal names no order.
                let isUndone = order.status == "failed" && order.captured == 0
                if isUndone, books.outcomes[.paymentUnavailable] != nil { continue }
                found.append("\(server.name): order \(id) is there, and nobody was told of it")
            }
            found += stockFaults(server, stocked: stocked[index])
        }
        return found
    }

    private static func contradictions(_ id: String, _ entry: DemoBooks.Entry, _ order: ServerRecords.Order) -> [String]
    {
        let allowed: Set<String> =
            switch entry.outcome {
            case .confirmed: ["confirmed"]
            case .queued, .processing: ["pending", "confirmed"]
            case .canceled: ["canceled"]
            case .declined: ["failed"]
            case .outOfStock, .paymentUnavailable, .refused, .unanswered: []
            }
        var found: [String] = []
        if !allowed.contains(order.status) {
            found.append("is \(order.status), and its client was told that it was \(entry.outcome.words)")
        }
        // A declined order's answer does not state its total.
        if entry.outcome != .declined, order.total != entry.total {
            found.append("costs \(order.total), and its client was told \(entry.total)")
        }
        if order.status == "confirmed", order.captured != order.total {
            found.append("costs \(order.total), and \(order.captured) was captured")
        }
        let back = order.status == "canceled" ? order.captured : entry.refunded
        if order.refunded != back { found.append("had \(order.refunded) refunded instead of \(back)") }
        let units = order.units.values.reduce(0, +)
        if units != entry.units { found.append("has \(units) units instead of \(entry.units)") }
        return found
    }

    /// Reserved is what confirmed and waiting orders hold, to the unit; and nothing was sold that was not there.
    private static func stockFaults(_ server: ServerRecords, stocked: [String: Int64]) -> [String] {
        var held: [String: Int64] = [:]
        for order in server.orders where ["confirmed", "pending"].contains(order.status) {
            held.merge(order.units) { $0 + $1 }
        }
        var found: [String] = []
        for stock in server.stock {
            let expected = held.removeValue(forKey: stock.sku) ?? 0
            if stock.reserved != expected {
                found.append("\(server.name): \(stock.sku) has \(stock.reserved) reserved, its orders hold \(expected)")
            }
            if stock.reserved > stock.onHand {
                found.append("\(server.name): \(stock.sku) is oversold: \(stock.reserved) of \(stock.onHand)")
            }
            if stock.onHand != stocked[stock.sku] {
                found.append(
                    "\(server.name): \(stock.sku) has \(stock.onHand) on hand, and got \(stocked[stock.sku] ?? 0)")
            }
        }
        for sku in held.keys.sorted() { found.append("\(server.name): orders hold \(sku), which has no stock") }
        return found
    }
}
