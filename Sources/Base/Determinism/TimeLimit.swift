import Synchronization

/// The outcome of ``TimeLimit/run(_:)``: what the operation returned, or that its time was up first.
public enum DeadlineOutcome<Value: Sendable>: Sendable {
    /// The operation ended in time, with this.
    case finished(Value)
    /// The deadline came first. The operation was cancelled and what it still returns is dropped.
    case deadlinePassed
}

/// Bounds calls in time, each by the same limit.
///
/// A task group would wait for an operation that ignores its cancellation; this does not, which is the point: a
/// provider that hangs must not hang its caller. See ``CallTimer/run(until:_:)``.
public struct TimeLimit: Sendable {
    private let limit: Duration
    private let timer: CallTimer

    /// A limit with a timer of its own.
    /// - Parameter limit: how long a call may take.
    public init(_ limit: Duration, time: any TimeSource) { self.init(limit, timer: CallTimer(time: time)) }

    /// A limit on a timer that others use as well.
    public init(_ limit: Duration, timer: CallTimer) { (self.limit, self.timer) = (limit, timer) }

    /// How many deadlines its timer has ahead: the calls under way, if the timer is its own.
    public var callCount: Int { timer.count }

    /// Runs `operation`, but waits for it no longer than the limit.
    /// - Parameter operation: what to run; cancelled when its time is up and when the caller is cancelled.
    public func run<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value
    ) async -> DeadlineOutcome<Value> {
        await timer.run(until: timer.instant() + limit, operation)
    }
}

extension CallTimer {
    /// Runs `operation`, but waits for it no longer than `deadline`.
    ///
    /// The price is one unstructured task for each call, which ends with the operation. It begins in the caller's
    /// place, so that an operation that needs not wait costs no switch to another thread.
    /// - Parameter operation: what to run; cancelled when its time is up and when the caller is cancelled.
    public func run<Value: Sendable>(
        until deadline: Instant, _ operation: @escaping @Sendable () async -> Value
    ) async -> DeadlineOutcome<Value> {
        let race = Race<Value>()
        let ticket = schedule(race, at: deadline)
        // A task that is made here is not cancelled when its maker is.
        let isCancelled = Task.isCancelled
        let work = begun {
            if isCancelled { withUnsafeCurrentTask { $0?.cancel() } }
            race.settle(.finished(await operation()))
        }
        let outcome: DeadlineOutcome<Value>
        if let settled = race.settled() {
            outcome = settled
        } else {
            outcome = await withTaskCancellationHandler {
                await withCheckedContinuation { race.wait($0) }
            } onCancel: {
                work.cancel()
            }
        }
        if case .deadlinePassed = outcome { work.cancel() } else { cancel(ticket) }
        return outcome
    }

    private func begun(_ operation: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        if #available(macOS 26.0, iOS 26.0, tvOS 26.0, watchOS 26.0, visionOS 26.0, *) {
            return Task.immediate { await operation() }
        }
        return Task { await operation() }
    }
}

/// One continuation, resumed by whoever comes first.
private final class Race<Value: Sendable>: DeadlineTarget {
    private enum State {
        case open
        case waiting(CheckedContinuation<DeadlineOutcome<Value>, Never>)
        case settled(DeadlineOutcome<Value>)
        case done
    }
    private let state = Mutex<State>(.open)

    func deadlinePassed() { settle(.deadlinePassed) }

    /// The outcome, if there is one before anybody waits for it.
    func settled() -> DeadlineOutcome<Value>? {
        state.withLock { state in
            guard case .settled(let outcome) = state else { return nil }
            state = .done
            return outcome
        }
    }

    func wait(_ continuation: CheckedContinuation<DeadlineOutcome<Value>, Never>) {
        let settled: DeadlineOutcome<Value>? = state.withLock { state in
            if case .settled(let outcome) = state {
                state = .done
                return outcome
            }
            state = .waiting(continuation)
            return nil
        }
        if let settled { continuation.resume(returning: settled) }
    }

    func settle(_ outcome: DeadlineOutcome<Value>) {
        let waiting: CheckedContinuation<DeadlineOutcome<Value>, Never>? = state.withLock { state in
            switch state {
            case .open:
                state = .settled(outcome)
                return nil
            case .waiting(let continuation):
                state = .done
                return continuation
            case .settled, .done:
                return nil
            }
        }
        waiting?.resume(returning: outcome)
    }
}
