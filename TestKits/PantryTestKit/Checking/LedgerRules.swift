/// The payment provider's books and the orders agree: one charge for each order that stands, none kept for one that
/// does not.
enum LedgerRules {
    static func violations(_ evidence: Evidence) -> [String] {
        let entries = Dictionary(grouping: evidence.books.entries, by: \.key)
        let operations = Dictionary(grouping: evidence.books.operations, by: \.reference)
        let orders = evidence.ordersByID
        var violations: [String] = []
        for (reference, operations) in operations.sorted(by: { $0.key < $1.key }) {
            let lines = operations.flatMap { operation in (entries[operation.key] ?? []).map { (operation, $0) } }
            guard let order = orders[reference] else {
                violations.append("the provider has \(lines.map(\.1)) for \(reference), which is no order")
                continue
            }
            violations += check(order, operations, lines.map(\.1))
        }
        for order in evidence.orders where order.stands && operations[order.id] == nil {
            violations.append("order \(order.id) is \(order.status), and the provider knows nothing of it")
        }
        let known = Set(evidence.books.operations.map(\.key))
        for key in entries.keys.sorted() where !known.contains(key) {
            violations.append("the provider has a line for \(key), which is no operation")
        }
        return violations
    }

    private static func check(
        _ order: Evidence.Order, _ operations: [ProviderBooks.Operation], _ lines: [ProviderBooks.Entry]
    ) -> [String] {
        var violations: [String] = []
        func expect(_ holds: Bool, _ text: @autoclosure () -> String) {
            if !holds { violations.append("order \(order.id) (\(order.status)): \(text())") }
        }
        let captures = lines.filter { $0.kind == "captured" }
        let captured = captures.reduce(0) { $0 + $1.amount }
        let refunded = lines.filter { $0.kind == "refunded" }.reduce(0) { $0 + $1.amount }
        expect(captures.count <= 1, "captured \(captures.count) times: \(captures.map(\.key))")
        expect(captured == 0 || captured == order.total, "captured \(captured) of a total of \(order.total)")
        let value = order.stands ? order.total - order.refunded : 0
        expect(
            captured - refunded == value,
            "captured \(captured) less refunded \(refunded) is not its value of \(value)")
        expect(
            captured == 0 || order.refunded == refunded,
            "the order says \(order.refunded) were refunded, the provider \(refunded)")
        expect(
            order.status == "pending" || !operations.contains { $0.status == "authorized" },
            "an authorization is still held")
        expect(
            captured == 0 || operations.allSatisfy { $0.currency == order.currency },
            "paid in \(Set(operations.map(\.currency)).sorted()) instead of \(order.currency)")
        return violations
    }
}
