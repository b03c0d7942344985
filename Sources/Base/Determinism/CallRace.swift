import Synchronization

/// An operation against its deadline: one continuation, resumed by whoever comes first.
///
/// One object is all of a call: it is what the timer tells, what the operation's task runs and where the answer waits.
/// It knows nothing of what the operation returns, so that it is compiled once; ``of(_:)`` does.
@usableFromInline
final class CallRace: DeadlineTarget, @unchecked Sendable {
    /// Runs in whatever place its caller runs in: each change of place costs a look at the task's preferences.
    @usableFromInline
    typealias Operation = nonisolated(nonsending) @Sendable () async -> Result<AnyObject, any Error>

    private struct State {
        var caller: UnsafeContinuation<Bool, Never>?
        var work: Task<Void, Never>?
        var isCancelled = false
        /// Whether the operation was first; nil while nobody was.
        var isFinished: Bool?
    }
    private let state = Mutex(State())
    private let operation: Operation
    /// What the operation came to: written before the race is over and read behind that, by one task each; the lock
    /// stands between the two.
    @usableFromInline private(set) var outcome: Result<AnyObject, any Error>?

    @usableFromInline
    init(_ operation: @escaping Operation) { self.operation = operation }

    /// A race of an operation that returns something, which is then in a ``CallValue``.
    @inlinable
    static func of<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) -> CallRace {
        CallRace {
            do { return .success(CallValue(try await operation())) } catch { return .failure(error) }
        }
    }

    /// Begins the operation in its caller's place, and resumes the caller with whether it was first.
    ///
    /// It is the last that the caller does before it waits: when the operation soon needs another turn, the thread is
    /// free to give it one, and no other has to be woken.
    func begin(_ caller: UnsafeContinuation<Bool, Never>) {
        let (isCancelled, verdict) = state.withLock { state in
            if state.isFinished == nil { state.caller = caller }
            return (state.isCancelled, state.isFinished)
        }
        let work = started(isCancelled: isCancelled)
        let isToBeCancelled = state.withLock { state in
            if state.isFinished != true { state.work = work }
            return state.isCancelled && !isCancelled
        }
        if isToBeCancelled { work.cancel() }
        if let verdict { caller.resume(returning: verdict) }
    }

    /// The caller was cancelled, or does not wait any longer: so is the operation.
    func cancel() {
        let work = state.withLock { state in
            state.isCancelled = true
            return state.work
        }
        work?.cancel()
    }

    /// The deadline has come.
    @usableFromInline
    func deadlinePassed() { settle(isFinished: false) }

    private func started(isCancelled: Bool) -> Task<Void, Never> {
        if #available(macOS 26.0, iOS 26.0, tvOS 26.0, watchOS 26.0, visionOS 26.0, *) {
            return Task.immediate { await self.run(isCancelled: isCancelled) }
        }
        return Task { await self.run(isCancelled: isCancelled) }
    }

    private nonisolated(nonsending) func run(isCancelled: Bool) async {
        // A task that is made for a call is not cancelled when its maker is.
        if isCancelled { withUnsafeCurrentTask { $0?.cancel() } }
        outcome = await operation()
        settle(isFinished: true)
    }

    private func settle(isFinished: Bool) {
        let caller: UnsafeContinuation<Bool, Never>? = state.withLock { state in
            // Its task holds on to the race until then.
            if isFinished { state.work = nil }
            guard state.isFinished == nil else { return nil }
            state.isFinished = isFinished
            defer { state.caller = nil }
            return state.caller
        }
        caller?.resume(returning: isFinished)
    }
}

/// What an operation returned, as an object.
@usableFromInline
final class CallValue<Value: Sendable>: Sendable {
    @usableFromInline let value: Value
    @inlinable
    init(_ value: Value) { self.value = value }
}
