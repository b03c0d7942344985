/// How a text may look: with escape sequences on a terminal, without them elsewhere.
package struct TextStyle: Sendable, Hashable {
    package var isColored: Bool
    package init(isColored: Bool) { self.isColored = isColored }

    func bold(_ text: String) -> String { isColored ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
    func good(_ text: String) -> String { isColored ? "\u{1B}[32m\(text)\u{1B}[0m" : text }
    func bad(_ text: String) -> String { isColored ? "\u{1B}[31m\(text)\u{1B}[0m" : text }
}

extension DemoSummary {
    /// The summary for people.
    package func text(_ style: TextStyle) -> String {
        var lines = [style.bold(isInterrupted ? "Pantry demo, interrupted" : "Pantry demo"), ""]
        lines += table(overview, style) + [""]
        lines += table(orderRows, style) + [""]
        lines += [style.bold("Sold")] + sales + [""]
        lines += table(checks(style), style)
        for fault in faults { lines.append("  " + style.bad("✗ \(fault)")) }
        return lines.joined(separator: "\n")
    }

    private var overview: [(String, String)] {
        [
            ("Organizations", "\(organizations.count), each with \(Self.grouped(Int64(products))) products"),
            (
                "Orders",
                "\(Self.grouped(Int64(books.placed))) out of \(Self.grouped(Int64(baskets))) real baskets, "
                    + "from \(clients) keep-alive clients"
            ),
            ("Throughput", "\(Self.rounded(ordersPerSecond, 0)) orders/s for \(Self.rounded(seconds, 1)) s"),
            (
                "Latency",
                "p50 \(Self.time(latency.p50))  p90 \(Self.time(latency.p90))  p99 \(Self.time(latency.p99))  "
                    + "max \(Self.time(latency.max))"
            ),
        ]
    }

    private var orderRows: [(String, String)] {
        var rows: [(String, String)] = []
        for outcome in OrderOutcome.allCases {
            guard let count = books.outcomes[outcome], count > 0 else { continue }
            var text = Self.grouped(Int64(count))
            switch outcome {
            case .confirmed:
                let lost = books.parts[.lost] ?? 0
                text += "  stock reserved and card charged, once"
                if lost > 0 { text += "; \(lost) charges lost their answer and were asked for" }
            case .outOfStock: text += "  refused before any card was touched"
            case .declined: text += "  their stock was back before the answer"
            case .queued: text += "  the provider fails; stock is held, and it is tried again"
            case .processing, .canceled, .paymentUnavailable, .refused, .unanswered: break
            }
            rows.append((outcome.words.capitalizedFirst, text))
        }
        if books.canceled > 0 { rows.append(("Canceled later", "\(books.canceled)  money and stock back")) }
        if books.refunds > 0 {
            rows.append(("Refunded in part", "\(books.refunds)  \(money(books.refunded)) given back"))
        }
        return rows
    }

    private var sales: [String] {
        let cells = organizations.map { shop in
            [
                shop.name, "\(Self.grouped(Int64(shop.orders))) orders", "\(Self.grouped(shop.units)) units",
                money(shop.revenue),
            ]
        }
        let widths = (0..<4).map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { row in
            "  " + row[0].padded(to: widths[0])
                + (1..<4).map { "  " + row[$0].padded(to: widths[$0], atStart: true) }.joined()
        }
    }

    private func checks(_ style: TextStyle) -> [(String, String)] {
        var rows: [(String, String)] = []
        func verdict(_ isGood: Bool, _ text: String) -> String {
            isGood ? style.good("✓ " + text) : style.bad("✗ " + text)
        }
        if let race {
            rows.append(
                (
                    "Race",
                    verdict(
                        race.oversold == 0 && race.winners + race.outOfStock == race.buyers,
                        "\(race.buyers) buyers at once, \(race.units) units: \(race.winners) winners, "
                            + "\(race.outOfStock) told that it is out of stock, \(race.oversold) oversold")
                ))
        }
        rows.append(
            (
                "Repeated keys",
                verdict(
                    books.sameAnswers == books.repeats,
                    "\(books.sameAnswers) of \(books.repeats) repeats got the first answer again, "
                        + "\(books.repeatsUnderWay) of them sent while it was under way")
            ))
        if !isInterrupted {
            rows.append(
                (
                    "Books",
                    verdict(
                        discrepancies.isEmpty,
                        discrepancies.isEmpty
                            ? "every answer, order, stock row and payment agree"
                            : "\(discrepancies.count) things do not agree")
                ))
        }
        if let verification {
            rows.append(
                (
                    "Verify",
                    verdict(
                        verification.findings.isEmpty,
                        "\(verification.checked) invariants over \(Self.grouped(verification.orders)) orders: "
                            + (verification.findings.isEmpty ? "all hold" : "\(verification.findings.count) broken"))
                ))
        }
        return rows
    }
}

// MARK: Words and columns

extension DemoSummary {
    private var seconds: Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }

    private func table(_ rows: [(String, String)], _ style: TextStyle) -> [String] {
        rows.map { "  " + style.bold($0.0.padded(to: 22)) + $0.1 }
    }

    private func money(_ amount: Int64) -> String {
        let (whole, rest) = amount.magnitude.quotientAndRemainder(dividingBy: 100)
        return (amount < 0 ? "-" : "") + Self.grouped(Int64(whole)) + (rest < 10 ? ".0" : ".") + "\(rest) "
            + (books.currency ?? "")
    }

    /// 1234567 as 1,234,567.
    package static func grouped(_ number: Int64) -> String {
        var digits = Array(String(number.magnitude))
        for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
        return (number < 0 ? "-" : "") + String(digits)
    }

    /// Microseconds in the unit that suits.
    package static func time(_ microseconds: Int64) -> String {
        switch microseconds {
        case ..<10_000: "\(rounded(Double(microseconds) / 1e3, 1)) ms"
        case ..<1_000_000: "\(rounded(Double(microseconds) / 1e3, 0)) ms"
        default: "\(rounded(Double(microseconds) / 1e6, 1)) s"
        }
    }

    package static func rounded(_ number: Double, _ digits: Int) -> String {
        if digits == 0 { return grouped(Int64(number.rounded())) }
        let tenths = Int64((number * 10).rounded())
        return "\(grouped(tenths / 10)).\(abs(tenths % 10))"
    }
}

extension String {
    fileprivate func padded(to width: Int, atStart: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - count))
        return atStart ? blanks + self : self + blanks
    }

    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
