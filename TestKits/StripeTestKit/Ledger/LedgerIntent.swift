import Determinism
import StrictJSON

/// A payment intent in the ledger.
struct LedgerIntent: Sendable {
    struct Decline: Sendable {
        let code: String
        let declineCode: String?
        let message: String

        var json: JSONValue {
            var error: JSONObject = ["type": "card_error", "code": .string(code), "message": .string(message)]
            if let declineCode { error["decline_code"] = .string(declineCode) }
            return .object(error)
        }
    }
    let id: String
    let amount: Int64
    let currency: String
    let isManual: Bool
    let metadata: [String: String]
    let createdAt: Timestamp
    var method: String?
    var status = "requires_confirmation"
    var decline: Decline?
    var cancellationReason: String?
    /// How often money was held or taken: once at most, or the ledger itself is wrong.
    var charges = 0
    var refunded: Int64 = 0

    var json: JSONValue {
        [
            "id": .string(id), "object": "payment_intent", "amount": .integer(amount), "currency": .string(currency),
            "status": .string(status), "capture_method": .string(isManual ? "manual" : "automatic"),
            "created": .integer(createdAt.microseconds / 1_000_000),
            "amount_received": .integer(status == "succeeded" ? amount : 0),
            "client_secret": .string("\(id)_secret_forTheCustomer"),
            "payment_method": method.map { .string($0) } ?? .null,
            "metadata": .object(LedgerIntent.object(metadata)),
            "last_payment_error": decline?.json ?? .null,
            "cancellation_reason": cancellationReason.map { .string($0) } ?? .null,
        ]
    }

    static func object(_ metadata: [String: String]) -> JSONObject {
        var object = JSONObject()
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) { object[name] = .string(value) }
        return object
    }
}

/// A refund in the ledger.
struct LedgerRefund: Sendable {
    let id: String
    let intent: String
    let amount: Int64
    let currency: String
    let metadata: [String: String]
    var status = "succeeded"

    var json: JSONValue {
        [
            "id": .string(id), "object": "refund", "amount": .integer(amount), "currency": .string(currency),
            "status": .string(status), "payment_intent": .string(intent),
            "metadata": .object(LedgerIntent.object(metadata)),
            "failure_reason": status == "failed" ? "expired_or_canceled_card" : .null,
        ]
    }
}
