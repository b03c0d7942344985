import Determinism

/// Why a caller gets no connection.
public enum PoolRefusal: Sendable, Hashable {
    /// Its deadline came first.
    case timedOut
    /// Its task was cancelled.
    case cancelled
    /// The queue is full, and nobody in it has more than this tenant.
    case queueFull
    /// It waited too long in a queue that has been standing for a whole interval (``PoolConfiguration/Shedding``).
    case shed
    /// No connection is left and no host can be reached.
    case unavailable
    /// The pool is shutting down, or has.
    case shutDown
}

/// Why a connection was closed.
public enum CloseReason: Sendable, Hashable {
    /// It idled longer than ``PoolConfiguration/idleTimeout``, above the minimum.
    case idle
    /// It reached its lifetime.
    case lifetime
    /// It was evicted, or its host was removed.
    case evicted
    /// It was broken when it came back, or died by itself.
    case broken
    /// It could not be brought back to a clean state, or not in time.
    case notReset
    /// It did not answer its validation, or not in time.
    case notValid
    /// It idled beside a connection that had gone silent, and had not proved itself alive since.
    case suspect
    /// The pool shut down.
    case shutDown
}

/// What the shell does next. Each is done once, after the lock is dropped.
public enum PoolAction: Sendable, Hashable {
    /// Hand the connection to the waiter, which has been waiting since `enqueued`.
    case grant(WaiterID, LeaseID, enqueued: Instant)
    /// Tell the waiter why it gets none.
    case refuse(WaiterID, PoolRefusal, enqueued: Instant)
    /// Open a connection, then report ``PoolStateMachine/connected(_:draw:now:)`` or
    /// ``PoolStateMachine/connectFailed(_:error:draw:now:)``.
    case connect(ConnectionID, HostKey)
    /// Validate it, then report ``PoolStateMachine/validated(_:_:now:)``.
    case validate(ConnectionID)
    /// Reset it, then report ``PoolStateMachine/wasReset(_:isClean:now:)``.
    case reset(ConnectionID)
    /// Close it, then report ``PoolStateMachine/closed(_:now:)``.
    case close(ConnectionID, CloseReason)
    /// The connection that has just been reported came too late, and has no place: close it and report nothing.
    case discard(ConnectionID)
    /// The lease is held longer than ``PoolConfiguration/leakThreshold``. Once for each lease.
    case reportLeak(LeaseID, age: Duration)
    /// The breaker of the host has changed.
    case breakerChanged(HostKey, BreakerState)
    /// The pool has shut down and no connection is left.
    case finish
}

/// The actions of one event, in their order. The first needs no allocation, and most events have one or none.
public struct PoolActions: Sendable, Sequence {
    private var first: PoolAction?
    private var rest: [PoolAction] = []

    /// No actions.
    public init() {}

    /// Whether nothing is to be done.
    public var isEmpty: Bool { first == nil }

    mutating func append(_ action: PoolAction) {
        if first == nil { first = action } else { rest.append(action) }
    }

    /// The actions, in their order.
    public func makeIterator() -> Iterator { Iterator(first: first, rest: rest) }

    /// Walks the actions.
    public struct Iterator: IteratorProtocol {
        private var first: PoolAction?
        private let rest: [PoolAction]
        private var position = 0

        init(first: PoolAction?, rest: [PoolAction]) { (self.first, self.rest) = (first, rest) }

        /// The next action, nil after the last.
        public mutating func next() -> PoolAction? {
            if let action = first {
                first = nil
                return action
            }
            guard position < rest.count else { return nil }
            defer { position += 1 }
            return rest[position]
        }
    }
}
