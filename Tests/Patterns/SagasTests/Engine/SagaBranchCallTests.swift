import Determinism
import Sagas
import Synchronization
import Testing

/// Branches whose calls have no answer at first.
@Suite("Sagas, branches that call", .timeLimit(.minutes(1)))
struct SagaBranchCallTests {
    /// A payment whose first call has no answer.
    private final class Payment: ExternalAction {
        let trace = Mutex<[String]>([])

        func call(_ state: Trip, _ context: StepContext) async -> ExternalCallMachine<Void>.CallResult {
            trace.withLock { $0.append("call") }
            return .unknown("no answer")
        }
        func ask(_ state: Trip, _ context: StepContext) async -> ExternalCallMachine<Void>.AskResult? {
            trace.withLock { trace in
                trace.append("ask")
                // In its first attempt nobody knows.
                return trace.count > 2 ? .done(()) : .unknown("no answer")
            }
        }
    }

    /// The call had been made while another branch was under way. When that had ended its intent seemed to be new, and
    /// it was made again without being asked for.
    @Test func callWithoutAnAnswerIsAskedForOnceTheOtherBranchHasEnded() async throws {
        let payment = Payment()
        let policy = StepPolicy {
            ($0.calls.callLimit, $0.calls.askLimit, $0.calls.pause) = (1, 1, .milliseconds(1))
            $0.backoff = SagaBackoff(first: .milliseconds(300), longest: .milliseconds(300), jitter: 0)
        }
        let other = ExternalStep<Trip> { _, _ in
            let time = SystemTime()
            let deadline = time.instant() + .seconds(10)
            while payment.trace.withLock({ $0.count }) < 2, time.instant() < deadline { await Task.yield() }
            return .done(())
        }
        let saga = Saga(Trip.self, "trip", version: 1)
            .parallel(
                SagaBranch()
                    .effectless("look", .external { _, _ in .done(()) })
                    .compensatable("pay", .external(payment), undo: .local(.add(-1, to: "undone")), policy: policy),
                SagaBranch().effectless("other", .external(other))
            )
            .pivot("end", .local(.add(1, to: "ended"))).definition
        try await EngineBench.with { bench in
            // A short pause is waited for where the saga is.
            let runtime = bench.runtime([AnySagaDefinition(saga)]) { $0.patience = .seconds(5) }
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                #expect(report.state == .succeeded)
            }
        }
        #expect(payment.trace.withLock { $0 } == ["call", "ask", "ask"])
    }
}
