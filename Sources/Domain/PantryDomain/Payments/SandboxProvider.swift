import Determinism
import Sagas
import Storage

/// A payment provider to try things with. It is a provider in earnest: it keeps durable books of its own, in a file
/// of its own with its own commits, so that “never charges twice” can be checked against somebody else's ledger.
///
/// The payment method chooses how it behaves: `pm_ok`; `pm_declined`; `pm_error` (always an internal error); `pm_slow`
/// (answers after 5 s); `pm_lost` (charges, then drops the connection); `pm_flaky` (every first attempt fails).
package struct SandboxProvider: PaymentProvider {
    package static let methods = ["pm_ok", "pm_declined", "pm_error", "pm_slow", "pm_lost", "pm_flaky"]

    private let lane: WriteLane
    private let time: any TimeSource

    package init(lane: WriteLane, time: any TimeSource) { (self.lane, self.time) = (lane, time) }

    package func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult {
        let first = await submit(.authorize(charge, capture: capture))
        guard case .success(.busy(let until)) = first else { return Self.call(first) }
        let rest = Duration.microseconds(max(0, until.microseconds - time.now().microseconds) + 1_000)
        guard (try? await time.sleep(for: rest)) != nil else { return .unknown("gave up waiting for the provider") }
        return Self.call(await submit(.authorize(charge, capture: capture)))
    }
    package func capture(_ charge: ProviderCharge) async -> CallResult {
        Self.call(await submit(.capture(key: charge.key)))
    }
    package func void(_ charge: ProviderCharge) async -> CallResult {
        let result = await submit(.void(key: charge.key, reference: charge.reference))
        if case .success(.refused(ProviderCode.voided, _)) = result {
            return .done(ProviderReceipt(.voided, reference: "sandbox/\(charge.key)"))
        }
        return Self.call(result)
    }
    package func refund(_ refund: ProviderRefund) async -> CallResult { Self.call(await submit(.refund(refund))) }

    package func lookup(_ charge: ProviderCharge) async -> AskResult { await lookup(key: charge.key) }
    package func lookup(_ refund: ProviderRefund) async -> AskResult { await lookup(key: refund.key) }

    private func lookup(key: String) async -> AskResult {
        switch await submit(.lookup(key: key)) {
        case .success(.done(let receipt)): .done(receipt)
        case .success(.refused(let code, let reason)): .refused(code: code, reason: reason)
        case .success(.absent): .absent
        case .success(.busy): .pending
        case .success(.lost), .success(.error): .unknown("the provider answered 500")
        case .failure(let failure): .unknown("\(failure)")
        }
    }

    private func submit(_ request: SandboxCommand.Request) async -> Result<SandboxCommand.Outcome, LaneFailure> {
        do {
            return .success(
                try await lane.submit(
                    SandboxCommand(request: request), tenant: nil, deadline: time.instant() + .seconds(10)))
        } catch {
            return .failure(error)
        }
    }

    private static func call(_ result: Result<SandboxCommand.Outcome, LaneFailure>) -> CallResult {
        switch result {
        case .success(.done(let receipt)): .done(receipt)
        case .success(.refused(let code, let reason)): .refused(code: code, reason: reason)
        case .success(.lost): .unknown("the connection was lost")
        case .success(.error): .unknown("the provider answered 500")
        case .success(.busy): .unknown("the provider is still working on it")
        case .success(.absent): .refused(code: "no-such-charge", reason: "the provider knows no such charge")
        case .failure(.unknown(let reason)): .unknown(reason)
        case .failure(let failure): .notSent("\(failure)")
        }
    }
}
