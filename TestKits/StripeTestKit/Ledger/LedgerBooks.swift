import Determinism
import StrictJSON

/// The ledger's state and what each call does to it.
struct LedgerBooks: Sendable {
    let metadataPrefix: String
    var intents: [LedgerIntent] = []
    var refunds: [LedgerRefund] = []
    /// The status of new refunds.
    var refundStatus = "succeeded"
    var searchLag: Duration = .zero
    var isSearchable = true
    private var number = 0

    init(metadataPrefix: String) { self.metadataPrefix = metadataPrefix }

    var keyField: String { metadataPrefix + "_key" }

    /// An answer, and whether Stripe stores it: not when the parameters are refused before execution begins.
    typealias Execution = (answer: LedgerAnswer, isStored: Bool)

    mutating func execute(_ request: LedgerRequest, now: Timestamp) -> Execution {
        let fields = request.fields
        let id = request.segments.count > 1 ? request.segments[1] : ""
        switch request.endpoint {
        case .create: return create(fields, now)
        case .confirm: return (change(id) { $0.confirm(fields) }, true)
        case .capture: return (change(id) { $0.capture(fields) }, true)
        case .cancel: return (change(id) { $0.cancel(fields) }, true)
        case .fetch: return (change(id) { LedgerAnswer(200, $0.json) }, false)
        case .search: return (search(fields, now), false)
        case .refund: return refund(fields)
        case .refunds: return (list(fields), false)
        case nil: return (.failure(404, "invalid_request_error", nil, "Unrecognized request URL"), false)
        }
    }

    private mutating func newID(_ prefix: String) -> String {
        number += 1
        return "\(prefix)_test_\(number)"
    }

    private static func metadata(_ fields: [String: String]) -> [String: String] {
        var metadata: [String: String] = [:]
        for (name, value) in fields where name.hasPrefix("metadata[") && name.hasSuffix("]") {
            metadata[String(name.dropFirst(9).dropLast())] = value
        }
        return metadata
    }

    private mutating func create(_ fields: [String: String], _ now: Timestamp) -> Execution {
        guard let amount = fields["amount"].flatMap({ Int64($0) }), amount > 0 else {
            return (.invalid("parameter_invalid_integer", "Invalid integer"), false)
        }
        guard amount < 100_000_000 else { return (.invalid("amount_too_large", "Amount too large"), false) }
        guard let currency = fields["currency"], currency == currency.lowercased(), currency.count == 3 else {
            return (.invalid("parameter_invalid", "Invalid currency"), false)
        }
        guard let method = fields["payment_method"], method.hasPrefix("pm_") else {
            return (.invalid("resource_missing", "No such PaymentMethod"), false)
        }
        let intent = LedgerIntent(
            id: newID("pi"), amount: amount, currency: currency, isManual: fields["capture_method"] == "manual",
            metadata: Self.metadata(fields), createdAt: now, method: method)
        intents.append(intent)
        return (LedgerAnswer(200, intent.json), true)
    }

    private mutating func change(
        _ id: String, _ body: (inout LedgerIntent) -> LedgerAnswer
    ) -> LedgerAnswer {
        guard let index = intents.firstIndex(where: { $0.id == id }) else {
            return .failure(404, "invalid_request_error", "resource_missing", "No such payment_intent: '\(id)'")
        }
        return body(&intents[index])
    }

    /// Only `metadata['…']:'…'`. It ignores case, as Stripe's does, and does not see what is new.
    private func search(_ fields: [String: String], _ now: Timestamp) -> LedgerAnswer {
        guard isSearchable else { return .invalid("search_unavailable", "Search is not available in your region") }
        let prefix = "metadata['\(keyField)']:'"
        guard let query = fields["query"], query.hasPrefix(prefix), query.hasSuffix("'") else {
            return .invalid("parameter_invalid", "We were unable to parse your search query")
        }
        var wanted = ""
        var isEscaped = false
        for character in query.dropFirst(prefix.count).dropLast() {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                wanted.append(character)
                isEscaped = false
            }
        }
        let hits = intents.filter { intent in
            intent.metadata[keyField]?.lowercased() == wanted.lowercased() && intent.createdAt + searchLag <= now
        }
        return LedgerAnswer(
            200, ["object": "search_result", "has_more": false, "data": .array(hits.map(\.json))])
    }

    private mutating func refund(_ fields: [String: String]) -> Execution {
        guard let index = intents.firstIndex(where: { $0.id == fields["payment_intent"] }) else {
            return (.failure(404, "invalid_request_error", "resource_missing", "No such payment_intent"), false)
        }
        let intent = intents[index]
        guard let amount = fields["amount"].flatMap({ Int64($0) }), amount > 0 else {
            return (.invalid("parameter_invalid_integer", "Invalid positive integer"), false)
        }
        guard intent.status == "succeeded" else {
            return (.invalid("payment_intent_unexpected_state", "There is no charge to refund"), true)
        }
        guard intent.refunded < intent.amount else {
            return (.invalid("charge_already_refunded", "The charge has already been refunded"), true)
        }
        guard amount <= intent.amount - intent.refunded else {
            let answer = LedgerAnswer.failure(
                400, "invalid_request_error", nil, "Refund amount is greater than unrefunded amount on charge")
            return (answer, true)
        }
        intents[index].refunded += amount
        var refund = LedgerRefund(
            id: newID("re"), intent: intent.id, amount: amount, currency: intent.currency,
            metadata: Self.metadata(fields))
        refund.status = refundStatus
        refunds.append(refund)
        return (LedgerAnswer(200, refund.json), true)
    }

    /// The latest first, in pages.
    private func list(_ fields: [String: String]) -> LedgerAnswer {
        var all = refunds.filter { $0.intent == fields["payment_intent"] }.reversed()[...]
        if let last = fields["starting_after"], let index = all.firstIndex(where: { $0.id == last }) {
            all = all[all.index(after: index)...]
        }
        let page = all.prefix(fields["limit"].flatMap { Int($0) } ?? 10)
        return LedgerAnswer(
            200,
            [
                "object": "list", "has_more": .bool(page.count < all.count), "data": .array(page.map(\.json)),
            ])
    }
}

extension LedgerIntent {
    private func unexpected(_ verb: String) -> LedgerAnswer {
        let message = "This PaymentIntent could not be \(verb) because it has a status of \(status)."
        return LedgerAnswer(
            400,
            [
                "error": [
                    "type": "invalid_request_error", "code": "payment_intent_unexpected_state",
                    "message": .string(message), "payment_intent": json,
                ]
            ])
    }

    fileprivate mutating func confirm(_ fields: [String: String]) -> LedgerAnswer {
        if status == "requires_payment_method" {
            return .invalid("parameter_missing", "You cannot confirm a PaymentIntent without a payment method")
        }
        guard status == "requires_confirmation" else { return unexpected("confirmed") }
        switch method {
        case "pm_card_chargeDeclined":
            return decline("card_declined", "generic_decline", "Your card was declined.")
        case "pm_card_chargeDeclinedInsufficientFunds":
            return decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
        case "pm_card_authenticationRequired" where fields["error_on_requires_action"] == "true":
            return decline(
                "authentication_required", "authentication_required", "This payment requires authentication.")
        case "pm_card_authenticationRequired", "pm_card_actionRequired":
            status = "requires_action"
        case "pm_card_processing":
            status = "processing"
        default:
            charge()
        }
        return LedgerAnswer(200, json)
    }

    mutating func charge() {
        charges += 1
        status = isManual ? "requires_capture" : "succeeded"
    }

    private mutating func decline(_ code: String, _ declineCode: String, _ message: String) -> LedgerAnswer {
        (status, method) = ("requires_payment_method", nil)
        let decline = Decline(code: code, declineCode: declineCode, message: message)
        self.decline = decline
        var error = decline.json.object ?? [:]
        error["payment_intent"] = json
        return LedgerAnswer(402, ["error": .object(error)])
    }

    fileprivate mutating func capture(_ fields: [String: String]) -> LedgerAnswer {
        guard status == "requires_capture" else { return unexpected("captured") }
        guard fields["amount_to_capture"].map({ Int64($0) == amount }) ?? true else {
            return .invalid("amount_too_large", "Only the whole amount is captured here")
        }
        status = "succeeded"
        return LedgerAnswer(200, json)
    }

    fileprivate mutating func cancel(_ fields: [String: String]) -> LedgerAnswer {
        guard status.hasPrefix("requires_") else { return unexpected("canceled") }
        (status, cancellationReason) = ("canceled", fields["cancellation_reason"])
        return LedgerAnswer(200, json)
    }
}
