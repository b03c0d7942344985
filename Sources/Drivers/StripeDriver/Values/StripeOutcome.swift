/// What Stripe says it has done.
public struct StripeReceipt: Sendable, Hashable {
    /// What it did.
    public enum Effect: String, Sendable {
        /// The money is held.
        case authorized
        /// The money is taken.
        case captured
        /// Nothing is held, and nothing will be: the payment intent is closed.
        case voided
        /// The money is given back.
        case refunded
    }
    /// What it did.
    public var effect: Effect
    /// The id of the object that says so: `pi_…`, or `re_…` for a refund. A charge that was voided before Stripe had
    /// taken any note of it has its key here.
    public var reference: String

    /// A receipt.
    public init(_ effect: Effect, reference: String) { (self.effect, self.reference) = (effect, reference) }
}

/// Why Stripe does not do it, now or later.
public struct StripeRefusal: Sendable, Hashable {
    /// Stripe's code, such as `card_declined`, or one of the constants of this type.
    public var code: String
    /// The issuer's reason behind `card_declined`, such as `insufficient_funds`.
    public var declineCode: String?
    /// A sentence, fit for a log.
    public var reason: String

    /// A refusal.
    public init(code: String, declineCode: String? = nil, reason: String) {
        (self.code, self.declineCode, self.reason) = (code, declineCode, reason)
    }

    /// The issuer wants the customer to authenticate, and nobody is there to do so.
    public static let authenticationRequired = "authentication-required"
    /// A void came too late: the money has been taken, that takes a refund.
    public static let alreadyCaptured = "already-captured"
    /// The charge was voided.
    public static let voided = "voided"
    /// The hold has ended by itself.
    public static let authorizationExpired = "authorization-expired"
    /// There is nothing to capture: the charge was never authorized.
    public static let notAuthorized = "not-authorized"
    /// There is nothing to refund: the charge was never captured.
    public static let notCaptured = "not-captured"
    /// The request itself is wrong, and was not sent.
    public static let invalidRequest = "invalid-request"
    /// Stripe took a refund, and it failed later.
    public static let refundFailed = "refund-failed"
}

/// Why it is not known, or not done yet.
public struct StripeCause: Sendable, Hashable, CustomStringConvertible {
    /// A sentence, fit for a log.
    public var reason: String
    /// How long Stripe asks to wait before the next call.
    public var pause: Duration?

    /// A cause.
    public init(_ reason: String, pause: Duration? = nil) { (self.reason, self.pause) = (reason, pause) }

    /// The reason.
    public var description: String { reason }
}

/// What a call came to. It says precisely whether the call took effect.
public enum StripeOutcome: Sendable, Hashable {
    /// It took effect.
    case done(StripeReceipt)
    /// Refused for good, without effect.
    case refused(StripeRefusal)
    /// This call moved no money, and nothing of it is on its way: it was not sent, or Stripe turned it away unread.
    case notSent(StripeCause)
    /// It may have taken effect, or may still. Ask with `lookup`.
    case unknown(StripeCause)
}

/// What became of a charge or refund.
public enum StripeAnswer: Sendable, Hashable {
    /// It took effect.
    case done(StripeReceipt)
    /// Refused for good.
    case refused(StripeRefusal)
    /// Stripe is still at it.
    case pending(StripeCause)
    /// It has had no effect so far. Calling again with the same key is safe.
    case absent
    /// No answer.
    case unknown(StripeCause)
}

/// How a call ends early. Not an error of the caller's: each becomes one case of an outcome or an answer.
enum Stop: Error {
    case refused(StripeRefusal)
    /// Nothing was executed.
    case notExecuted(StripeCause)
    /// Something about this key is going on at Stripe.
    case busy(StripeCause)
    case unknown(StripeCause)

    var outcome: StripeOutcome {
        switch self {
        case .refused(let refusal): .refused(refusal)
        case .notExecuted(let cause): .notSent(cause)
        case .busy(let cause), .unknown(let cause): .unknown(cause)
        }
    }
    var answer: StripeAnswer {
        switch self {
        case .refused(let refusal): .refused(refusal)
        case .busy(let cause): .pending(cause)
        case .notExecuted(let cause), .unknown(let cause): .unknown(cause)
        }
    }
    /// The same, where an earlier request of this call may have had an effect: then “nothing was executed” is no longer
    /// true of the call.
    var afterEffect: Stop {
        if case .notExecuted(let cause) = self { .unknown(cause) } else { self }
    }
}
