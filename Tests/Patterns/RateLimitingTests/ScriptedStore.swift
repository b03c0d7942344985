import Determinism
import DeterminismTestKit
import RateLimiting
import Synchronization

/// A store that counts its trips, and fails or hangs when it is told to.
final class ScriptedStore: RateLimitStore {
    struct State {
        var trips = 0
        var requests: [RateLimitRequest] = []
        var failure: RateLimitStoreError?
        var gate: Gate?
        /// Whether only the next call fails.
        var failsOnce = false
        /// A subject that it cannot charge, whatever is asked.
        var brokenSubject: String?
        /// Decides first, then fails: the answer is lost.
        var losesAnswers = false
    }
    let inner: InMemoryRateLimitStore
    private let time: ManualTime
    let state = Mutex(State())

    init(_ time: ManualTime) throws {
        self.time = time
        inner = try InMemoryRateLimitStore(time: time, random: SeededRandom(seed: 5))
    }

    var trips: Int { state.withLock { $0.trips } }
    var requests: [RateLimitRequest] { state.withLock { $0.requests } }
    func fail(_ failure: RateLimitStoreError?) { state.withLock { ($0.failure, $0.failsOnce) = (failure, false) } }
    func failOnce(_ failure: RateLimitStoreError) { state.withLock { ($0.failure, $0.failsOnce) = (failure, true) } }
    func hang(at gate: Gate?) { state.withLock { $0.gate = gate } }

    func decide(_ request: RateLimitRequest) async throws(RateLimitStoreError) -> RateLimitDecision {
        let (failure, gate, loses) = state.withLock { state in
            state.trips += 1
            if state.requests.count < 1_000 { state.requests.append(request) }
            defer { if state.failsOnce { (state.failure, state.failsOnce) = (nil, false) } }
            let isBroken = request.checks.contains { $0.subject == state.brokenSubject }
            return (isBroken ? RateLimitStoreError(.unavailable) : state.failure, state.gate, state.losesAnswers)
        }
        if let gate { await gate.pass() }
        if let failure {
            if loses { _ = inner.decision(for: request, at: time.instant()) }
            throw failure
        }
        return inner.decision(for: request, at: time.instant())
    }

    func remaining(_ limit: RateLimit, _ key: RateLimitKey) -> Int64 {
        inner.verdict(.peek, of: limit, for: key, at: time.instant()).remaining
    }
}
