import StrictJSON

/// What an answer acknowledged is still so: the order is readable, with that content, and in a state that follows from
/// what was asked for since.
enum AcknowledgementRules {
    static func violations(_ exchanges: [Exchange], _ evidence: Evidence) -> [String] {
        let requested = RequestedChanges(exchanges)
        var violations: [String] = []
        for exchange in exchanges {
            guard let answer = exchange.answer else { continue }
            if answer.status == 500 { violations.append("\(exchange.title) got 500: \(Outcome.answered(answer))") }
            guard exchange.kind != .other else { continue }
            if answer.status == 404 {
                violations.append("\(exchange.title) got 404 for an order that was acknowledged")
            }
            guard (200...299).contains(answer.status) else { continue }
            violations += check(exchange, answer, evidence)
        }
        for order in evidence.orders { violations += check(order, requested) }
        return violations
    }

    private static func check(_ exchange: Exchange, _ answer: PantryAnswer, _ evidence: Evidence) -> [String] {
        guard let json = answer.json, let id = answer["id"]?.string, id.hasPrefix("ord_") else {
            return exchange.kind == .order ? ["\(exchange.title) got \(answer.status) without an order's id"] : []
        }
        let acknowledged = Evidence.Order(organization: exchange.organization, json: json)
        var violations: [String] = []
        func violated(_ text: String) { violations.append("\(exchange.title): \(text)") }

        guard let present = evidence.ordersByID[id] else {
            violated("order \(id) was acknowledged with \(answer.status) and is in no list")
            return violations
        }
        if present.organization != exchange.organization {
            violated("order \(id) is in the list of \(present.organization) instead of \(exchange.organization)")
        }
        if exchange.kind == .order {
            if let read = evidence.read[id], !shows(read, present) {
                violated(
                    "order \(id) was acknowledged, and reading it gives \(read); listed is \(present.json.serialized())"
                )
            }
            violations += content(exchange, acknowledged)
        }
        if acknowledged.items != present.items || acknowledged.total != present.total
            || acknowledged.currency != present.currency
        {
            violated("order \(id) was acknowledged with other lines or another total than it has now")
        }
        if !follows(acknowledged.status, present.status) {
            violated("order \(id) was acknowledged as \(acknowledged.status) and is \(present.status) now")
        }
        if let expected = expectedStatus(exchange, answer), acknowledged.status != expected {
            violated("order \(id) was answered as \(acknowledged.status) instead of \(expected)")
        }
        return violations
    }

    /// The payment is left out: that of a waiting order is tried again every now and then.
    private static func shows(_ read: Outcome, _ order: Evidence.Order) -> Bool {
        guard read.status == 200, let json = read.json else { return false }
        let other = Evidence.Order(organization: order.organization, json: json)
        return other.id == order.id && other.status == order.status && other.items == order.items
            && other.total == order.total && other.currency == order.currency && other.key == order.key
    }

    /// An order's lines are those that were asked for, and their sum is its total.
    private static func content(_ exchange: Exchange, _ order: Evidence.Order) -> [String] {
        var violations: [String] = []
        let asked = Evidence.Order.units(exchange.body?.object?["items"]?.array ?? [])
        if asked != order.units {
            violations.append("\(exchange.title): order \(order.id) has units \(order.units) instead of \(asked)")
        }
        var sum: Int64 = 0
        for item in order.items {
            let amount = item.object?["amount"]?.object?["amount"]?.integer ?? 0
            let price = item.object?["unitPrice"]?.object?["amount"]?.integer ?? 0
            let quantity = item.object?["quantity"]?.integer ?? 0
            if amount != price * quantity {
                violations.append("\(exchange.title): \(quantity) units at \(price) cost \(amount)")
            }
            sum += amount
        }
        if sum != order.total {
            violations.append("\(exchange.title): order \(order.id) has a total of \(order.total) and lines of \(sum)")
        }
        return violations
    }

    private static func expectedStatus(_ exchange: Exchange, _ answer: PantryAnswer) -> String? {
        switch exchange.kind {
        case .order where answer.status == 201: "confirmed"
        case .cancel where answer.status == 200: "canceled"
        case .fulfill where answer.status == 200: "fulfilled"
        default: nil
        }
    }

    private static func follows(_ from: String, _ status: String) -> Bool {
        switch from {
        case "pending": true
        case "confirmed": ["confirmed", "fulfilled", "canceled", "refunded"].contains(status)
        default: from == status
        }
    }

    /// Nothing happens to an order that nobody asked for, and nothing that was acknowledged is missing.
    private static func check(_ order: Evidence.Order, _ requested: RequestedChanges) -> [String] {
        var violations: [String] = []
        switch order.status {
        case "canceled" where !requested.canceled.contains(order.id):
            violations.append("order \(order.id) is canceled, and nobody asked for that")
        case "fulfilled" where !requested.fulfilled.contains(order.id):
            violations.append("order \(order.id) is fulfilled, and nobody asked for that")
        case "refunded" where !requested.refunded.contains(order.id):
            violations.append("order \(order.id) is refunded, and nobody asked for that")
        default: break
        }
        let acknowledged = requested.acknowledgedRefunds[order.id] ?? 0
        if order.stands || order.status == "refunded", order.refunded != acknowledged {
            violations.append(
                "order \(order.id) has \(order.refunded) refunded; refunds of \(acknowledged) were acknowledged")
        }
        return violations
    }
}

/// What was asked of which order, and what of that was granted.
private struct RequestedChanges {
    private(set) var canceled: Set<String> = []
    private(set) var fulfilled: Set<String> = []
    private(set) var refunded: Set<String> = []
    /// Minor units, each key counted once.
    private(set) var acknowledgedRefunds: [String: Int64] = [:]

    init(_ exchanges: [Exchange]) {
        var keys: Set<String> = []
        for exchange in exchanges {
            switch exchange.kind {
            case .cancel(let id): canceled.insert(id)
            case .fulfill(let id): fulfilled.insert(id)
            case .refund(let id):
                refunded.insert(id)
                guard exchange.answer?.status == 201,
                    keys.insert("\(id) \(exchange.idempotencyKey ?? "\(exchange.number)")").inserted
                else { continue }
                acknowledgedRefunds[id, default: 0] += exchange.body?.object?["amount"]?.integer ?? 0
            case .order, .other: break
            }
        }
    }
}
