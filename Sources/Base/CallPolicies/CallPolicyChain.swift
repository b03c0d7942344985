/// Two policies, one around the other; either may be such a pair again.
///
/// Made by ``callPolicies(_:)``, outermost first:
///
/// ```swift
/// let policies = callPolicies {
///     Retry(attempts: 3)
///     Bulkhead(limit: 20)
///     breaker
///     CallTimeout(.seconds(3))
/// }
/// let rate = try await policies.call { try await bank.rate(of: currency) } fallback: { _ in lastKnownRate }
/// ```
public struct CallPolicyChain<Outer: CallPolicy, Inner: CallPolicy>: CallPolicy {
    /// A chain is extended at its inner end.
    public typealias Place = Inner.Place
    /// It begins at its outer end.
    public typealias OutermostPlace = Outer.OutermostPlace
    /// The policy that decides first.
    public let outer: Outer
    /// The policy, or chain of policies, that it stands around.
    public let inner: Inner

    init(_ outer: Outer, _ inner: Inner) { (self.outer, self.inner) = (outer, inner) }

    /// Makes the call under both.
    @inlinable
    public func call<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await outer.call { try await inner.call(operation) }
    }
}

/// Puts policies together, outermost first: retry, bulkhead, circuit breaker, timeout, any of which may be left out.
/// Another order does not compile; ``CallPolicyPlace`` says why this one.
public func callPolicies<Policy: CallPolicy>(@CallPolicyBuilder _ policies: () -> Policy) -> Policy { policies() }

/// Builds the chain of ``callPolicies(_:)``.
@resultBuilder public enum CallPolicyBuilder {
    /// The outermost policy.
    public static func buildPartialBlock<Policy: CallPolicy>(first policy: Policy) -> Policy { policy }

    /// A policy inside of a retry.
    public static func buildPartialBlock<Outer: CallPolicy, Inner: CallPolicy>(
        accumulated outer: Outer, next inner: Inner
    ) -> CallPolicyChain<Outer, Inner> where Outer.Place == RetryPlace, Inner.OutermostPlace: InsideRetry {
        CallPolicyChain(outer, inner)
    }
    /// A policy inside of a bulkhead.
    public static func buildPartialBlock<Outer: CallPolicy, Inner: CallPolicy>(
        accumulated outer: Outer, next inner: Inner
    ) -> CallPolicyChain<Outer, Inner> where Outer.Place == BulkheadPlace, Inner.OutermostPlace: InsideBulkhead {
        CallPolicyChain(outer, inner)
    }
    /// A policy inside of a circuit breaker.
    public static func buildPartialBlock<Outer: CallPolicy, Inner: CallPolicy>(
        accumulated outer: Outer, next inner: Inner
    ) -> CallPolicyChain<Outer, Inner> where Outer.Place == BreakerPlace, Inner.OutermostPlace: InsideBreaker {
        CallPolicyChain(outer, inner)
    }
    /// Anything else is out of order.
    @available(*, unavailable, message: "the order is: retry, bulkhead, circuit breaker, timeout")
    public static func buildPartialBlock<Outer: CallPolicy, Inner: CallPolicy>(
        accumulated outer: Outer, next inner: Inner
    ) -> CallPolicyChain<Outer, Inner> {
        CallPolicyChain(outer, inner)
    }
}
