import CallPolicies
import CircuitBreaking
import Determinism
import PantryDomain
import Retrying
import Sagas

/// Stands between the sagas and a payment provider: bounds every call in time, makes none while the provider does not
/// work, and no more at a time than there are connections for.
///
/// A call gets its place before the breaker hears of it. In a queue further in, its wait would be taken for slowness of
/// the provider's, and a rush of orders would open the circuit to one that works.
///
/// Nothing is repeated here. A saga asks what became of a call before it makes it again, which a retry around the call
/// could not (`ExternalCallMachine`); and it makes none again while the circuit is open.
struct GuardedProvider: PaymentProvider {
    private let provider: any PaymentProvider
    private let circuit: CircuitBreaker
    private let bulkhead: Bulkhead?
    private let random: any RandomSource

    /// - Parameter bulkhead: bounds the calls under way; nil where the provider does that without waiting.
    init(
        _ provider: any PaymentProvider, circuit: CircuitBreaker, bulkhead: Bulkhead?, random: any RandomSource
    ) {
        (self.provider, self.circuit) = (provider, circuit)
        (self.bulkhead, self.random) = (bulkhead, random)
    }

    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult {
        await call { await $0.authorize(charge, capture: capture) }
    }
    func capture(_ charge: ProviderCharge) async -> CallResult { await call { await $0.capture(charge) } }
    func void(_ charge: ProviderCharge) async -> CallResult { await call { await $0.void(charge) } }
    func refund(_ refund: ProviderRefund) async -> CallResult { await call { await $0.refund(refund) } }
    func lookup(_ charge: ProviderCharge) async -> AskResult { await ask { await $0.lookup(charge) } }
    func lookup(_ refund: ProviderRefund) async -> AskResult { await ask { await $0.lookup(refund) } }

    private func call(_ body: @escaping @Sendable (any PaymentProvider) async -> CallResult) async -> CallResult {
        do {
            return try await placed(body) { $0.verdict }
        } catch let error as BulkheadError {
            // Not the provider's fault; the saga calls again later.
            return .notSent("\(error)")
        } catch let error as CircuitOpenError {
            return .unavailable("\(error)", retryAfter: pause(after: error))
        } catch {
            // It may have arrived.
            return .unknown("\(error)")
        }
    }

    private func ask(_ body: @escaping @Sendable (any PaymentProvider) async -> AskResult) async -> AskResult {
        do {
            return try await placed(body) { $0.verdict }
        } catch let error as BulkheadError {
            // Nobody was asked.
            return .unavailable("\(error)", retryAfter: nil)
        } catch let error as CircuitOpenError {
            return .unavailable("\(error)", retryAfter: pause(after: error))
        } catch {
            return .unknown("\(error)")
        }
    }

    /// Makes a call once there is a place for it.
    private func placed<Answer: Sendable>(
        _ body: @escaping @Sendable (any PaymentProvider) async -> Answer,
        judging verdict: @Sendable (Answer) -> CallOutcome
    ) async throws -> Answer {
        guard let bulkhead else { return try await bounded(body, judging: verdict) }
        return try await bulkhead.run { try await bounded(body, judging: verdict) }
    }

    private func bounded<Answer: Sendable>(
        _ body: @escaping @Sendable (any PaymentProvider) async -> Answer,
        judging verdict: @Sendable (Answer) -> CallOutcome
    ) async throws -> Answer {
        try await circuit.run({ [provider] in await body(provider) }, judging: verdict)
    }

    /// Between once and twice the time that the circuit stays open, so that not all come back in the same moment.
    private func pause(after error: CircuitOpenError) -> Duration? {
        error.retryAfter.map { rest in
            rest + .nanoseconds(Int64(random.next(below: UInt64(max(rest.inNanoseconds, 1)))))
        }
    }
}

extension ExternalCallMachine.CallResult {
    /// A provider that refuses works.
    fileprivate var verdict: CallOutcome {
        switch self {
        case .done, .refused: .success
        // A call whose caller has gone says nothing about the provider.
        case .notSent: Task.isCancelled ? .ignored : .failure()
        case .unknown(_, let pause): Task.isCancelled ? .ignored : .failure(retryAfter: pause)
        case .unavailable(_, let pause): .failure(retryAfter: pause)
        }
    }
}

extension ExternalCallMachine.AskResult {
    fileprivate var verdict: CallOutcome {
        switch self {
        case .done, .refused, .pending, .absent: .success
        case .unknown: Task.isCancelled ? .ignored : .failure()
        case .unavailable(_, let pause): .failure(retryAfter: pause)
        }
    }
}
