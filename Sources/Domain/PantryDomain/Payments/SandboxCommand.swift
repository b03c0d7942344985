import Determinism
import Storage

/// One request to the sandbox provider, decided over its own ledger.
struct SandboxCommand: LaneCommand {
    enum Request: Sendable {
        case authorize(ProviderCharge, capture: Bool)
        case capture(key: String)
        case void(key: String, reference: String)
        case refund(ProviderRefund)
        case lookup(key: String)
    }
    enum Outcome: Sendable, Hashable {
        case done(ProviderReceipt)
        case refused(code: String, reason: String)
        /// Money has moved, but the caller shall not hear of it.
        case lost
        /// An internal error of the provider; nothing has moved.
        case error
        /// Still at it until then.
        case busy(until: Timestamp)
        case absent
    }
    let request: Request
    /// How long `pm_slow` takes.
    static let slowness: Duration = .seconds(5)

    func needs(_ loaded: WorkingSet) -> [Need] {
        switch request {
        case .authorize(let charge, _): [.row(SandboxOperation.key(charge.key))]
        case .capture(let key), .void(let key, _), .lookup(let key): [.row(SandboxOperation.key(key))]
        case .refund(let refund):
            [.row(SandboxOperation.key(refund.key)), .row(SandboxOperation.key(refund.charge.key))]
        }
    }

    func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }

    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        switch request {
        case .authorize(let charge, let capture): return authorize(charge, capture: capture, &work, now)
        case .capture(let key): return captureLater(key, &work, now)
        case .void(let key, let reference): return void(key, reference, &work, now)
        case .refund(let refund): return self.refund(refund, &work, now)
        case .lookup(let key):
            guard var operation = work[SandboxOperation.key(key)] else { return .discard(.absent) }
            if operation.finishIfDue(now) {
                operation.record(in: &work, at: now)
                return .commit(operation.answer)
            }
            return .discard(operation.answer)
        }
    }

    private func authorize(
        _ charge: ProviderCharge, capture: Bool, _ work: inout WorkingSet, _ now: Timestamp
    ) -> Verdict<Outcome> {
        let taken: SandboxOperation.Status = capture ? .captured : .authorized
        if var known = work[SandboxOperation.key(charge.key)] {
            if known.status == .voided { return .discard(known.answer) }
            guard known.amount == charge.amount, known.method == charge.method else {
                return .discard(.refused(code: "key-reused", reason: "the key belongs to another charge"))
            }
            if known.status == .failed {
                known.status = taken
            } else if !known.finishIfDue(now) {
                return .discard(known.answer)
            }
            known.record(in: &work, at: now)
            return .commit(known.answer)
        }
        var operation = SandboxOperation(
            name: charge.key, kind: capture ? .charge : .authorization, reference: charge.reference, parent: nil,
            amount: charge.amount, method: charge.method, status: taken, completesAt: nil, now: now)
        switch charge.method {
        case "pm_error":
            return .discard(.error)
        case "pm_declined":
            operation.status = .declined
        case "pm_flaky":
            operation.status = .failed
            work.put(operation)
            return .commit(.error)
        case "pm_slow":
            (operation.status, operation.completesAt) = (.processing, now + Self.slowness)
            work.put(operation)
            return .commit(operation.answer)
        default:
            break
        }
        operation.record(in: &work, at: now)
        return .commit(charge.method == "pm_lost" ? .lost : operation.answer)
    }

    private func captureLater(_ key: String, _ work: inout WorkingSet, _ now: Timestamp) -> Verdict<Outcome> {
        guard var operation = work[SandboxOperation.key(key)] else { return .discard(.absent) }
        guard operation.status == .authorized else { return .discard(operation.answer) }
        operation.status = .captured
        operation.record(in: &work, at: now)
        return .commit(operation.answer)
    }

    private func void(
        _ key: String, _ reference: String, _ work: inout WorkingSet, _ now: Timestamp
    ) -> Verdict<Outcome> {
        guard var operation = work[SandboxOperation.key(key)] else {
            // A tombstone: the charge that this voids may still be on its way, and is refused when it comes.
            var tombstone = SandboxOperation(
                name: key, kind: .charge, reference: reference, parent: nil, amount: Money(0, ""), method: "",
                status: .voided, completesAt: nil, now: now)
            tombstone.record(in: &work, at: now)
            return .commit(tombstone.answer)
        }
        let isNew = operation.finishIfDue(now)
        switch operation.status {
        case .captured, .refunded:
            let refusal = Outcome.refused(code: ProviderCode.alreadyCaptured, reason: "the money has been taken")
            guard isNew else { return .discard(refusal) }
            operation.record(in: &work, at: now)
            return .commit(refusal)
        case .voided, .declined:
            return .discard(.done(ProviderReceipt(.voided, reference: operation.receiptName)))
        case .processing, .failed, .authorized:
            operation.status = .voided
            operation.record(in: &work, at: now)
            return .commit(operation.answer)
        }
    }

    private func refund(_ refund: ProviderRefund, _ work: inout WorkingSet, _ now: Timestamp) -> Verdict<Outcome> {
        if let known = work[SandboxOperation.key(refund.key)] { return .discard(known.answer) }
        guard var charge = work[SandboxOperation.key(refund.charge.key)] else {
            return .discard(.refused(code: "no-such-charge", reason: "there is no charge “\(refund.charge.key)”"))
        }
        _ = charge.finishIfDue(now)
        guard charge.status == .captured, charge.amount.currency == refund.amount.currency, refund.amount.amount > 0,
            refund.amount.amount <= charge.amount.amount - charge.refunded
        else {
            return .discard(.refused(code: "not-refundable", reason: "more than what was captured and not refunded"))
        }
        if charge.entries == 0 { charge.record(in: &work, at: now) }
        charge.refunded += refund.amount.amount
        work.put(charge)
        var operation = SandboxOperation(
            name: refund.key, kind: .refund, reference: refund.charge.reference, parent: refund.charge.key,
            amount: refund.amount,
            method: charge.method, status: .refunded, completesAt: nil, now: now)
        operation.record(in: &work, at: now)
        return .commit(operation.answer)
    }
}

extension SandboxOperation {
    /// Completes a slow charge whose time has come: a real provider goes on by itself, whether anybody waits or not.
    fileprivate mutating func finishIfDue(_ now: Timestamp) -> Bool {
        guard status == .processing, let completesAt, completesAt <= now else { return false }
        status = kind == .authorization ? .authorized : .captured
        return true
    }

    /// Stores the operation and an entry in the books for its new status.
    fileprivate mutating func record(in work: inout WorkingSet, at now: Timestamp) {
        entries += 1
        work.put(self)
        let amount = status == .declined || status == .voided ? 0 : amount.amount
        work.append(SandboxEntry(name: name, number: entries, kind: status, amount: amount, at: now))
    }

    fileprivate var receiptName: String { "sandbox/\(name)" }

    fileprivate var answer: SandboxCommand.Outcome {
        switch status {
        case .authorized: .done(ProviderReceipt(.authorized, reference: receiptName))
        case .captured: .done(ProviderReceipt(.captured, reference: receiptName))
        case .refunded: .done(ProviderReceipt(.refunded, reference: receiptName))
        case .voided: .refused(code: ProviderCode.voided, reason: "the charge was voided")
        case .declined: .refused(code: "card-declined", reason: "the card was declined")
        case .processing: .busy(until: completesAt ?? createdAt)
        case .failed: .absent
        }
    }
}
