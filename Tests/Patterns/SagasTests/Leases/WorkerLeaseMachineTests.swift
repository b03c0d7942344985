import Determinism
import Testing

@testable import Sagas

/// Whether a worker may be at work, by the renewals of its lease.
@Suite("WorkerLeaseMachine")
struct WorkerLeaseMachineTests {
    private typealias Machine = WorkerLeaseMachine
    private static let lease = Duration.seconds(9)

    private static func at(_ seconds: Double) -> Instant {
        Instant(nanoseconds: Int64(seconds * 1_000_000_000))
    }

    /// A worker that never had a lease, one that has, and one that lost it; each reached by events alone.
    private static func new() -> Machine { Machine(lease: lease) }
    private static func held() -> Machine {
        var machine = new()
        _ = machine.handle(.renewed(asked: at(0)), at: at(1))
        return machine
    }
    private static func lost() -> Machine {
        var machine = held()
        _ = machine.handle(.tick, at: at(6))
        return machine
    }

    // MARK: every event in every state

    @Test func newWorkerAsksForALease() {
        var machine = Self.new()
        #expect(!machine.mayWork(Self.at(0)))
        #expect(machine.handle(.tick, at: Self.at(0)) == .renew)
        #expect(machine.handle(.failed, at: Self.at(0)) == .wait(until: Self.at(0.3)), "a thirtieth of the lease")
        #expect(!machine.mayWork(Self.at(0)))
        #expect(machine.handle(.tick, at: Self.at(0.2)) == .wait(until: Self.at(0.3)))
        #expect(machine.handle(.tick, at: Self.at(0.3)) == .renew)
        #expect(machine.handle(.renewed(asked: Self.at(1)), at: Self.at(2)) == .wait(until: Self.at(4)))
        #expect(machine.mayWork(Self.at(2)))
    }

    @Test func heldLeaseIsRenewedInItsFirstThird() {
        var machine = Self.held()
        #expect(machine.handle(.tick, at: Self.at(1)) == .wait(until: Self.at(3)))
        #expect(machine.handle(.tick, at: Self.at(3)) == .renew)
        #expect(machine.handle(.renewed(asked: Self.at(3)), at: Self.at(3.5)) == .wait(until: Self.at(6)))
        #expect(machine.mayWork(Self.at(8.9)) && !machine.mayWork(Self.at(9)))
    }

    @Test func failedRenewalIsTriedAgainAndEndsWithTheTrust() {
        var machine = Self.held()
        #expect(machine.handle(.failed, at: Self.at(3)) == .wait(until: Self.at(3.3)))
        #expect(machine.mayWork(Self.at(3)), "the lease that it has is still good")
        #expect(machine.handle(.tick, at: Self.at(3.3)) == .renew)
        #expect(machine.handle(.failed, at: Self.at(5.9)) == .wait(until: Self.at(6)), "not past the end of the trust")
        #expect(machine.handle(.tick, at: Self.at(6)) == .stopWork)
        #expect(!machine.mayWork(Self.at(6)))
        #expect(machine.handle(.tick, at: Self.at(6)) == .wait(until: Self.at(6.2)), "the pause holds all the same")
        #expect(machine.handle(.tick, at: Self.at(6.2)) == .renew)
    }

    @Test func longLeaseWaitsNoLongerThanHalfASecondAfterAFailure() {
        var machine = Machine(lease: .seconds(3_600))
        #expect(machine.handle(.failed, at: Self.at(1)) == .wait(until: Self.at(1.5)))
    }

    @Test func failureAfterTheTrustStopsTheWork() {
        var machine = Self.held()
        #expect(machine.handle(.failed, at: Self.at(6)) == .stopWork)
        #expect(!machine.mayWork(Self.at(6)))
    }

    @Test func lostLeaseIsAskedForAgain() {
        var machine = Self.lost()
        #expect(!machine.mayWork(Self.at(6)))
        #expect(machine.handle(.tick, at: Self.at(6)) == .renew)
        #expect(machine.handle(.failed, at: Self.at(6)) == .wait(until: Self.at(6.3)), "it stops work once, not again")
        #expect(machine.handle(.renewed(asked: Self.at(7)), at: Self.at(8)) == .wait(until: Self.at(10)))
        #expect(machine.mayWork(Self.at(8)))
    }

    @Test(arguments: [6.0, 7.0, 100.0]) func lateAnswerIsWorthNothing(late: Double) {
        for start in [Self.new(), Self.held(), Self.lost()] {
            var machine = start
            #expect(machine.handle(.renewed(asked: Self.at(0)), at: Self.at(late)) == .stopWork)
            #expect(!machine.mayWork(Self.at(late)))
            #expect(machine.handle(.tick, at: Self.at(late)) == .renew)
        }
    }

    // MARK: whatever happens

    /// Random renewals, slow answers and failures, asked at random moments.
    @Test(arguments: 0..<200 as Range<UInt64>) func neverTrustedLongerThanTwoThirds(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let lease = Duration.milliseconds(Int64(300 + random.next(below: 20_000)))
        var machine = Machine(lease: lease)
        var (now, lastAsked): (Instant, Instant?) = (Self.at(0), nil)
        var (hasWorked, hasStopped) = (false, false)
        for _ in 0..<200 {
            now = now + .nanoseconds(Int64(random.next(below: UInt64((lease / 3).inNanoseconds))))
            let event: Machine.Event
            switch random.next(below: 4) {
            case 0:
                let asked = now + .nanoseconds(-Int64(random.next(below: UInt64(lease.inNanoseconds))))
                event = .renewed(asked: asked)
                if asked + lease * 2 / 3 > now { lastAsked = asked }
            case 1: event = .failed
            default: event = .tick
            }
            let couldWork = machine.mayWork(now)
            let action = machine.handle(event, at: now)
            let bound = lastAsked.map { $0 + lease * 2 / 3 } ?? Self.at(0)
            for later in [Duration.zero, lease / 10, lease / 2, lease * 2 / 3, lease] where machine.mayWork(now + later)
            {
                #expect(lastAsked != nil && now + later < bound)
                hasWorked = true
            }
            switch action {
            case .wait(let until):
                #expect(until > now)
                if machine.mayWork(now) { #expect(until <= bound, "it wakes in time to stop") }
            case .stopWork:
                hasStopped = true
                #expect(!machine.mayWork(now))
                lastAsked = nil
            case .renew: break
            }
            // No longer allowed, and never told to stop: work would go on.
            if couldWork, !machine.mayWork(now) { #expect(action == .stopWork) }
        }
        #expect(hasWorked && hasStopped)
    }
}
