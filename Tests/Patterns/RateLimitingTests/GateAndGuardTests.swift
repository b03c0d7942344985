import Determinism
import DeterminismTestKit
import Testing

@testable import RateLimiting

@Suite("The gate and the timeout of a store")
struct GateAndGuardTests {
    @Test func someFailuresInARowCloseItAndOneCallFindsOut() {
        let time = ManualTime()
        let gate = ConsecutiveFailureGate(failures: 3, pause: .seconds(1), time: time)
        for _ in 0..<2 { gate.failed(gate.admit() ?? 99) }
        gate.succeeded(gate.admit() ?? 99)
        for _ in 0..<3 {
            #expect(gate.isOpen)
            gate.failed(gate.admit() ?? 99)
        }
        #expect(!gate.isOpen && gate.admit() == nil)
        time.advance(by: .milliseconds(999))
        #expect(gate.admit() == nil)
        time.advance(by: .milliseconds(1))
        let probe = gate.admit()
        #expect(probe != nil && gate.admit() == nil)
        gate.failed(probe ?? 99)
        #expect(gate.admit() == nil)
        time.advance(by: .seconds(1))
        gate.succeeded(gate.admit() ?? 99)
        #expect(gate.isOpen)
    }

    @Test func aCallFromBeforeItClosedSaysNothing() {
        let time = ManualTime()
        let gate = ConsecutiveFailureGate(failures: 1, pause: .seconds(1), time: time)
        let late = gate.admit() ?? 99
        gate.failed(gate.admit() ?? 99)
        gate.succeeded(late)
        #expect(!gate.isOpen)
        time.advance(by: .seconds(1))
        let probe = gate.admit()
        gate.succeeded(late)
        gate.failed(late)
        #expect(!gate.isOpen)
        gate.succeeded(probe ?? 99)
        #expect(gate.isOpen)
    }

    @Test func aProbeThatIsNotHeardOfFreesItsPlace() {
        let time = ManualTime()
        let gate = ConsecutiveFailureGate(failures: 1, pause: .seconds(1), time: time)
        gate.failed(gate.admit() ?? 99)
        time.advance(by: .seconds(1))
        #expect(gate.admit() != nil && gate.admit() == nil)
        time.advance(by: .seconds(1))
        let second = gate.admit()
        #expect(second != nil)
        gate.abandoned(second ?? 99)
        #expect(gate.admit() != nil)
    }

    @Test(arguments: [Duration.seconds(3), .seconds(3_600)])
    func aClockThatIsPutBackKeepsNobodyOut(step: Duration) {
        let time = ManualTime()
        let gate = ConsecutiveFailureGate(failures: 1, pause: .seconds(1), time: time)
        gate.failed(gate.admit() ?? 99)
        time.advance(by: .milliseconds(-900))
        #expect(gate.admit() == nil, "readings may come in the wrong order")
        time.advance(by: .zero - step)
        #expect(gate.admit() != nil && gate.admit() == nil, "one call finds out")
        time.advance(by: .seconds(1))
        #expect(gate.admit() != nil, "nothing was heard of it")
    }

    @Test("any event in any state, with any permit", arguments: 0..<50)
    func everyEventInEveryState(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var machine = StoreGateMachine(failures: 2, pause: .seconds(1))
        var now = Instant(nanoseconds: 0)
        var permits: [UInt64] = [0, .max]
        for _ in 0..<400 {
            now = now + .milliseconds(Int(random.next(below: 700)))
            let permit = permits[Int(random.next(below: UInt64(permits.count)))]
            switch random.next(below: 4) {
            case 0: if let given = machine.admit(now: now) { permits.append(given) }
            case 1: machine.succeeded(permit)
            case 2: machine.failed(permit, now: now)
            default: machine.abandoned(permit)
            }
        }
        // Never stuck: after the pause a call goes through, and its success opens.
        now = now + .seconds(3)
        guard let permit = machine.admit(now: now) else {
            Issue.record("stuck")
            return
        }
        machine.succeeded(permit)
        #expect(machine.isOpen)
    }

    @Test func aStoreThatHangsTimesOut() async throws {
        let time = ManualTime()
        let store = try ScriptedStore(time)
        let counts = RateLimitCounts()
        let gate = ConsecutiveFailureGate(failures: 2, pause: .seconds(1), time: time)
        let guarded = GuardedRateLimitStore(store, timeout: .milliseconds(50), gate: gate, time: time, observer: counts)
        let limit = try RateLimit.tokenBucket("a", capacity: 10, refill: 1)
        let request = RateLimitRequest(.consume, RateLimitKey("t"), limit)
        for _ in 0..<2 {
            let hanging = Gate()
            store.hang(at: hanging)
            async let outcome = Result { try await guarded.decide(request) }
            await eventually("it sleeps") { time.sleeperCount > 0 && hanging.waitingCount > 0 }
            time.advance(by: .milliseconds(50))
            let failure = await outcome
            #expect(throws: RateLimitStoreError(.timeout)) { try failure.get() }
            hanging.open()
        }
        let refused = await Result { try await guarded.decide(request) }
        #expect(throws: RateLimitStoreError(.gateClosed)) { try refused.get() }
        #expect(counts.snapshot.storeTrips == 2 && counts.snapshot.storeFailures == 2)
        store.hang(at: nil)
        time.advance(by: .seconds(1))
        #expect(try await guarded.decide(request).isAllowed)
        #expect(gate.isOpen)
    }

    @Test func aCancelledCallerSaysNothingAboutTheStore() async throws {
        let time = ManualTime()
        let store = try ScriptedStore(time)
        store.fail(RateLimitStoreError(.cancelled))
        let gate = ConsecutiveFailureGate(failures: 1, pause: .seconds(1), time: time)
        let guarded = GuardedRateLimitStore(store, gate: gate, time: time)
        let limit = try RateLimit.tokenBucket("a", capacity: 10, refill: 1)
        let outcome = await Result { try await guarded.decide(RateLimitRequest(.consume, RateLimitKey("t"), limit)) }
        #expect(throws: RateLimitStoreError(.cancelled)) { try outcome.get() }
        #expect(gate.isOpen)
    }
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
