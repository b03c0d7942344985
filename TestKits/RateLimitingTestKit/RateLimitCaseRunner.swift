import Determinism
import RateLimiting

/// Runs the cases through any store that can be told what time it is.
public struct RateLimitCaseRunner: Sendable {
    /// Decides as if it were so many microseconds after some beginning that is the same for all steps of all cases.
    public typealias Decide = @Sendable (RateLimitRequest, _ microseconds: Int64) async throws -> RateLimitDecision
    private let decide: Decide

    /// - Parameter decide: the store.
    public init(_ decide: @escaping Decide) { self.decide = decide }

    /// What is not as expected: one line for each difference, empty for none. Each case has a tenant of its own.
    public func problems(of aCase: RateLimitCase) async throws -> [String] {
        var problems: [String] = []
        for (number, step) in aCase.steps.enumerated() {
            let request = RateLimitRequest(step.operation, tenant: "case: \(aCase.name)", step.checks)
            for time in 0..<step.times {
                let decision = try await decide(request, step.at)
                let isLast = time == step.times - 1
                problems += Self.differences(decision, step, isLast: isLast).map {
                    "\(aCase.name), step \(number + 1) at \(step.at) µs: \($0)"
                }
            }
        }
        return problems
    }

    private static func differences(
        _ decision: RateLimitDecision, _ step: RateLimitCase.Step, isLast: Bool
    ) -> [String] {
        var found: [String] = []
        func compare<Value: Equatable>(_ what: String, _ actual: Value, _ expected: Value?) {
            if let expected, actual != expected { found.append("\(what) is \(actual), not \(expected)") }
        }
        let microseconds = TickResolution.microseconds.ticks
        compare("allowed", decision.isAllowed, step.isAllowed)
        guard isLast else { return found }
        compare("binding", decision.binding.name, step.binding)
        for (verdict, expected) in zip(decision.verdicts, step.verdicts) {
            let name = verdict.name
            compare("outcome of \(name)", verdict.outcome, expected.outcome)
            compare("remaining of \(name)", verdict.remaining, expected.remaining)
            compare("granted of \(name)", verdict.granted, expected.granted)
            compare("retry of \(name)", verdict.retryAfter.map(microseconds) ?? -1, expected.retry)
            compare("next of \(name)", microseconds(verdict.nextAfter), expected.next)
            compare("reset of \(name)", microseconds(verdict.resetAfter), expected.reset)
        }
        return found
    }
}
