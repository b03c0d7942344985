import Determinism
import StrictJSON

// How a charge's payment intent is found from its key.
//
// For as long as the key is young, Stripe knows it: repeating the create gives the intent that the first create made.
// Stripe forgets keys after 24 hours at the earliest. A charge that was begun longer ago than `keyLifetime` is searched
// for by its key in the metadata first, and created only if the search finds nothing. That leaves no gap: an intent
// that was made less than 24 hours ago is given by the key, one that was made earlier was searchable long since, though
// the search may lag an hour behind.
//
// A create that failed inside Stripe may be stored as a failure: its key gives nothing else for a day. A *young* charge
// then goes on to the next key. What the failed create may have left behind was confirmed by nobody, since nobody was
// told its id. An old charge does not go on, since the search may not show yet what the next key has made.

extension StripePayments {
    /// Why an old charge's key is not tried any further.
    private func isOld(_ begunAt: Timestamp) -> Bool { begunAt + configuration.keyLifetime < time.now() }

    func isOld(_ refund: StripeRefund) -> Bool { isOld(refund.begunAt) }

    /// The payment intent of a charge, as it is now. Makes one where there is none.
    func locate(_ charge: StripeCharge) async throws(Stop) -> PaymentIntent {
        if let fault = charge.fault {
            throw .refused(StripeRefusal(code: StripeRefusal.invalidRequest, reason: fault))
        }
        if let id = charge.intent { return try await fetch(id, charge) }
        let isOld = isOld(charge.begunAt)
        if isOld, let found = try await search(charge) { return found }
        for attempt in 1...Self.keyLimit {
            let key = charge.key + (attempt == 1 ? "" : "/\(attempt)")
            let reply = await transport.send(.post("/v1/payment_intents", creation(of: charge), key: key))
            switch reply {
            case .object(_, let isReplay):
                let intent = try verified(try self.intent(in: reply), charge)
                // A stored answer shows the intent as it was when it was made.
                return isReplay ? try await fetch(intent.id, charge) : intent
            case .refused(let error):
                throw .refused(error.refusal)
            case .keyMismatch(let cause):
                // Made by a version that sent other parameters, or the key belongs to something else.
                if let found = try await search(charge) { return found }
                throw .unknown(cause)
            case .spent(let cause):
                if isOld { throw .unknown(cause) }
            case .busy(let cause):
                throw .busy(cause)
            case .notExecuted(let cause):
                throw .notExecuted(cause)
            case .unknown(let cause):
                throw .unknown(cause)
            }
        }
        throw .unknown(StripeCause("Stripe keeps failing to note the charge"))
    }

    private func creation(of charge: StripeCharge) -> StripeForm {
        var form = StripeForm([
            "amount": String(charge.amount.value),
            "currency": charge.amount.currency,
            "payment_method": charge.paymentMethod,
            "capture_method": charge.capturesAtOnce ? "automatic" : "manual",
            // Methods that send the customer elsewhere need one who is there.
            "automatic_payment_methods[enabled]": "true",
            "automatic_payment_methods[allow_redirects]": "never",
        ])
        form.add("metadata[\(configuration.keyField)]", charge.key)
        form.add("metadata[\(configuration.referenceField)]", charge.reference)
        return form
    }

    /// The present state of an intent.
    func fetch(_ id: String, _ charge: StripeCharge?) async throws(Stop) -> PaymentIntent {
        let reply = await transport.send(.get("/v1/payment_intents/\(id)"))
        if case .refused(let error) = reply {
            // An id that Stripe gave out and does not know: another account's, most likely. No refusal of a charge.
            throw .unknown(StripeCause("Stripe does not show \(id): \(error.message)"))
        }
        let intent = try intent(in: reply)
        guard let charge else { return intent }
        return try verified(intent, charge)
    }

    /// Looks for a charge by its key in the metadata.
    ///
    /// The search lags behind by a minute, by an hour in an outage, and may show what has changed since; so each hit is
    /// fetched. It does not exist in India.
    private func search(_ charge: StripeCharge) async throws(Stop) -> PaymentIntent? {
        let escaped = charge.key.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] }
        let query = StripeForm([
            "query": "metadata['\(configuration.keyField)']:'\(String(escaped))'",
            "limit": "100",
        ])
        let json: JSONObject
        switch await transport.send(.get("/v1/payment_intents/search", query)) {
        case .object(let object, _): json = object
        case .refused(let error): throw .unknown(StripeCause("Stripe cannot search: \(error.message)"))
        case .notExecuted(let cause): throw .notExecuted(cause)
        case .busy(let cause), .keyMismatch(let cause), .spent(let cause), .unknown(let cause): throw .unknown(cause)
        }
        guard let hits = json["data"]?.array, json["has_more"]?.bool != true, hits.count <= 10 else {
            throw .unknown(StripeCause("Stripe finds too many payment intents for the key, or says none of it"))
        }
        var intents: [PaymentIntent] = []
        for hit in hits {
            guard let object = hit.object,
                let intent = PaymentIntent(object, keyField: configuration.keyField, mask: transport.mask)
            else { throw .unknown(StripeCause("Stripe's search found something that is no payment intent")) }
            // The search ignores case.
            if intent.key == charge.key { intents.append(try await fetch(intent.id, charge)) }
        }
        return try Self.choice(among: intents)
    }

    /// The one intent that counts: the one that has an effect; else one that has ended, which a void must find again;
    /// else the latest.
    static func choice(among intents: [PaymentIntent]) throws(Stop) -> PaymentIntent? {
        let effective = intents.filter { $0.progress == .effective }
        if effective.count > 1 {
            let ids = effective.map(\.id).joined(separator: ", ")
            throw .unknown(StripeCause("more than one payment intent of the key has taken effect: \(ids)"))
        }
        return intents.max { a, b in
            (a.progress.rawValue, a.decline == nil ? 0 : 1, a.created, a.id)
                < (b.progress.rawValue, b.decline == nil ? 0 : 1, b.created, b.id)
        }
    }

    /// The intent in an answer.
    func intent(in reply: StripeReply) throws(Stop) -> PaymentIntent {
        switch reply {
        case .object(let json, _):
            guard let intent = PaymentIntent(json, keyField: configuration.keyField, mask: transport.mask) else {
                throw .unknown(StripeCause("Stripe's answer is no payment intent of a known kind"))
            }
            return intent
        case .refused(let error): throw .refused(error.refusal)
        case .keyMismatch(let cause), .spent(let cause), .unknown(let cause): throw .unknown(cause)
        case .busy(let cause): throw .busy(cause)
        case .notExecuted(let cause): throw .notExecuted(cause)
        }
    }

    /// Whether an intent is the charge's: a key that was used for something else must never pass for it.
    private func verified(_ intent: PaymentIntent, _ charge: StripeCharge) throws(Stop) -> PaymentIntent {
        guard intent.key == charge.key, intent.amount == charge.amount.value,
            intent.currency == charge.amount.currency
        else { throw .unknown(StripeCause("\(intent.id) belongs to another charge, or to another amount")) }
        return intent
    }
}
