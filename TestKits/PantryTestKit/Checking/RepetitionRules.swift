import StrictJSON

/// One idempotency key: one order, one charge, one answer, however often the request was sent.
enum RepetitionRules {
    static func violations(_ exchanges: [Exchange], _ evidence: Evidence) -> [String] {
        let orders = exchanges.filter { $0.kind == .order && $0.idempotencyKey != nil }
        let byKey = Dictionary(grouping: orders) { "\($0.organization) \($0.idempotencyKey ?? "")" }
        let made = Dictionary(grouping: evidence.orders.filter { $0.key != nil }) {
            "\($0.organization) \($0.key ?? "")"
        }
        let captures = Dictionary(
            grouping: evidence.books.entries.filter { $0.kind == "captured" }, by: \.key)
        let references = Dictionary(grouping: evidence.books.operations, by: \.reference)

        var violations: [String] = []
        for (key, attempts) in byKey.sorted(by: { $0.key < $1.key }) {
            violations += answers(key, attempts)
            let orders = made[key] ?? []
            let alive = orders.filter(\.isAlive)
            if alive.count > 1 {
                violations.append("key \(key) made \(alive.count) orders: \(alive.map { "\($0.id) \($0.status)" })")
            }
            let charges = orders.flatMap { references[$0.id] ?? [] }.flatMap { captures[$0.key] ?? [] }
            if charges.count > 1 {
                violations.append("key \(key) was charged \(charges.count) times: \(charges.map(\.key))")
            }
            if attempts.allSatisfy({ $0.answer == nil }) {
                violations.append("key \(key) was never answered, not even when it was repeated")
            }
        }
        for order in evidence.orders {
            guard let key = order.key else { continue }
            if byKey["\(order.organization) \(key)"] == nil {
                violations.append("order \(order.id) carries the key \(key), which nobody sent")
            }
        }
        return violations
    }

    private static func answers(_ key: String, _ attempts: [Exchange]) -> [String] {
        var violations: [String] = []
        let granted = attempts.compactMap(\.answer).filter { (200...299).contains($0.status) }
        let ids = Set(granted.compactMap { $0["id"]?.string })
        if ids.count > 1 { violations.append("key \(key) was answered with different orders: \(ids.sorted())") }
        // After a 202 the order's present state is answered, whatever it is; the others are kept as they were.
        let final = Set(
            attempts.compactMap(\.answer).compactMap { answer -> Int? in
                if answer.status == 201 || answer.status == 402 { return answer.status }
                return answer.code == "out-of-stock" ? 409 : nil
            })
        if final.count > 1 {
            violations.append("key \(key) was answered with \(final.sorted()), which exclude each other")
        }
        return violations
    }
}
