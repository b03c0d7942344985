import Determinism
import StrictJSON

extension BasketImportReport {
    /// For programs.
    package var json: String {
        var writer = JSONWriter(capacity: 1_024)
        writer.object { json in
            json.member("ok", isComplete)
            json.member("baskets", baskets)
            json.member("placed", placed)
            json.member("replayed", replayed)
            json.member(
                "orders",
                object: { json in
                    for outcome in OrderOutcome.allCases where ![.refused, .unanswered].contains(outcome) {
                        json.member(outcome.rawValue, count(outcome))
                    }
                })
            json.member("failed", failed)
            json.member("units", units)
            json.member(
                "money",
                array: { json in
                    for (currency, amount) in money.sorted(by: { $0.key < $1.key }) {
                        json.object { json in
                            json.member("amount", amount)
                            json.member("currency", currency)
                        }
                    }
                })
            json.member("durationMilliseconds", duration.inMicroseconds / 1_000)
            json.member(
                "errors",
                array: { json in
                    for fault in faults {
                        json.object { json in
                            json.member("line", fault.line)
                            if let basket = fault.basket { json.member("basketId", basket) }
                            json.member("code", fault.code)
                            json.member("detail", fault.detail)
                        }
                    }
                })
            if let breakOff { json.member("brokeOff", breakOff) }
        }
        return writer.string()
    }

    /// For people.
    package var text: String {
        var lines: [String] = []
        for fault in faults {
            let basket = fault.basket.map { "basket \($0): " } ?? ""
            lines.append("line \(fault.line): \(basket)\(fault.code): \(fault.detail)")
        }
        let unseen = failed + count(.outOfStock) + count(.declined) + count(.paymentUnavailable) - faults.count
        if unseen > 0 { lines.append("… and \(unseen) more") }
        var parts = ["\(DemoSummary.grouped(Int64(placed))) placed"]
        if replayed > 0 { parts.append("\(DemoSummary.grouped(Int64(replayed))) placed earlier, left as they are") }
        for outcome in [OrderOutcome.queued, .processing, .outOfStock, .declined, .paymentUnavailable]
        where count(outcome) > 0 { parts.append("\(count(outcome)) \(outcome.words)") }
        if failed > 0 { parts.append("\(failed) failed") }
        let seconds = Double(duration.inMicroseconds) / 1e6
        lines.append(
            "\(DemoSummary.grouped(Int64(baskets))) baskets in \(DemoSummary.rounded(seconds, 1)) s: "
                + parts.joined(separator: ", "))
        return lines.joined(separator: "\n")
    }
}
