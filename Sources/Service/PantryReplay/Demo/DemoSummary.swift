/// All that a demo measured.
package struct DemoSummary: Sendable {
    package struct Organization: Sendable, Hashable {
        package var id: String
        package var name: String
        package var orders: Int
        package var units: Int64
        /// Minor units, refunds taken off.
        package var revenue: Int64

        package init(id: String, name: String, orders: Int, units: Int64, revenue: Int64) {
            (self.id, self.name, self.orders, self.units, self.revenue) = (id, name, orders, units, revenue)
        }
    }
    /// Many buyers at one moment, and too little for all.
    package struct Race: Sendable, Hashable {
        package var product: String
        package var units: Int64
        package var buyers: Int
        package var winners: Int
        package var outOfStock: Int
        package var oversold: Int64

        package init(product: String, units: Int64, buyers: Int, winners: Int, outOfStock: Int, oversold: Int64) {
            (self.product, self.units, self.buyers) = (product, units, buyers)
            (self.winners, self.outOfStock, self.oversold) = (winners, outOfStock, oversold)
        }
    }
    package struct Verification: Sendable, Hashable {
        package var checked: Int
        package var orders: Int64
        package var findings: [String]

        package init(checked: Int, orders: Int64, findings: [String]) {
            (self.checked, self.orders, self.findings) = (checked, orders, findings)
        }
    }
    package var organizations: [Organization] = []
    package var products = 0
    package var baskets = 0
    package var requested = 0
    package var clients = 0
    package var seed: UInt64 = 0
    package var books = DemoBooks()
    package var race: Race?
    package var duration: Duration = .zero
    package var latency = LatencySummary()
    package var verification: Verification?
    package var discrepancies: [String] = []
    package var isInterrupted = false
    /// Where the data stays, if it does.
    package var directory: String?

    package init() {}

    package var ordersPerSecond: Double {
        let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
        return seconds > 0 ? Double(books.placed) / seconds : 0
    }

    /// Everything that does not add up, in sentences.
    package var faults: [String] {
        var all = books.faults
        if books.faultCount > all.count { all.append("… and \(books.faultCount - all.count) more like these") }
        if let race {
            if race.oversold != 0 { all.append("the race oversold \(race.oversold) units") }
            let winners = min(Int64(race.buyers), race.units)
            if Int64(race.winners) != winners {
                all.append("the race had \(race.winners) winners instead of \(winners)")
            }
            if race.winners + race.outOfStock != race.buyers {
                all.append("\(race.buyers - race.winners - race.outOfStock) buyers of the race heard something else")
            }
        }
        if !isInterrupted, books.placed != requested {
            all.append("\(books.placed) orders were placed instead of \(requested)")
        }
        all += discrepancies
        all += verification?.findings ?? []
        return all
    }
}
