import HTTPTypes
import PantryDomain
import StrictJSON

extension Problem {
    /// The contract's answer to a refusal of the domain. The one place that knows statuses and codes of these.
    init(_ refusal: Refusal) {
        switch refusal {
        case .notFound(let detail): self = .notFound(Self.sentence(detail))
        case .alreadyExists(let detail):
            self.init(.conflict, "already-exists", "Already exists", Self.sentence(detail))
        case .invalid(let fields): self = .invalid(fields)
        case .outOfStock(let lines): self = .outOfStock(lines: ShortLineList.json(lines))
        case .stockChanged(let onHand):
            self.init(
                .conflict, "stock-changed", "Stock changed",
                "There are \(onHand) units on hand, not expectedOnHand; count again or send the new number.")
            extraMembers = [ExtraMember("current", json: "{\"onHand\":\(onHand)}")]
        case .invalidTransition(let from, let allowed, let detail):
            self.init(.conflict, "invalid-transition", "Invalid transition", Self.sentence(detail))
            extraMembers = [
                ExtraMember("from", json: JSONValue.string(from).serialized()),
                ExtraMember("allowed", json: JSONValue.array(allowed.map { .string($0) }).serialized()),
            ]
        case .paymentDeclined(let code):
            self = .paymentDeclined([ExtraMember("declineCode", json: JSONValue.string(code).serialized())])
            // An order that is declined is an answer that its key keeps; refused is the way back of the money.
            detail = "The provider refused to give the money back. Nothing has changed."
        case .writeLost(let detail):
            self.init(
                .conflict, "write-lost", "Write lost",
                Self.sentence(detail) + " Read without the token to see what there is, and send the write again with "
                    + "its Idempotency-Key.")
        case .keyReused:
            self.init(
                .unprocessableContent, "idempotency-key-reused", "Idempotency key reused",
                "This Idempotency-Key was sent with another path or body before. Take a new one for a new operation.")
        default: self = Self.forNow(refusal)
        }
    }

    /// The refusals that a client may simply send again.
    private static func forNow(_ refusal: Refusal) -> Problem {
        switch refusal {
        case .busy(let detail):
            Problem(.conflict, "order-busy", "Order busy", sentence(detail), retryAfter: 1)
        case .keyInProgress:
            Problem(
                .conflict, "idempotency-in-progress", "Idempotent request in progress",
                "The first request with this Idempotency-Key has not ended yet. Send it again with the same key.",
                retryAfter: 1)
        case .overloaded(let detail):
            Problem(.serviceUnavailable, "overloaded", "Overloaded", sentence(detail), retryAfter: 1)
        case .paymentUnavailable(let detail):
            Problem(
                .serviceUnavailable, "payment-unavailable", "Payment unavailable", sentence(detail), retryAfter: 5)
        case .unknownOutcome:
            Problem(
                .serviceUnavailable, "shard-unavailable", "Shard unavailable",
                "The request may have been carried out. Send it again with the same Idempotency-Key to find out.",
                retryAfter: 1)
        case .shardUnavailable(let detail):
            Problem(.serviceUnavailable, "shard-unavailable", "Shard unavailable", sentence(detail), retryAfter: 1)
        default: .internal
        }
    }

    /// A request that is well-formed but asks for what cannot be.
    static func invalid(_ fields: [FieldProblem]) -> Problem {
        var problem = Problem(
            .unprocessableContent, "invalid", "Invalid request",
            fields.count == 1
                ? "One thing is wrong with the request." : "\(fields.count) things are wrong with the request.")
        problem.errors = fields.map { FieldError(pointer: $0.pointer, code: $0.code, detail: sentence($0.detail)) }
        return problem
    }

    /// - Parameter lines: the array of short lines, rendered.
    static func outOfStock(lines: String) -> Problem {
        var problem = Problem(
            .conflict, "out-of-stock", "Out of stock", "Some products are not available in these quantities.")
        problem.extraMembers = [ExtraMember("lines", json: lines)]
        return problem
    }

    static func paymentDeclined(_ members: [ExtraMember]) -> Problem {
        var problem = Problem(
            HTTPResponse.Status(code: 402, reasonPhrase: "Payment Required"), "payment-declined", "Payment declined",
            "The payment was declined. The order has failed, and its stock is available again.")
        problem.extraMembers = members
        return problem
    }

    /// - Parameter retryAfter: seconds; with them, the problem counts as one that passes.
    private init(
        _ status: HTTPResponse.Status, _ code: String, _ title: String, _ detail: String, retryAfter: Int? = nil
    ) {
        self.init(
            status: status, code: code, title: title, detail: detail, retryable: retryAfter != nil,
            retryAfter: retryAfter)
    }

    /// The domain's reasons are clauses; a client reads sentences.
    static func sentence(_ clause: String) -> String {
        var bytes = Array(clause.utf8)
        if let first = bytes.first, (97...122).contains(first) { bytes[0] = first - 32 }
        if let last = bytes.last, last != UInt8(ascii: ".") { bytes.append(UInt8(ascii: ".")) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Short lines as the domain's own answers render them.
private enum ShortLineList {
    static func json(_ lines: [ShortLine]) -> String {
        var json = JSONWriter()
        json.array { json in
            for line in lines {
                json.object {
                    $0.member("sku", line.sku)
                    $0.member("requested", line.requested)
                    $0.member("available", line.available)
                }
            }
        }
        return json.string()
    }
}
