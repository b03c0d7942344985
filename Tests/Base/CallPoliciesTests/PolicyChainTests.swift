import CallPolicies
import Determinism
import DeterminismTestKit
import Testing

/// Policies around a call: who comes when, and what comes back.
@Suite("Policy chains", .timeLimit(.minutes(1)))
struct PolicyChainTests {
    /// Notes when it is passed, on the way in and on the way out.
    private struct Noting<Place: CallPolicyPlace>: CallPolicy {
        let name: String
        let notes: Notes<String>
        var attempts = 1
        var error: (any Error)?

        func call<Value: Sendable>(
            _ operation: @escaping @Sendable () async throws -> Value
        ) async throws -> Value {
            notes.note("\(name) in")
            defer { notes.note("\(name) out") }
            if let error { throw error }
            for _ in 1..<attempts { if let value = try? await operation() { return value } }
            return try await operation()
        }
    }
    private struct Broken: Error {}
    private struct Refused: CallNotMade {}
    private let notes = Notes<String>()

    @Test func theOutermostIsFirstInAndLastOut() async throws {
        let notes = notes
        let policies = callPolicies {
            Noting<RetryPlace>(name: "retry", notes: notes)
            Noting<BulkheadPlace>(name: "bulkhead", notes: notes)
            Noting<BreakerPlace>(name: "breaker", notes: notes)
            Noting<TimeoutPlace>(name: "timeout", notes: notes)
        }
        let answer = try await policies.call {
            notes.note("call")
            return 7
        }
        #expect(answer == 7)
        #expect(
            notes.all == [
                "retry in", "bulkhead in", "breaker in", "timeout in", "call", "timeout out", "breaker out",
                "bulkhead out", "retry out",
            ])
    }

    @Test func anyMayBeLeftOut() async throws {
        let policies = callPolicies {
            Noting<BulkheadPlace>(name: "bulkhead", notes: notes)
            Noting<TimeoutPlace>(name: "timeout", notes: notes)
        }
        try await policies.call {}
        #expect(notes.all == ["bulkhead in", "timeout in", "timeout out", "bulkhead out"])
        #expect(policies.outer.name == "bulkhead" && policies.inner.name == "timeout")
    }

    @Test func oneAloneIsItself() async throws {
        let policy = callPolicies { Noting<BreakerPlace>(name: "breaker", notes: notes) }
        #expect(policy.name == "breaker")
    }

    @Test func eachAttemptPassesThroughAllThatIsInside() async throws {
        let notes = notes
        let policies = callPolicies {
            Noting<RetryPlace>(name: "retry", notes: notes, attempts: 3)
            callPolicies {
                Noting<BulkheadPlace>(name: "bulkhead", notes: notes)
                Noting<TimeoutPlace>(name: "timeout", notes: notes)
            }
        }
        await #expect(throws: Broken.self) { try await policies.call { throw Broken() } }
        #expect(notes.all.count { $0 == "bulkhead in" } == 3 && notes.all.count { $0 == "timeout out" } == 3)
        #expect(notes.all.first == "retry in" && notes.all.last == "retry out")
    }

    @Test func onePolicysRefusalKeepsTheOthersFromBeingAsked() async throws {
        let policies = callPolicies {
            Noting<BulkheadPlace>(name: "bulkhead", notes: notes, error: Refused())
            Noting<TimeoutPlace>(name: "timeout", notes: notes)
        }
        await #expect(throws: Refused.self) { try await policies.call { 1 } }
        #expect(notes.all == ["bulkhead in", "bulkhead out"])
    }

    // MARK: - Fallback

    @Test func aFallbackAnswersForErrorsOnly() async throws {
        let policy = Noting<BreakerPlace>(name: "breaker", notes: notes)
        #expect(
            try await policy.call {
                1
            } fallback: { _ in
                2
            } == 1)
        #expect(
            try await policy.call {
                throw Broken()
            } fallback: {
                $0 is Broken ? 2 : 3
            } == 2)
        let refusing = Noting<BreakerPlace>(name: "breaker", notes: notes, error: Refused())
        #expect(
            try await refusing.call {
                1
            } fallback: {
                $0 is any CallNotMade ? 2 : 3
            } == 2)
    }

    @Test func aFallbackIsOutsideOfAllAttempts() async throws {
        let fallbacks = Notes<Int>()
        let policies = callPolicies {
            Noting<RetryPlace>(name: "retry", notes: notes, attempts: 3)
            Noting<TimeoutPlace>(name: "timeout", notes: notes)
        }
        let answer = try await policies.call { () -> Int in
            throw Broken()
        } fallback: { _ in
            fallbacks.note(1)
            return 9
        }
        #expect(answer == 9 && fallbacks.all == [1] && notes.all.count { $0 == "timeout in" } == 3)
    }

    /// That it compiles is the point.
    @Test func aFallbackMayUseWhatBelongsToItsCallersActor() async throws {
        actor Rates {
            var last = 7
            func rate(_ policy: some CallPolicy) async throws -> Int {
                try await policy.call {
                    throw Broken()
                } fallback: { _ in
                    last
                }
            }
        }
        #expect(try await Rates().rate(Noting<BreakerPlace>(name: "breaker", notes: notes)) == 7)
    }

    @Test func aFallbackMayThrow() async throws {
        let policy = Noting<BreakerPlace>(name: "breaker", notes: notes)
        await #expect(throws: Refused.self) {
            try await policy.call {
                throw Broken()
            } fallback: { _ in
                throw Refused()
            }
        }
    }

    @Test func aCancelledCallerGetsTheError() async throws {
        let policy = Noting<BreakerPlace>(name: "breaker", notes: notes)
        let gate = Gate()
        let caller = Task {
            try await policy.call { () -> Int in
                await gate.pass()
                throw Broken()
            } fallback: { _ in
                2
            }
        }
        await eventually("it is under way") { gate.waitingCount == 1 }
        caller.cancel()
        gate.open()
        await #expect(throws: Broken.self) { try await caller.value }
    }
}
