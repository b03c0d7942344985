import Determinism

/// A store that answers in time or not at all, and is not asked while its gate is closed.
///
/// All calls share one timer; a call costs one task beside that, which is little against a trip to another machine.
public final class GuardedRateLimitStore: RateLimitStore {
    private let store: any RateLimitStore
    private let gate: any StoreGate
    private let limit: TimeLimit
    private let observer: (any RateLimitObserver)?

    /// - Parameters:
    ///   - timeout: how long one call may take; 50 ms by default.
    ///   - gate: such as a circuit breaker.
    public init(
        _ store: any RateLimitStore, timeout: Duration = .milliseconds(50), gate: any StoreGate,
        time: any TimeSource = SystemTime(), observer: (any RateLimitObserver)? = nil
    ) {
        (self.store, self.gate, self.observer) = (store, gate, observer)
        limit = TimeLimit(timeout, time: time)
    }

    /// Asks the store.
    /// - Throws: what the store throws; ``RateLimitStoreError/Code/timeout`` when its time is up; and
    ///   ``RateLimitStoreError/Code/gateClosed`` when it was not asked.
    public func decide(_ request: RateLimitRequest) async throws(RateLimitStoreError) -> RateLimitDecision {
        guard let permit = gate.admit() else { throw RateLimitStoreError(.gateClosed) }
        observer?.note(.storeTrip(checks: request.checks.count))
        let outcome = await limit.run { [store] in
            do throws(RateLimitStoreError) {
                return Result<RateLimitDecision, RateLimitStoreError>.success(try await store.decide(request))
            } catch { return .failure(error) }
        }
        let answer: Result<RateLimitDecision, RateLimitStoreError>
        switch outcome {
        case .finished(let result): answer = result
        case .deadlinePassed: answer = .failure(RateLimitStoreError(.timeout))
        }
        switch answer {
        case .success: gate.succeeded(permit)
        case .failure(let error):
            if error.isFailureOfStore { gate.failed(permit) } else { gate.abandoned(permit) }
            observer?.note(.storeFailure(error.code))
        }
        return try answer.get()
    }
}
