import CircuitBreaking
import Determinism
import DeterminismTestKit
import PantryDomain
import Sagas
import Synchronization
import Testing

@testable import PantryAssembly

/// What stands between the sagas and a payment provider: the time limit and the circuit breaker.
@Suite("Guarded provider", .timeLimit(.minutes(1)))
struct GuardedProviderTests {
    private let time = ManualTime()
    private let provider = PoorProvider()
    private let circuit: CircuitBreaker
    private let guarded: GuardedProvider
    private let charge = ProviderCharge(key: "k", reference: "o", amount: Money(5, "USD"), method: "pm_ok")

    init() throws {
        let payments = PantryConfiguration.Payments(
            provider: .sandbox, timeout: .seconds(3), errorThreshold: 50, resetTimeout: .seconds(30), url: nil,
            key: nil, webhookSecrets: []
        )
        let random = SeededRandom(seed: 7)
        circuit = try CircuitBreaker.payments(payments, time: time, random: random)
        guarded = GuardedProvider(provider, circuit: circuit, random: random)
    }

    private func charges(_ count: Int) async {
        for _ in 0..<count { _ = await guarded.authorize(charge, capture: true) }
    }

    @Test func callThatIsCutOffIsUnknownAndCountsAsAFailure() async {
        provider.mood = .silent
        async let call = guarded.authorize(charge, capture: true)
        await eventually("the call hangs") { provider.gate.waitingCount == 1 && time.sleeperCount == 1 }
        time.advance(by: .seconds(3))
        guard case .unknown(let reason) = await call else {
            Issue.record("it may have arrived")
            return
        }
        #expect(reason.contains("3.0 seconds"))
        #expect(circuit.snapshot.totals.timeouts == 1 && circuit.snapshot.totals.failures == 1)
        provider.gate.open()
    }

    @Test func providerThatFailsIsLeftAloneAndTriedAgain() async {
        provider.mood = .failing
        await charges(10)
        #expect(circuit.snapshot.state == .open && provider.calls == 10)
        for _ in 0..<50 {
            guard case .unavailable(let reason, let pause?) = await guarded.authorize(charge, capture: true) else {
                Issue.record("nothing is sent while the circuit is open")
                return
            }
            #expect(reason.contains("'payments' is open"))
            #expect(pause >= .seconds(30) && pause < .seconds(60), "spread, so that not all come back together")
        }
        guard case .unavailable = await guarded.lookup(charge) else {
            Issue.record("questions are calls, too")
            return
        }
        #expect(provider.calls == 10)
        time.advance(by: .seconds(30))
        provider.mood = .working
        guard case .done = await guarded.authorize(charge, capture: true) else {
            Issue.record("the wait is over")
            return
        }
        #expect(circuit.snapshot.state == .closed && provider.calls == 11)
    }

    @Test func providerThatRefusesWorks() async {
        provider.mood = .refusing
        await charges(30)
        #expect(circuit.snapshot.state == .closed && circuit.snapshot.totals.successes == 30)
    }

    @Test func callWhoseCallerHasGoneSaysNothing() async {
        provider.mood = .failing
        let (guarded, charge) = (guarded, charge)
        let caller = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await guarded.authorize(charge, capture: true)
        }
        guard case .unknown = await caller.value else {
            Issue.record("the caller hears what there is")
            return
        }
        #expect(circuit.snapshot.totals.failures == 0 && circuit.snapshot.totals.ignored == 1)
    }

    @Test func oneFailureInManyIsNoOutage() async {
        for round in 0..<20 {
            provider.mood = round % 3 == 0 ? .failing : .working
            await charges(1)
        }
        #expect(circuit.snapshot.state == .closed)
    }
}

/// A provider in a mood.
private final class PoorProvider: PaymentProvider {
    enum Mood { case working, refusing, failing, silent }
    private let state = Mutex((mood: Mood.working, calls: 0))
    let gate = Gate()

    var mood: Mood {
        get { state.withLock { $0.mood } }
        set { state.withLock { $0.mood = newValue } }
    }
    var calls: Int { state.withLock { $0.calls } }

    private func call() async -> CallResult {
        let mood = state.withLock { state in
            state.calls += 1
            return state.mood
        }
        switch mood {
        case .working: return .done(ProviderReceipt(.captured, reference: "r"))
        case .refusing: return .refused(code: "card-declined", reason: "no")
        case .failing: return .unknown("the provider answered 500")
        case .silent:
            await gate.pass()
            return .unknown("late")
        }
    }
    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult { await call() }
    func capture(_ charge: ProviderCharge) async -> CallResult { await call() }
    func void(_ charge: ProviderCharge) async -> CallResult { await call() }
    func refund(_ refund: ProviderRefund) async -> CallResult { await call() }
    func lookup(_ charge: ProviderCharge) async -> AskResult { await ask() }
    func lookup(_ refund: ProviderRefund) async -> AskResult { await ask() }

    private func ask() async -> AskResult {
        switch await call() {
        case .done(let receipt): .done(receipt)
        case .refused(let code, let reason): .refused(code: code, reason: reason)
        case .notSent(let reason), .unknown(let reason): .unknown(reason)
        case .unavailable(let reason, let pause): .unavailable(reason, retryAfter: pause)
        }
    }
}
