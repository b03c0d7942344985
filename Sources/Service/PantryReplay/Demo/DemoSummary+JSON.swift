import StrictJSON

extension DemoSummary {
    /// The summary for programs.
    package var json: String {
        var writer = JSONWriter(capacity: 4_096)
        writer.object { json in
            json.member("ok", faults.isEmpty)
            json.member("interrupted", isInterrupted)
            json.member("products", products)
            json.member("baskets", baskets)
            json.member("clients", clients)
            json.member("seed", raw: "\(seed)")
            json.member("organizations", array: { json in for shop in organizations { write(shop, &json) } })
            json.member("orders", object: writeOrders)
            json.member("replays", object: writeReplays)
            if let race { json.member("race", object: { write(race, &$0) }) }
            json.member("currency", books.currency)
            json.member("refunded", books.refunded)
            json.member("durationMilliseconds", Int64(milliseconds.rounded()))
            json.member("ordersPerSecond", raw: "\((ordersPerSecond * 10).rounded() / 10)")
            json.member(
                "latencyMicroseconds",
                object: { json in
                    json.member("count", latency.count)
                    json.member("p50", latency.p50)
                    json.member("p90", latency.p90)
                    json.member("p99", latency.p99)
                    json.member("max", latency.max)
                })
            if let verification {
                json.member(
                    "verify",
                    object: { json in
                        json.member("ok", verification.findings.isEmpty)
                        json.member("checked", verification.checked)
                        json.member("orders", verification.orders)
                    })
            }
            json.member("faults", array: { json in for fault in faults { json.value(fault) } })
            if let directory { json.member("directory", directory) }
        }
        return writer.string()
    }

    private var milliseconds: Double {
        Double(duration.components.seconds) * 1e3 + Double(duration.components.attoseconds) / 1e15
    }

    private func write(_ shop: Organization, _ json: inout JSONWriter) {
        json.object { json in
            json.member("id", shop.id)
            json.member("name", shop.name)
            json.member("orders", shop.orders)
            json.member("units", shop.units)
            json.member("revenue", shop.revenue)
        }
    }

    private func writeOrders(_ json: inout JSONWriter) {
        json.member("requested", requested)
        json.member("placed", books.placed)
        for outcome in OrderOutcome.allCases where outcome != .canceled {
            json.member(outcome.rawValue, books.outcomes[outcome] ?? 0)
        }
        json.member("canceledLater", books.canceled)
        json.member("refundedLater", books.refunds)
        json.member("lostAnswers", books.parts[.lost] ?? 0)
    }

    private func writeReplays(_ json: inout JSONWriter) {
        json.member("repeats", books.repeats)
        json.member("whileUnderWay", books.repeatsUnderWay)
        json.member("sameAnswer", books.sameAnswers)
    }

    private func write(_ race: Race, _ json: inout JSONWriter) {
        json.member("product", race.product)
        json.member("units", race.units)
        json.member("buyers", race.buyers)
        json.member("winners", race.winners)
        json.member("outOfStock", race.outOfStock)
        json.member("oversold", race.oversold)
    }
}
