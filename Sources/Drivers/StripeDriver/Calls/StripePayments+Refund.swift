import StrictJSON

// Refunds. A refund has no harmless first half, so its repetition is guarded twice: by its key while Stripe knows it,
// and by Stripe's list of the charge's refunds, which, unlike the search, is up to date.

extension StripePayments {
    private static let pageLimit = 10

    /// Gives back a part of what was captured.
    public func refund(_ refund: StripeRefund) async -> StripeOutcome {
        await outcome { () async throws(Stop) -> StripeReceipt in
            let intent = try await chargedIntent(of: refund)
            switch intent.status {
            case .succeeded: break
            case .processing: throw .busy(StripeCause("Stripe is still processing the charge"))
            case .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .requiresCapture, .canceled:
                let refusal = StripeRefusal(
                    code: StripeRefusal.notCaptured, reason: "the charge is \(intent.status.rawValue)")
                throw .refused(refusal)
            }
            if isOld(refund), let known = try await find(refund, of: intent) { return try settled(known, refund) }
            let reply = await transport.send(.post("/v1/refunds", creation(of: refund, intent), key: refund.key))
            // Not an effect that might be: Stripe's word, or that nothing was sent.
            if case .notExecuted(let cause) = reply { throw .notExecuted(cause) }
            return try await afterEffect { () async throws(Stop) in
                try await settled(reply, refund, intent)
            }
        }
    }

    /// What became of a refund: read from the charge's refunds, without any effect.
    ///
    /// ``StripeAnswer/absent`` says that there is none *now*: one may still be on its way. Calling
    /// ``refund(_:)`` again is safe, because it carries the same key.
    public func lookup(_ refund: StripeRefund) async -> StripeAnswer {
        do {
            let intent = try await chargedIntent(of: refund)
            guard let known = try await find(refund, of: intent) else { return .absent }
            return .done(try settled(known, refund))
        } catch {
            return error.answer
        }
    }

    private func chargedIntent(of refund: StripeRefund) async throws(Stop) -> PaymentIntent {
        if let fault = refund.fault {
            throw .refused(StripeRefusal(code: StripeRefusal.invalidRequest, reason: fault))
        }
        return try await locate(refund.charge)
    }

    private func creation(of refund: StripeRefund, _ intent: PaymentIntent) -> StripeForm {
        var form = StripeForm(["payment_intent": intent.id, "amount": String(refund.amount.value)])
        form.add("metadata[\(configuration.keyField)]", refund.key)
        form.add("metadata[\(configuration.referenceField)]", refund.reference)
        return form
    }

    private func settled(
        _ reply: StripeReply, _ refund: StripeRefund, _ intent: PaymentIntent
    ) async throws(Stop) -> StripeReceipt {
        switch reply {
        case .object(let json, let isReplay):
            guard let state = RefundState(json, keyField: configuration.keyField, mask: transport.mask) else {
                throw .unknown(StripeCause("Stripe's answer is no refund"))
            }
            // A stored answer shows the refund as it was when it was made.
            if isReplay, let now = try await find(refund, of: intent) { return try settled(now, refund) }
            return try settled(state, refund)
        case .refused(let error):
            // Refused because the whole charge is refunded already: perhaps by this refund.
            if let known = try await find(refund, of: intent) { return try settled(known, refund) }
            throw .refused(error.refusal)
        case .keyMismatch(let cause), .spent(let cause):
            if let known = try await find(refund, of: intent) { return try settled(known, refund) }
            // Never a second key: the first may yet turn out to have had its effect. Stripe forgets it after a day.
            throw .unknown(cause)
        case .busy(let cause):
            throw .busy(cause)
        case .unknown(let cause):
            throw .unknown(cause)
        case .notExecuted(let cause):
            throw .notExecuted(cause)
        }
    }

    private func settled(_ state: RefundState, _ refund: StripeRefund) throws(Stop) -> StripeReceipt {
        guard state.key == refund.key, state.amount == refund.amount.value else {
            throw .unknown(StripeCause("\(state.id) belongs to another refund, or to another amount"))
        }
        switch state.status {
        case "succeeded": return StripeReceipt(.refunded, reference: state.id)
        case "pending", "requires_action": throw .busy(StripeCause("Stripe is still at \(state.id)"))
        case "failed", "canceled":
            let reason = "\(state.id) is \(state.status)" + (state.failure.map { ": \($0)" } ?? "")
            throw .refused(StripeRefusal(code: StripeRefusal.refundFailed, reason: reason))
        default: throw .unknown(StripeCause("\(state.id) is in a state this driver does not know"))
        }
    }

    /// The refund among all refunds of the intent.
    private func find(_ refund: StripeRefund, of intent: PaymentIntent) async throws(Stop) -> RefundState? {
        var last: String?
        for _ in 1...Self.pageLimit {
            var query = StripeForm(["payment_intent": intent.id, "limit": "100"])
            if let last { query.add("starting_after", last) }
            let json: JSONObject
            switch await transport.send(.get("/v1/refunds", query)) {
            case .object(let object, _): json = object
            case .refused(let error): throw .unknown(StripeCause("Stripe shows no refunds: \(error.message)"))
            case .notExecuted(let cause): throw .notExecuted(cause)
            case .busy(let cause), .keyMismatch(let cause), .spent(let cause), .unknown(let cause):
                throw .unknown(cause)
            }
            guard let page = json["data"]?.array, let hasMore = json["has_more"]?.bool else {
                throw .unknown(StripeCause("Stripe's answer is no list of refunds"))
            }
            for item in page {
                guard let object = item.object,
                    let state = RefundState(object, keyField: configuration.keyField, mask: transport.mask)
                else { throw .unknown(StripeCause("Stripe's list holds something that is no refund")) }
                if state.key == refund.key { return state }
                last = state.id
            }
            if !hasMore || page.isEmpty { return nil }
        }
        throw .unknown(StripeCause("the charge has too many refunds to look through"))
    }
}
