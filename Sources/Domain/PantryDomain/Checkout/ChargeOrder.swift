import Determinism
import Sagas

/// Takes the order's money at once: the checkout's external step.
struct ChargeOrder: ExternalAction {
    let provider: any PaymentProvider
    let briefs: BriefReader
    let turns: ChargeTurns

    func call(_ state: CheckoutState, _ context: StepContext) async -> PaymentProvider.CallResult {
        let brief: CheckoutBrief
        do { brief = try await state.brief(context, briefs) } catch { return .notSent("\(error)") }
        guard brief.holdsUntil <= context.now else {
            if let wait = wait(brief, context, for: .charge) { return .unavailable(Self.waits, retryAfter: wait) }
            return await provider.authorize(brief.charge, capture: true)
        }
        // Nobody is charged for an order that they have long given up: void, unless the money has been taken already.
        switch await provider.void(brief.charge) {
        case .done: return .refused(code: ProviderCode.voided, reason: "the hold's time was up")
        case .refused(ProviderCode.alreadyCaptured, _):
            return .done(ProviderReceipt(.captured, reference: brief.payment.providerKey))
        case .refused(_, let reason), .unknown(let reason, _): return .unknown(reason)
        case .notSent(let reason): return .notSent(reason)
        case .unavailable(let reason, let pause): return .unavailable(reason, retryAfter: pause)
        }
    }

    func ask(_ state: CheckoutState, _ context: StepContext) async -> PaymentProvider.AskResult? {
        let brief: CheckoutBrief
        do { brief = try await state.brief(context, briefs) } catch { return .unknown("\(error)") }
        if let wait = wait(brief, context, for: .question) { return .unavailable(Self.waits, retryAfter: wait) }
        return await provider.lookup(brief.charge)
    }

    private static let waits = "other orders that have waited are charged first"

    /// New orders are charged as they come; those that have waited already, one after the other, and their questions
    /// with them.
    private func wait(_ brief: CheckoutBrief, _ context: StepContext, for call: WaitingCall) -> Duration? {
        context.attempt > 1 ? turns.wait(of: brief.order, for: call) : nil
    }

    func record(_ receipt: ProviderReceipt, in state: inout CheckoutState, _ context: StepContext) {
        state.receipt = receipt.reference
    }

    func recordRefusal(code: String, reason: String, in state: inout CheckoutState, _ context: StepContext) {
        // One that we gave up and did not come to write down is our doing, not a decline.
        let isExpired = state.brief.map { $0.holdsUntil <= context.now } ?? (reason == "the hold's time was up")
        let cause: CheckoutEnding.Cause =
            code != ProviderCode.voided
            ? .declined(code: code) : isExpired ? .expired : .unavailable("the charge was given up")
        state.ending = CheckoutEnding(cause)
    }
}

/// Makes sure that no money is or will be taken for the order; gives back what has been taken. Undoes ``ChargeOrder``,
/// also where nobody knows what became of it.
struct GiveBackCharge: ExternalAction {
    let provider: any PaymentProvider
    let briefs: BriefReader

    func call(_ state: CheckoutState, _ context: StepContext) async -> PaymentProvider.CallResult {
        let brief: CheckoutBrief
        do { brief = try await state.brief(context, briefs) } catch { return .notSent("\(error)") }
        switch await provider.void(brief.charge) {
        case .refused(ProviderCode.alreadyCaptured, _): return await provider.refund(brief.undo)
        case .refused(_, let reason): return .unknown(reason)
        case let result: return result
        }
    }

    func ask(_ state: CheckoutState, _ context: StepContext) async -> PaymentProvider.AskResult? {
        let brief: CheckoutBrief
        do { brief = try await state.brief(context, briefs) } catch { return .unknown("\(error)") }
        switch await provider.lookup(brief.charge) {
        case .done(let receipt) where receipt.effect == .voided: return .done(receipt)
        // The money is with us until the provider knows of its way back.
        case .done(let receipt) where receipt.effect == .authorized: return .absent
        case .done: return await provider.lookup(brief.undo)
        case .refused: return .done(ProviderReceipt(.voided, reference: "refused"))
        // Still being charged, or unheard of: the void itself is what settles it.
        case .pending, .absent: return .absent
        case .unknown(let reason): return .unknown(reason)
        case .unavailable(let reason, let pause): return .unavailable(reason, retryAfter: pause)
        }
    }

    func record(_ receipt: ProviderReceipt, in state: inout CheckoutState, _ context: StepContext) {
        var ending = state.ending ?? CheckoutEnding(.expired)
        ending.wasRefunded = receipt.effect == .refunded
        state.ending = ending
    }
}

extension CheckoutState {
    fileprivate func brief(_ context: StepContext, _ reader: BriefReader) async throws -> CheckoutBrief {
        if let brief { return brief }
        return try await reader.checkout(context)
    }
}

/// Gives money back: the pivot of a cancel and of a refund.
struct RefundCharge: ExternalAction {
    let provider: any PaymentProvider
    let briefs: BriefReader

    func call(_ state: RefundState, _ context: StepContext) async -> PaymentProvider.CallResult {
        do { return await provider.refund(try await brief(state, context).request) } catch {
            return .notSent("\(error)")
        }
    }
    func ask(_ state: RefundState, _ context: StepContext) async -> PaymentProvider.AskResult? {
        do { return await provider.lookup(try await brief(state, context).request) } catch {
            return .unknown("\(error)")
        }
    }
    func record(_ receipt: ProviderReceipt, in state: inout RefundState, _ context: StepContext) {}

    func recordRefusal(code: String, reason: String, in state: inout RefundState, _ context: StepContext) {
        state.refusal = code
    }

    private func brief(_ state: RefundState, _ context: StepContext) async throws -> RefundBrief {
        if let brief = state.brief { return brief }
        guard let refund = state.input.refund else { throw BriefReader.Fenced() }
        return try await briefs.refund(refund, context)
    }
}
