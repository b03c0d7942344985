import Synchronization

/// The outcome of ``TimeSource/run(until:_:)``: what the operation returned, or that its deadline came first.
public enum DeadlineOutcome<Value: Sendable>: Sendable {
    /// The operation ended in time, with this.
    case finished(Value)
    /// The deadline came first. The operation was cancelled and what it still returns is dropped.
    case deadlinePassed
}

extension TimeSource {
    /// Runs `operation`, but waits for it no longer than until `deadline`.
    ///
    /// A task group would wait for an operation that ignores its cancellation; this does not, which is the point: a
    /// provider that hangs must not hang its caller. The price is one unstructured task, which ends with the operation.
    /// - Parameters:
    ///   - deadline: the moment to stop waiting at.
    ///   - operation: what to run; cancelled at the deadline and when the caller is cancelled.
    public func run<Value: Sendable>(
        until deadline: Instant, _ operation: @escaping @Sendable () async -> Value
    ) async -> DeadlineOutcome<Value> {
        let race = Race<Value>()
        let work = Task { race.settle(.finished(await operation())) }
        let timer = Task {
            // A cancelled sleep is the ordinary end of a timer that is no longer needed.
            if (try? await sleep(until: deadline)) != nil { race.settle(.deadlinePassed) }
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { race.wait($0) }
        } onCancel: {
            work.cancel()
        }
        timer.cancel()
        if case .deadlinePassed = outcome { work.cancel() }
        return outcome
    }
}

/// One continuation, resumed by whoever comes first.
private final class Race<Value: Sendable>: Sendable {
    private enum State {
        case open
        case waiting(CheckedContinuation<DeadlineOutcome<Value>, Never>)
        case settled(DeadlineOutcome<Value>)
        case done
    }
    private let state = Mutex<State>(.open)

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
