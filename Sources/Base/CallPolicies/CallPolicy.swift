/// Something that stands around a call to somebody else and decides whether, when and how often it is made: a circuit
/// breaker, a retry, a bulkhead, a timeout.
///
/// Policies are put together with ``CallPolicyChain``, outermost first.
public protocol CallPolicy: Sendable {
    /// Where it stands among the others. See ``CallPolicyPlace``.
    associatedtype Place: CallPolicyPlace
    /// Where its outermost policy stands: the same place, but for a chain.
    associatedtype OutermostPlace: CallPolicyPlace = Place

    /// Makes the call under this policy.
    /// - Throws: what the operation throws, or the policy's own error when the call was not made or not waited for.
    func call<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) async throws -> Value
}

extension CallPolicy {
    /// Makes the call under this policy, and gives `fallback`'s answer where there is none. The outermost place: it
    /// answers for what all policies have come to.
    ///
    /// A caller that was cancelled wants no answer and gets the error.
    /// - Parameter fallback: what to answer instead, by the error; may throw, and may use what its caller may.
    public func call<Value: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ operation: @escaping @Sendable () async throws -> Value,
        fallback: (any Error) async throws -> Value
    ) async throws -> Value {
        do {
            return try await call(operation)
        } catch {
            if Task.isCancelled { throw error }
            return try await fallback(error)
        }
    }
}
