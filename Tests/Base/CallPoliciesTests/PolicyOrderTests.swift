import ProcessTestKit
import Testing

/// The order of policies is the compiler's business: what is out of order does not compile. Each snippet is checked by
/// the compiler against the modules that these tests were built with.
@Suite("Policies, what does not compile", .serialized)
struct PolicyOrderTests {
    /// What the snippets are put into.
    private static func source(_ policies: String) -> String {
        """
        import CallPolicies
        struct Policy<Place: CallPolicyPlace>: CallPolicy {
            func call<Value: Sendable>(
                _ operation: @escaping @Sendable () async throws -> Value
            ) async throws -> Value { try await operation() }
        }
        let retry = Policy<RetryPlace>(), bulkhead = Policy<BulkheadPlace>()
        let breaker = Policy<BreakerPlace>(), timeout = Policy<TimeoutPlace>()
        let policies = callPolicies { \(policies) }
        """
    }

    private func check(_ policies: String) async throws -> TypeChecker.Verdict {
        try await TypeChecker("CallPolicies").check(Self.source(policies))
    }

    /// The counterpart: if this did not compile, the others would prove nothing.
    @Test(arguments: [
        "retry; bulkhead; breaker; timeout", "retry", "bulkhead", "breaker", "timeout", "retry; timeout",
        "bulkhead; timeout", "retry; breaker", "bulkhead; breaker; timeout", "retry; bulkhead; timeout",
        "callPolicies { retry; bulkhead }; breaker; timeout", "retry; callPolicies { bulkhead; breaker }; timeout",
    ])
    func whatIsInOrderCompiles(policies: String) async throws {
        let checked = try await check(policies)
        #expect(checked.hasPassed, "\(checked.messages)")
    }

    @Test(arguments: [
        "bulkhead; retry", "breaker; retry", "timeout; retry", "breaker; bulkhead", "timeout; bulkhead",
        "timeout; breaker", "retry; retry", "bulkhead; bulkhead", "breaker; breaker", "timeout; timeout",
        "retry; breaker; bulkhead; timeout", "retry; bulkhead; timeout; breaker",
        "callPolicies { retry; timeout }; breaker", "bulkhead; callPolicies { retry; timeout }",
        "retry; callPolicies { retry; timeout }",
        "breaker; callPolicies { callPolicies { bulkhead; breaker }; timeout }",
    ])
    func whatIsOutOfOrderDoesNotCompile(policies: String) async throws {
        let checked = try await check(policies)
        #expect(!checked.hasPassed, "it compiles")
        #expect(
            checked.errors.contains { $0.contains("the order is: retry, bulkhead, circuit breaker, timeout") },
            "\(checked.messages)")
    }
}
