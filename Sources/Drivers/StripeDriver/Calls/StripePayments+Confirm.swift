// What moves an intent, and what its state means for the caller.

extension StripePayments {
    /// Confirms an intent that nobody has confirmed, and gives its state afterwards.
    ///
    /// The key is bound to the intent's path: Stripe refuses it for another intent. After a failure of Stripe's that
    /// was stored under a key, the next one is bound in the same way, because only who has this intent gets there.
    func confirmed(_ found: PaymentIntent, _ charge: StripeCharge) async throws(Stop) -> PaymentIntent {
        var intent = found
        for attempt in 1...Self.keyLimit {
            guard intent.progress == .untouched else { return intent }
            let key = charge.key + "/confirm" + (attempt == 1 ? "" : "/\(attempt)")
            // Nobody is there to authenticate: then it shall fail.
            let form = StripeForm(["error_on_requires_action": "true"])
            let reply = await transport.send(.post("/v1/payment_intents/\(intent.id)/confirm", form, key: key))
            switch reply {
            case .object(_, isReplay: false):
                let confirmed = try self.intent(in: reply)
                if confirmed.progress == .untouched { throw .unknown(StripeCause("Stripe has not confirmed it")) }
                return confirmed
            case .object(_, isReplay: true):
                return try await afterEffect { () async throws(Stop) in try await fetch(intent.id, charge) }
            case .refused(let error):
                return try await refusedConfirm(intent, charge, error)
            case .spent:
                intent = try await afterEffect { () async throws(Stop) in try await fetch(intent.id, charge) }
            case .keyMismatch(let cause):
                // Another intent of this key was confirmed: never this one as well.
                let now = try await afterEffect { () async throws(Stop) in try await fetch(intent.id, charge) }
                if now.progress == .untouched { throw .unknown(cause) }
                return now
            case .notExecuted(let cause):
                throw attempt == 1 ? .notExecuted(cause) : .unknown(cause)
            case .busy(let cause):
                throw .busy(cause)
            case .unknown(let cause):
                throw .unknown(cause)
            }
        }
        throw .unknown(StripeCause("Stripe keeps failing to confirm \(intent.id)"))
    }

    /// A confirm was refused: by the issuer, or because the intent has come further already.
    private func refusedConfirm(
        _ intent: PaymentIntent, _ charge: StripeCharge, _ error: StripeError
    ) async throws(Stop) -> PaymentIntent {
        try await afterEffect { () async throws(Stop) in
            let now = try await fetch(intent.id, charge)
            guard now.progress == .untouched else { return now }
            if error.code == "payment_intent_unexpected_state" {
                throw .unknown(StripeCause("Stripe finds \(now.id) in an unexpected state"))
            }
            let end = try await closed(now, charge)
            if end.status == .canceled { throw .refused(error.refusal) }
            return end
        }
    }

    /// The receipt of an intent that was confirmed, or why there is none.
    func settled(_ intent: PaymentIntent) async throws(Stop) -> StripeReceipt {
        switch intent.status {
        case .requiresCapture: return StripeReceipt(.authorized, reference: intent.id)
        case .succeeded: return StripeReceipt(.captured, reference: intent.id)
        case .processing: throw .busy(StripeCause("Stripe is still processing \(intent.id)"))
        case .canceled: throw .refused(intent.endReason)
        case .requiresAction:
            let refusal = StripeRefusal(
                code: StripeRefusal.authenticationRequired, reason: "the customer would have to authenticate")
            throw try await afterEffect { () async throws(Stop) in try await sealed(intent, refusal) }
        case .requiresPaymentMethod, .requiresConfirmation:
            guard let decline = intent.decline else {
                throw .unknown(StripeCause("\(intent.id) was not confirmed"))
            }
            throw try await afterEffect { () async throws(Stop) in try await sealed(intent, decline) }
        }
    }

    /// Closes an intent that shall never charge, so that its refusal is final: whatever is still on its way to it is
    /// refused by Stripe.
    private func sealed(_ intent: PaymentIntent, _ refusal: StripeRefusal) async throws(Stop) -> Stop {
        let end = try await closed(intent, nil)
        return end.status == .canceled
            ? .refused(refusal) : .unknown(StripeCause("\(intent.id) has become \(end.status.rawValue) meanwhile"))
    }

    /// Cancels an intent and gives its state afterwards, which is another if it has come too far for that. Needs no
    /// key: canceling twice is canceling.
    func closed(_ intent: PaymentIntent, _ charge: StripeCharge?) async throws(Stop) -> PaymentIntent {
        let form = StripeForm(["cancellation_reason": "abandoned"])
        let reply = await transport.send(.post("/v1/payment_intents/\(intent.id)/cancel", form))
        if case .refused = reply {
            return try await afterEffect { () async throws(Stop) in try await fetch(intent.id, charge) }
        }
        return try self.intent(in: reply)
    }
}
