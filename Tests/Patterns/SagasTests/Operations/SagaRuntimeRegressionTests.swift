import Determinism
import DeterminismTestKit
import Storage
import Synchronization
import Testing

@testable import Sagas

/// Ways in which several tasks, or several workers, went wrong once.
@Suite("SagaRuntime, where it went wrong once", .timeLimit(.minutes(2)))
struct SagaRuntimeRegressionTests {
    private func reaches(_ state: SagaStateMachine.State, _ saga: SagaID, _ bench: EngineBench) async throws -> Bool {
        let archive = SQLSagaArchive(database: bench.database)
        let deadline = SystemTime().instant() + .seconds(25)
        while SystemTime().instant() < deadline {
            if try await archive.saga(saga, of: 1)?.state == state { return true }
        }
        return false
    }

    /// One branch is refused while the other's call is under way: the call's answer is waited for before it is undone,
    /// and its receipt is there for the undo.
    @Test func callThatIsUnderWayIsNotUndoneBeforeItsAnswer() async throws {
        let undone = Notes<String>()
        let hasTurnedBack = Mutex(false)
        let isUnderWay = Mutex(false)
        struct Pay: ExternalAction {
            let answer: @Sendable () async -> Void
            func call(_ state: Trip, _ context: StepContext) async -> ExternalCallMachine<String>.CallResult {
                await answer()
                return .done("receipt 7")
            }
            func record(_ receipt: String, in state: inout Trip, _ context: StepContext) { state.done.append(receipt) }
        }
        let pay = Pay {
            isUnderWay.withLock { $0 = true }
            await yielding { hasTurnedBack.withLock { $0 } }
        }
        let saga = Saga(Trip.self, "trip", version: 1)
            .parallel(
                // The first is the one that is refused: its task knows least of the others.
                SagaBranch().effectless(
                    "check",
                    .external { _, _ in
                        await yielding { isUnderWay.withLock { $0 } }
                        return .refused(code: "no", reason: "not today")
                    }),
                SagaBranch().compensatable(
                    "pay", .external(pay),
                    undo: .external { trip, context in
                        undone.note("certain: \(context.isCertain), knows \(trip.done)")
                        return .done(())
                    })
            )
            .pivot("p", .local(.add(1, to: "p"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let id = try await bench.begin(saga, in: runtime)
                let isGoingBack = try await reaches(.compensating, id, bench)
                #expect(isGoingBack)
                let history = try await bench.history(id)
                #expect(history.last == "check failed", "nothing is undone while its call is under way: \(history)")
                hasTurnedBack.withLock { $0 = true }
                let isUndone = try await reaches(.compensated, id, bench)
                #expect(isUndone)
                #expect(undone.all == ["certain: true, knows [\"receipt 7\"]"])
                let after = try await bench.history(id)
                #expect(after.contains("pay completed"), "\(after)")
            }
        }
    }

    /// The same, where the undo is local: it would be decided in the very commit that brings the refusal.
    @Test func callThatIsUnderWayIsNotUndoneLocallyBeforeItsAnswer() async throws {
        let hasTurnedBack = Mutex(false)
        let isUnderWay = Mutex(false)
        let saga = Saga(Trip.self, "trip", version: 1)
            .parallel(
                SagaBranch().effectless(
                    "check",
                    .external { _, _ in
                        await yielding { isUnderWay.withLock { $0 } }
                        return .refused(code: "no", reason: "not today")
                    }),
                SagaBranch().compensatable(
                    "pay",
                    .external { _, _ in
                        isUnderWay.withLock { $0 = true }
                        await yielding { hasTurnedBack.withLock { $0 } }
                        return .done(())
                    }, undo: .local(.add(-1, to: "paid")))
            )
            .pivot("p", .local(.add(1, to: "p"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let id = try await bench.begin(saga, in: runtime)
                let deadline = SystemTime().instant() + .seconds(10)
                while try await !bench.history(id).contains("check failed") {
                    try #require(SystemTime().instant() < deadline)
                }
                let before = try await bench.tally("paid")
                #expect(before == nil, "undone while the call was under way")
                hasTurnedBack.withLock { $0 = true }
                let isUndone = try await reaches(.compensated, id, bench)
                #expect(isUndone)
                let after = try await bench.tally("paid")
                #expect(after == -1)
            }
        }
    }

    /// An operator set a stuck step going while another branch was at work: the worker took the intent for one of its
    /// own, and called without asking what had become of the call before.
    @Test func whatAnOperatorSetsGoingIsAskedForBeforeItIsCalled() async throws {
        struct Send: ExternalAction {
            let calls = Notes<String>()
            let questions = Notes<String>()
            func call(_ state: Trip, _ context: StepContext) async -> ExternalCallMachine<String>.CallResult {
                calls.note(context.key)
                return .unknown("the line broke")
            }
            func ask(_ state: Trip, _ context: StepContext) async -> ExternalCallMachine<String>.AskResult? {
                questions.note(context.key)
                return questions.all.count == 1 ? .unknown("the line is broken") : .done("receipt 7")
            }
            func record(_ receipt: String, in state: inout Trip, _ context: StepContext) { state.done.append(receipt) }
        }
        let send = Send()
        let mayEnd = Mutex(false)
        let policy = StepPolicy { ($0.attemptLimit, $0.calls.askLimit, $0.calls.callLimit) = (1, 1, 1) }
        let saga = Saga(Trip.self, "trip", version: 1)
            .pivot("p", .local(.add(1, to: "p")))
            .parallel(
                SagaBranch().retriable("send", .external(send), policy: policy),
                SagaBranch().retriable(
                    "wait",
                    .external { _, _ in
                        await yielding { mayEnd.withLock { $0 } }
                        return .done(())
                    })
            )
            .definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let id = try await bench.begin(saga, in: runtime)
                let deadline = SystemTime().instant() + .seconds(10)
                while try await !bench.history(id).contains("send stuck") {
                    try #require(SystemTime().instant() < deadline)
                }
                #expect(send.calls.all.count == 1 && send.questions.all.count == 1)
                let outcome = try await runtime.direct(
                    .retry(step: "send"), id, of: bench.tenant, by: "somebody", because: "the line is mended")
                #expect(outcome == .accepted)
                mayEnd.withLock { $0 = true }
                let hasSucceeded = try await reaches(.succeeded, id, bench)
                #expect(hasSucceeded)
                #expect(send.calls.all.count == 1, "it had been called before")
                #expect(send.questions.all.count == 2)
            }
        }
    }

    /// Calls that come back at the same moment: none of them is made again for want of having heard of the other.
    @Test func callsThatEndTogetherAreMadeOnce() async throws {
        let calls = Notes<String>()
        func branch(_ name: String) -> SagaBranch<Trip, BeforePivot> {
            SagaBranch().effectless(
                name,
                .external { _, context in
                    calls.note(context.key)
                    return .done(())
                })
        }
        let saga = Saga(Trip.self, "trip", version: 1)
            .parallel(branch("a"), branch("b"), branch("c"), branch("d"), branch("e"), branch("f"))
            .pivot("p", .local(.add(1, to: "p"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                try await withThrowingTaskGroup(of: SagaStateMachine.State.self) { group in
                    for _ in 0..<40 { group.addTask { try await bench.outcome(of: saga, in: runtime).state } }
                    for try await state in group { #expect(state == .succeeded) }
                }
            }
            let twice = Dictionary(grouping: calls.all) { $0 }.filter { $0.value.count > 1 }
            #expect(twice.isEmpty, "\(twice.count) of \(40 * 6) calls were made more than once")
            #expect(Set(calls.all).count == 40 * 6)
        }
    }

    /// A store that counts how often it was asked what is due.
    private final class CountedStore: SagaStore {
        let questions = Mutex(0)
        let inner: any SagaStore
        init(_ inner: any SagaStore) { self.inner = inner }
        func due(at now: Timestamp, ignoringLeases: Bool, limit: Int) async throws -> [SagaTicket] {
            let due = try await inner.due(at: now, ignoringLeases: ignoringLeases, limit: limit)
            questions.withLock { $0 += 1 }
            return due
        }
        func claim(_ ticket: SagaTicket) async throws -> SagaTicket? { try await inner.claim(ticket) }
    }

    /// A server that does not have the definition must not keep the saga from one that has.
    @Test func sagaIsNotKeptByAWorkerThatCannotWorkOnIt() async throws {
        let saga = Saga(Trip.self, "trip", version: 1)
            .awaiting("wait", .signal("go")).pivot("p", .local(.add(1, to: "p"))).definition
        try await EngineBench.with { bench in
            let able = bench.runtime([AnySagaDefinition(saga)])
            let id = Mutex<SagaID?>(nil)
            try await bench.running(able) {
                let begun = try await bench.begin(saga, in: able)
                id.withLock { $0 = begun }
                let isParked = try await reaches(.parked, begun, bench)
                #expect(isParked)
            }
            let begun = try #require(id.withLock { $0 })
            let (worker, clock) = (SagaWorkerID(bench.newID()), SagaClock.process(SystemTime()))
            let registry = SagaRegistry([])
            var stores = SagaStores.sql(
                bench.database, lane: bench.lane, serving: registry, worker: worker, time: SystemTime(), sharedBy: clock
            )
            let store = CountedStore(stores.store)
            stores.store = store
            // A long lease: that the other has its chance must not need its end.
            var (terms, coordination) = (SagaTerms(), SagaCoordinatorConfiguration())
            (terms.lease, coordination.sweepInterval) = (.seconds(120), .milliseconds(20))
            let unable = SagaRuntime(
                registry: registry, lane: bench.lane, stores: stores, worker: worker, terms: terms,
                coordination: coordination, reportTrouble: { [trouble = bench.trouble] in trouble.note("\($0)") })
            try await bench.running(unable) {
                // Sent through a third server, which has the definition and is not at work.
                let signaled = try await able.signal(begun, of: bench.tenant, named: "go", token: "1")
                #expect(signaled == .accepted(wakes: true))
                let asked = store.questions.withLock { $0 }
                await eventually("the other has looked for work") { store.questions.withLock { $0 } > asked + 2 }
                let next = bench.runtime([AnySagaDefinition(saga)])
                try await bench.running(next) {
                    let hasSucceeded = try await reaches(.succeeded, begun, bench)
                    #expect(hasSucceeded, "\(bench.trouble.all)")
                }
            }
        }
    }

    /// Leases that cannot be renewed while `isAway`.
    private final class Leases: SagaLeases {
        let isAway = Mutex(false)
        let inner: SQLSagaLeases
        init(_ inner: SQLSagaLeases) { self.inner = inner }
        func renew(_ worker: SagaWorkerID, lease: Duration) async throws {
            if isAway.withLock({ $0 }) { throw StorageError.unavailable("the database is away") }
            try await inner.renew(worker, lease: lease)
        }
        func retire(_ worker: SagaWorkerID) async throws { try await inner.retire(worker) }
    }

    /// What a worker had to leave because its lease was in danger, it takes up again.
    @Test func workerTakesUpWhatItHadToLeave() async throws {
        let calls = Notes<Int>()
        let saga = Saga(Trip.self, "trip", version: 1)
            .pivot(
                "p",
                .external { _, context in
                    calls.note(context.attempt)
                    // The first one hangs until it is canceled.
                    if calls.all.count == 1 { await yielding { Task.isCancelled } }
                    return .done(())
                }
            ).definition
        try await EngineBench.with { bench in
            let worker = SagaWorkerID(bench.newID())
            let clock = SagaClock.process(SystemTime())
            let leases = Leases(SQLSagaLeases(database: bench.database, clock: clock))
            var stores = SagaStores.sql(
                bench.database, lane: bench.lane, serving: SagaRegistry([AnySagaDefinition(saga)]), worker: worker,
                time: SystemTime(), sharedBy: clock)
            stores.leases = leases
            var (terms, coordination) = (SagaTerms(), SagaCoordinatorConfiguration())
            (terms.lease, terms.troublePause) = (.seconds(3), .milliseconds(100))
            coordination.sweepInterval = .milliseconds(20)
            let runtime = SagaRuntime(
                registry: SagaRegistry([AnySagaDefinition(saga)]), lane: bench.lane, stores: stores, worker: worker,
                terms: terms,
                coordination: coordination, reportTrouble: { [trouble = bench.trouble] in trouble.note("\($0)") })
            try await bench.running(runtime) {
                let id = try await bench.begin(saga, in: runtime)
                await eventually("the call is under way") { calls.all.count == 1 }
                leases.isAway.withLock { $0 = true }
                await eventually("the work is left") { !runtime.hasRoom && runtime.isIdle }
                leases.isAway.withLock { $0 = false }
                await eventually("the lease is back") { runtime.hasRoom }
                let hasSucceeded = try await reaches(.succeeded, id, bench)
                #expect(hasSucceeded)
                #expect(calls.all.count == 2)
            }
        }
    }
}

/// Yields until the condition holds, ten seconds at most.
private func yielding(until holds: () -> Bool) async {
    let deadline = SystemTime().instant() + .seconds(10)
    while !holds(), SystemTime().instant() < deadline { await Task.yield() }
}
