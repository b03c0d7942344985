import StrictJSON

/// What an HTTP answer, or its absence, means for the request.
enum StripeReply: Sendable {
    /// Stripe did it. A replay is the answer of an earlier request with the same key, and may be out of date.
    case object(JSONObject, isReplay: Bool)
    /// Stripe refuses: 400, 402, 404.
    case refused(StripeError)
    /// The key was used before, for another request or with other parameters.
    case keyMismatch(StripeCause)
    /// Another request with this key, or on this object, is being executed. This one was not.
    case busy(StripeCause)
    /// It was not executed: never sent, too many requests, or a key that may not.
    case notExecuted(StripeCause)
    /// The answer stored for this key is a failure of Stripe's: sending it again gives the same for a day.
    case spent(StripeCause)
    /// It may have been executed.
    case unknown(StripeCause)
}

/// An error that Stripe answered with.
struct StripeError: Sendable, Hashable {
    var type: String
    var code: String?
    var declineCode: String?
    var message: String

    init?(_ error: JSONObject, mask: TextMask) {
        guard let type = error["type"]?.string else { return nil }
        self.type = mask.clean(type)
        code = error["code"]?.string.map(mask.clean)
        declineCode = error["decline_code"]?.string.map(mask.clean)
        message = error["message"]?.string.map(mask.clean) ?? "no reason given"
    }

    var refusal: StripeRefusal {
        let authentication = "authentication_required"
        if code == authentication || declineCode == authentication {
            return StripeRefusal(
                code: StripeRefusal.authenticationRequired, declineCode: declineCode, reason: message)
        }
        return StripeRefusal(code: code ?? type, declineCode: declineCode, reason: message)
    }
}

/// An answer as it came.
struct StripeResponse: Sendable {
    var status: Int
    var isReplay = false
    var pause: Duration?
    /// Stripe's name for the request, to ask its support by.
    var requestID: String?
    var body: [UInt8] = []

    /// Reads the answer.
    ///
    /// The statuses are those of <https://docs.stripe.com/error-low-level>: Stripe stores the answer under the key once
    /// it has begun to execute, failures included; 429 and 401 come before that.
    func reply(mask: TextMask) -> StripeReply {
        func cause(_ text: String) -> StripeCause {
            StripeCause(requestID.map { "\(text) (\(mask.clean($0)))" } ?? text, pause: pause)
        }
        let json: JSONObject? = (try? JSONReader.parse(body))?.object
        let error = json?["error"]?.object.flatMap { StripeError($0, mask: mask) }
        switch status {
        case 200...299:
            guard let json else { return .unknown(cause("Stripe's answer is no JSON object")) }
            return .object(json, isReplay: isReplay)
        case 401:
            return .notExecuted(cause("Stripe does not accept the API key"))
        case 403:
            return .notExecuted(cause("the API key may not do this at Stripe"))
        case 409:
            return .busy(cause("Stripe is still executing an earlier request with this key"))
        case 429 where error?.code == "lock_timeout":
            return .busy(cause("Stripe is executing another request on the same object"))
        case 429:
            return isReplay
                ? .spent(cause("Stripe stored 429 for this key")) : .notExecuted(cause("too many requests for Stripe"))
        case 400, 402, 404, 405...407, 410...423, 425...428, 430...499:
            guard let error else { return .unknown(cause("Stripe answered \(status) without saying why")) }
            if error.type == "idempotency_error" { return .keyMismatch(cause(error.message)) }
            return .refused(error)
        default:
            let text = cause("Stripe answered \(status)")
            return isReplay ? .spent(text) : .unknown(text)
        }
    }
}
