import OpenTelemetryTracing
import PantryDomain
import Sagas
import StripeDriver
import Tracing

/// Stripe as the payment provider: what `StripePayments` says, in the words of the port.
///
/// `metadata` at Stripe: `pantry_key`, the payment's key, and `pantry_reference`, the organization's number and the
/// order's id, by which a webhook finds its saga. The driver looks for its caller's trace in `ServiceContext.current`.
struct StripeProvider: PaymentProvider {
    static let metadataPrefix = "pantry"
    let payments: StripePayments

    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult {
        guard let charge = StripeCharge(charge, capturesAtOnce: capture) else { return Self.inexact }
        return CallResult(await ServiceContext.withCurrentSpan { await payments.authorize(charge) })
    }
    func capture(_ charge: ProviderCharge) async -> CallResult {
        guard let charge = StripeCharge(charge, capturesAtOnce: false) else { return Self.inexact }
        return CallResult(await ServiceContext.withCurrentSpan { await payments.capture(charge) })
    }
    func void(_ charge: ProviderCharge) async -> CallResult {
        guard let charge = StripeCharge(charge) else { return Self.inexact }
        return CallResult(await ServiceContext.withCurrentSpan { await payments.void(charge) })
    }
    func refund(_ refund: ProviderRefund) async -> CallResult {
        guard let refund = StripeRefund(refund) else { return Self.inexact }
        return CallResult(await ServiceContext.withCurrentSpan { await payments.refund(refund) })
    }
    func lookup(_ charge: ProviderCharge) async -> AskResult {
        // What Stripe cannot charge was never sent.
        guard let charge = StripeCharge(charge) else { return .absent }
        return AskResult(await ServiceContext.withCurrentSpan { await payments.lookup(charge) })
    }
    func lookup(_ refund: ProviderRefund) async -> AskResult {
        guard let refund = StripeRefund(refund) else { return .absent }
        return AskResult(await ServiceContext.withCurrentSpan { await payments.lookup(refund) })
    }

    private static let inexact = CallResult.refused(
        code: "amount-not-chargeable", reason: "Stripe cannot charge this amount exactly in its currency")
}

extension StripeCharge {
    /// The checkout's charges are captured at once.
    fileprivate init?(_ charge: ProviderCharge, capturesAtOnce: Bool = true) {
        guard let amount = StripeAmount(minorUnits: charge.amount.amount, currency: charge.amount.currency) else {
            return nil
        }
        self.init(
            key: charge.key, reference: StripeWebhook.reference(charge), amount: amount, paymentMethod: charge.method,
            capturesAtOnce: capturesAtOnce, begunAt: charge.begunAt,
            intent: charge.receipt.flatMap { $0.hasPrefix("pi_") ? $0 : nil })
    }
}

extension StripeRefund {
    fileprivate init?(_ refund: ProviderRefund) {
        guard let charge = StripeCharge(refund.charge),
            let amount = StripeAmount(minorUnits: refund.amount.amount, currency: refund.amount.currency)
        else { return nil }
        self.init(
            key: refund.key, charge: charge, reference: charge.reference, amount: amount, begunAt: refund.begunAt)
    }
}

extension ExternalCallMachine<ProviderReceipt>.CallResult {
    fileprivate init(_ outcome: StripeOutcome) {
        switch outcome {
        case .done(let receipt): self = .done(ProviderReceipt(receipt))
        case .refused(let refusal):
            self = .refused(code: refusal.declineCode ?? refusal.code, reason: refusal.reason)
        // Stripe asks to be left alone for so long; whoever calls earlier is refused again.
        case .notSent(let cause) where cause.asksToWait: self = .unavailable(cause.reason, retryAfter: cause.pause)
        case .notSent(let cause): self = .notSent(cause.reason)
        case .unknown(let cause): self = .unknown(cause.reason, retryAfter: cause.pause)
        }
    }
}

extension ExternalCallMachine<ProviderReceipt>.AskResult {
    fileprivate init(_ answer: StripeAnswer) {
        switch answer {
        case .done(let receipt): self = .done(ProviderReceipt(receipt))
        case .refused(let refusal):
            self = .refused(code: refusal.declineCode ?? refusal.code, reason: refusal.reason)
        case .pending: self = .pending
        case .absent: self = .absent
        case .unknown(let cause) where cause.asksToWait: self = .unavailable(cause.reason, retryAfter: cause.pause)
        case .unknown(let cause): self = .unknown(cause.reason)
        }
    }
}

extension StripeCause {
    fileprivate var asksToWait: Bool { pause.map { $0 > .zero } ?? false }
}

extension ProviderReceipt {
    fileprivate init(_ receipt: StripeReceipt) {
        let effect: Effect =
            switch receipt.effect {
            case .authorized: .authorized
            case .captured: .captured
            case .voided: .voided
            case .refunded: .refunded
            }
        self.init(effect, reference: receipt.reference)
    }
}
