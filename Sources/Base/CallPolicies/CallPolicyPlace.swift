/// Where a policy stands. From outside to inside: ``RetryPlace``, ``BulkheadPlace``, ``BreakerPlace``,
/// ``TimeoutPlace``; a fallback is outside of all of them (``CallPolicy/call(_:fallback:)``).
///
/// - A **retry** is outside, so that each attempt is a call of its own for everything else: it takes a place in the
///   bulkhead only while it runs, is counted by the breaker, and has the timeout to itself.
/// - A **bulkhead** is outside of the breaker, so that time spent in its queue is not taken for slowness of whom we
///   call.
/// - A **breaker** is outside of the timeout, so that it learns of calls that took too long.
/// - A **timeout** is innermost: it bounds one attempt.
///
/// A chain in another order does not compile.
public protocol CallPolicyPlace {}

/// A place inside of a retry.
public protocol InsideRetry: CallPolicyPlace {}
/// A place inside of a bulkhead.
public protocol InsideBulkhead: InsideRetry {}
/// A place inside of a circuit breaker.
public protocol InsideBreaker: InsideBulkhead {}

/// The place of a retry.
public enum RetryPlace: CallPolicyPlace {}
/// The place of a bulkhead.
public enum BulkheadPlace: InsideRetry {}
/// The place of a circuit breaker.
public enum BreakerPlace: InsideBulkhead {}
/// The place of a timeout.
public enum TimeoutPlace: InsideBreaker {}
