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
    package func capture(key: String) async -> CallResult { Self.call(await submit(.capture(key: key))) }
    package func void(key: String, reference: String) async -> CallResult {
        let result = await submit(.void(key: key, reference: reference))
        if case .success(.refused(ProviderCode.voided, _)) = result {
            return .done(ProviderReceipt(.voided, reference: "sandbox/\(key)"))
        }
        return Self.call(result)
    }
    package func refund(_ refund: ProviderRefund) async -> CallResult { Self.call(await submit(.refund(refund))) }

    package func lookup(key: String) async -> AskResult {
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

/// Bounds every call of a provider in time. A call that is cut off is unknown: it may have arrived.
package struct TimedProvider: PaymentProvider {
    private let provider: any PaymentProvider
    private let timeout: Duration
    private let limit: TimeLimit

    package init(_ provider: any PaymentProvider, timeout: Duration, time: any TimeSource) {
        (self.provider, self.timeout) = (provider, timeout)
        limit = TimeLimit(timeout, time: time)
    }
    package func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult {
        await call { await $0.authorize(charge, capture: capture) }
    }
    package func capture(key: String) async -> CallResult { await call { await $0.capture(key: key) } }
    package func void(key: String, reference: String) async -> CallResult {
        await call { await $0.void(key: key, reference: reference) }
    }
    package func refund(_ refund: ProviderRefund) async -> CallResult { await call { await $0.refund(refund) } }
    package func lookup(key: String) async -> AskResult {
        let provider = provider
        switch await limit.run({ await provider.lookup(key: key) }) {
        case .finished(let result): return result
        case .deadlinePassed: return .unknown("no answer within \(timeout)")
        }
    }
    private func call(_ body: @escaping @Sendable (any PaymentProvider) async -> CallResult) async -> CallResult {
        let provider = provider
        switch await limit.run({ await body(provider) }) {
        case .finished(let result): return result
        case .deadlinePassed: return .unknown("no answer within \(timeout)")
        }
    }
}
