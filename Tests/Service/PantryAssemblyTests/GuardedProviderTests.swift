import CircuitBreaking
import Determinism
import DeterminismTestKit
import PantryDomain
import Retrying
import Sagas
import Synchronization
import Testing

@testable import PantryAssembly

/// What stands between the sagas and a payment provider: the time limit, the circuit breaker and the bulkhead.
@Suite("Guarded provider", .timeLimit(.minutes(1)))
struct GuardedProviderTests {
    private let time = ManualTime()
    private let provider = PoorProvider()
    private let circuit: CircuitBreaker
    private let random = SeededRandom(seed: 7)
    private let guarded: GuardedProvider
    private let charge = ProviderCharge(key: "k", reference: "o", amount: Money(5, "USD"), method: "pm_ok")

    init() throws {
        let payments = PantryConfiguration.Payments(
            provider: .sandbox, timeout: .seconds(3), errorThreshold: 50, resetTimeout: .seconds(30), url: nil,
            key: nil, webhookSecrets: []
        )
        circuit = try CircuitBreaker.payments(payments, time: time, random: random)
        guarded = GuardedProvider(provider, circuit: circuit, bulkhead: nil, random: random)
    }

    private func twoPlaces(queue: Int, longestWait: Duration) -> Bulkhead {
        Bulkhead(
            limit: 2, queue: queue, longestWait: longestWait, name: "payments", timer: CallTimer(time: time))
    }
    private func standing(behind bulkhead: Bulkhead) -> GuardedProvider {
        GuardedProvider(provider, circuit: circuit, bulkhead: bulkhead, random: random)
    }

    private func charges(_ count: Int) async {
        for _ in 0..<count { _ = await guarded.authorize(charge, capture: true) }
    }

    @Test func callThatIsCutOffIsUnknownAndCountsAsAFailure() async {
        provider.mood = .silent
        async let call = guarded.authorize(charge, capture: true)
        await eventually("the call hangs") { provider.gate.waitingCount == 1 && time.sleeperCount == 1 }
        time.advance(by: .seconds(3))
        guard case .unknown(let reason, _) = await call else {
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

    // MARK: more calls than places

    /// Why a call was not sent; nil for one that was.
    private func reason(_ answer: PaymentProvider.CallResult) -> String? {
        if case .notSent(let reason) = answer { reason } else { nil }
    }

    @Test("A rush on a slow provider that works opens no circuit: the wait for a place is not the provider's")
    func rushOnAProviderThatWorksOpensNoCircuit() async {
        provider.mood = .slow
        let bulkhead = twoPlaces(queue: 18, longestWait: .seconds(60))
        let (guarded, charge) = (standing(behind: bulkhead), charge)
        let done = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    if case .done = await guarded.authorize(charge, capture: true) { true } else { false }
                }
            }
            for round in 0..<10 {
                await eventually("two are under way in round \(round), and the others wait") {
                    provider.heldCount == 2 && bulkhead.snapshot.waiting == 18 - 2 * round
                }
                // Within the limit of 3 s, which the last ones have waited for six times over.
                time.advance(by: .seconds(2))
                provider.release()
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(done == 20 && provider.calls == 20)
        let (totals, places) = (circuit.snapshot.totals, bulkhead.snapshot)
        #expect(circuit.snapshot.state == .closed && totals.openings == 0)
        #expect(totals.successes == 20 && totals.failures == 0 && totals.timeouts == 0 && totals.ignored == 0)
        #expect(places.running == 0 && places.refusals == 0 && places.timeouts == 0)
    }

    @Test func callThatIsShedWasNotSentAndIsNotTheProvidersFault() async {
        provider.mood = .slow
        let bulkhead = twoPlaces(queue: 1, longestWait: .seconds(2))
        let (guarded, charge) = (standing(behind: bulkhead), charge)
        let before = circuit.snapshot.totals
        async let first = guarded.authorize(charge, capture: true)
        async let second = guarded.authorize(charge, capture: true)
        await eventually("both places are taken") { provider.heldCount == 2 }
        async let third = guarded.authorize(charge, capture: true)
        let limit = time.instant() + .seconds(2)
        await eventually("the third waits") {
            bulkhead.snapshot.waiting == 1 && time.earliestDeadline == limit
        }
        let full = reason(await guarded.authorize(charge, capture: true))
        #expect(full?.contains("'payments' is full") == true)
        let unasked = await guarded.lookup(charge)
        if case .unavailable(_, nil) = unasked {} else { Issue.record("\(unasked)") }
        time.advance(by: .seconds(2))
        let late = reason(await third)
        #expect(late?.contains("No place became free") == true)
        #expect(circuit.snapshot.totals == before && provider.calls == 2)
        #expect(bulkhead.snapshot.refusals == 2 && bulkhead.snapshot.timeouts == 1)
        provider.release()
        guard case (.done, .done) = await (first, second) else {
            Issue.record("those under way are done")
            return
        }
        #expect(circuit.snapshot.totals.successes == 2 && circuit.snapshot.totals.failures == 0)
    }

    @Test func callWhoseCallerGoesWhileItWaitsWasNotSent() async {
        provider.mood = .slow
        let bulkhead = twoPlaces(queue: 1, longestWait: .seconds(2))
        let (guarded, charge) = (standing(behind: bulkhead), charge)
        let before = circuit.snapshot.totals
        async let first = guarded.authorize(charge, capture: true)
        async let second = guarded.authorize(charge, capture: true)
        await eventually("both places are taken") { provider.heldCount == 2 }
        let caller = Task { await guarded.authorize(charge, capture: true) }
        await eventually("the third waits") { bulkhead.snapshot.waiting == 1 }
        caller.cancel()
        let gone = reason(await caller.value)
        #expect(gone?.contains("cancelled") == true)
        #expect(circuit.snapshot.totals == before && provider.calls == 2)
        #expect(bulkhead.snapshot.waiting == 0)
        provider.release()
        _ = await (first, second)
    }
}

/// A provider in a mood.
private final class PoorProvider: PaymentProvider {
    enum Mood { case working, refusing, failing, silent, slow }
    private let state = Mutex((mood: Mood.working, calls: 0))
    private let held = Mutex<[CheckedContinuation<Void, Never>]>([])
    let gate = Gate()

    var mood: Mood {
        get { state.withLock { $0.mood } }
        set { state.withLock { $0.mood = newValue } }
    }
    var calls: Int { state.withLock { $0.calls } }
    /// How many slow calls are under way.
    var heldCount: Int { held.withLock { $0.count } }

    /// Answers the slow calls that are under way.
    func release() {
        let answered = held.withLock { held in
            defer { held = [] }
            return held
        }
        for call in answered { call.resume() }
    }

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
        case .slow:
            await withCheckedContinuation { call in held.withLock { $0.append(call) } }
            return .done(ProviderReceipt(.captured, reference: "r"))
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
        case .notSent(let reason), .unknown(let reason, _): .unknown(reason)
        case .unavailable(let reason, let pause): .unavailable(reason, retryAfter: pause)
        }
    }
}
