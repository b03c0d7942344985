import StrictJSON

/// What is read of Stripe's payment intent. See <https://docs.stripe.com/payments/paymentintents/lifecycle>.
struct PaymentIntent: Sendable, Hashable {
    enum Status: String, Sendable {
        case requiresPaymentMethod = "requires_payment_method"
        case requiresConfirmation = "requires_confirmation"
        case requiresAction = "requires_action"
        case processing
        case requiresCapture = "requires_capture"
        case succeeded
        case canceled
    }
    /// How far an intent has come, for choosing among several.
    enum Progress: Int, Comparable, Sendable {
        /// Nothing was ever tried.
        case untouched
        /// It was declined or closed.
        case ended
        /// It holds or moves money, or is about to.
        case effective

        static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    }
    let id: String
    let status: Status
    let amount: Int64
    let currency: String
    let created: Int64
    /// The caller's key, from the metadata.
    let key: String?
    /// Why the last attempt to pay failed.
    let decline: StripeRefusal?
    let cancellationReason: String?

    /// nil when it is no payment intent that this driver understands; a status of a later version among them.
    init?(_ json: JSONObject, keyField: String, mask: TextMask) {
        guard json["object"]?.string == "payment_intent", let id = json["id"]?.string, StripeID.isWellFormed(id),
            let status = json["status"]?.string.flatMap(Status.init(rawValue:)),
            let amount = json["amount"]?.integer, let currency = json["currency"]?.string
        else { return nil }
        (self.id, self.status, self.amount, self.currency) = (id, status, amount, currency)
        created = json["created"]?.integer ?? 0
        key = json["metadata"]?.object?[keyField]?.string
        decline = json["last_payment_error"]?.object.flatMap { StripeError($0, mask: mask)?.refusal }
        cancellationReason = json["cancellation_reason"]?.string
    }

    var progress: Progress {
        switch status {
        case .requiresPaymentMethod: decline == nil ? .untouched : .ended
        case .requiresConfirmation: .untouched
        case .canceled: .ended
        case .requiresAction, .processing, .requiresCapture, .succeeded: .effective
        }
    }

    /// Why a closed intent takes no money.
    var endReason: StripeRefusal {
        if let decline { return decline }
        if cancellationReason == "automatic" {
            return StripeRefusal(code: StripeRefusal.authorizationExpired, reason: "the hold has expired at Stripe")
        }
        return StripeRefusal(code: StripeRefusal.voided, reason: "the charge was voided")
    }
}

/// What is read of Stripe's refund.
struct RefundState: Sendable, Hashable {
    let id: String
    let status: String
    let amount: Int64
    let intent: String?
    let key: String?
    let failure: String?

    init?(_ json: JSONObject, keyField: String, mask: TextMask) {
        guard json["object"]?.string == "refund", let id = json["id"]?.string, StripeID.isWellFormed(id),
            let status = json["status"]?.string, let amount = json["amount"]?.integer
        else { return nil }
        (self.id, self.status, self.amount) = (id, status, amount)
        intent = json["payment_intent"]?.string ?? json["payment_intent"]?.object?["id"]?.string
        key = json["metadata"]?.object?[keyField]?.string
        failure = json["failure_reason"]?.string.map(mask.clean)
    }
}
