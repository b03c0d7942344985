import Determinism
import Instrumentation

/// Charges, holds and refunds through Stripe's payment intents, each under a key of the caller's.
///
/// Every call says precisely whether it took effect; none is repeated here, and none charges twice, however often and
/// from however many processes it is made. How that holds, and for how long, is written in `docs/stripe.md`; in short:
///
/// - A charge is made in two requests: *create* the intent under the caller's key, which moves no money, then *confirm*
///   it under a key made from that one. An intent charges at most once, whatever is sent to it.
/// - Asking repeats the create: it gives the same intent, or one that nobody has confirmed. Then it reads the intent's
///   present state, which no stored answer can tell.
/// - The confirm's key is bound to the first intent that was confirmed under it: should there ever be two intents for
///   one key, only one of them can be charged.
/// - What was refused, or needs the customer, is canceled before it is called refused.
///
/// Call ``shutdown()`` before the last reference goes away.
public struct StripePayments: Sendable {
    let configuration: StripeConfiguration
    let transport: StripeTransport
    let time: any TimeSource

    /// How many keys are tried where Stripe has stored a failure of its own under the ones before.
    static let keyLimit = 4

    /// A client with connections of its own. Opens none yet.
    /// - Parameters:
    ///   - time: tells how old a charge is, and bounds requests.
    ///   - instrument: gives every request the headers of the trace that it is made in, such as `traceparent`: of
    ///     `ServiceContext.current` where the call is made. A tracer is an instrument. Without one the driver sends
    ///     none; AsyncHTTPClient goes on to use the tracer of `InstrumentationSystem`, if the process has set one.
    /// - Throws: what ``StripeConfiguration/validate()`` finds.
    public init(
        configuration: StripeConfiguration, time: any TimeSource = SystemTime(), instrument: (any Instrument)? = nil
    ) throws(StripeConfigurationError) {
        try configuration.validate()
        (self.configuration, self.time) = (configuration, time)
        transport = StripeTransport(configuration, time: time, instrument: instrument)
    }

    /// Closes the connections. Requests under way fail.
    public func shutdown() async { await transport.shutdown() }

    /// Charges, or holds the amount until ``capture(_:)`` or ``void(_:)``.
    public func authorize(_ charge: StripeCharge) async -> StripeOutcome {
        await outcome { () async throws(Stop) -> StripeReceipt in
            let intent = try await locate(charge)
            return try await settled(try await confirmed(intent, charge))
        }
    }

    /// What became of a charge. Makes an unconfirmed intent, which moves no money, where Stripe had heard nothing of
    /// it.
    public func lookup(_ charge: StripeCharge) async -> StripeAnswer {
        do {
            let intent = try await locate(charge)
            if intent.progress == .untouched { return .absent }
            return .done(try await settled(intent))
        } catch {
            return error.answer
        }
    }

    /// Takes all that was authorized. Needs no key of its own: an intent that is captured cannot be captured again.
    public func capture(_ charge: StripeCharge) async -> StripeOutcome {
        await outcome { () async throws(Stop) -> StripeReceipt in
            let intent = try await locate(charge)
            guard intent.status == .requiresCapture else { return try captureReceipt(of: intent) }
            let form = StripeForm(["amount_to_capture": String(intent.amount)])
            let reply = await transport.send(.post("/v1/payment_intents/\(intent.id)/capture", form))
            if case .refused(let error) = reply {
                let now = try await afterEffect { () async throws(Stop) in try await fetch(intent.id, charge) }
                if now.status == .requiresCapture { throw .refused(error.refusal) }
                return try captureReceipt(of: now)
            }
            return try captureReceipt(of: try self.intent(in: reply))
        }
    }

    /// Gives up a charge: releases what is held, and closes the intent, so that a confirm that is still on its way is
    /// refused when it arrives. Refused with ``StripeRefusal/alreadyCaptured`` when the money has been taken.
    public func void(_ charge: StripeCharge) async -> StripeOutcome {
        await outcome { () async throws(Stop) -> StripeReceipt in
            guard let found = try await noted(charge) else {
                // Stripe does not even note a charge like this: there is no intent, so nothing can be confirmed.
                return StripeReceipt(.voided, reference: charge.key)
            }
            let intent =
                found.status == .canceled || found.status == .succeeded ? found : try await closed(found, charge)
            switch intent.status {
            case .canceled: return StripeReceipt(.voided, reference: intent.id)
            case .succeeded:
                throw .refused(
                    StripeRefusal(code: StripeRefusal.alreadyCaptured, reason: "the money has been taken"))
            case .processing: throw .busy(StripeCause("Stripe is still processing the charge"))
            case .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .requiresCapture:
                throw .unknown(StripeCause("Stripe has not canceled \(intent.id), which is \(intent.status.rawValue)"))
            }
        }
    }

    /// The charge's intent; nil where Stripe refuses to make one.
    private func noted(_ charge: StripeCharge) async throws(Stop) -> PaymentIntent? {
        do throws(Stop) {
            return try await locate(charge)
        } catch {
            if case .refused(let refusal) = error, refusal.code != StripeRefusal.invalidRequest { return nil }
            throw error
        }
    }

    private func captureReceipt(of intent: PaymentIntent) throws(Stop) -> StripeReceipt {
        switch intent.status {
        case .succeeded: return StripeReceipt(.captured, reference: intent.id)
        case .processing: throw .busy(StripeCause("Stripe is still processing \(intent.id)"))
        case .requiresCapture: throw .unknown(StripeCause("Stripe has not captured \(intent.id)"))
        case .canceled: throw .refused(intent.endReason)
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction:
            let refusal = StripeRefusal(
                code: StripeRefusal.notAuthorized, reason: "the charge is \(intent.status.rawValue)")
            throw .refused(intent.decline ?? refusal)
        }
    }

    func outcome(_ body: () async throws(Stop) -> StripeReceipt) async -> StripeOutcome {
        do { return .done(try await body()) } catch { return error.outcome }
    }
    /// Runs what follows a request that may have had an effect.
    func afterEffect<Value>(_ body: () async throws(Stop) -> Value) async throws(Stop) -> Value {
        do { return try await body() } catch { throw error.afterEffect }
    }
}
