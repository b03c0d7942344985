import Synchronization

/// The outcome of ``TimeLimit/run(_:)``: what the operation returned, or that its time was up first.
public enum DeadlineOutcome<Value: Sendable>: Sendable {
    /// The operation ended in time, with this.
    case finished(Value)
    /// The deadline came first. The operation was cancelled and what it still returns is dropped.
    case deadlinePassed
}

/// Bounds calls in time, each by the same limit, with one timer for all of them.
///
/// A task group would wait for an operation that ignores its cancellation; this does not, which is the point: a
/// provider that hangs must not hang its caller. The price is one unstructured task for each call, which ends with the
/// operation.
///
/// A sleep that is begun and cancelled for each call costs tens of microseconds. All calls here have the same limit, so
/// their deadlines stand in the order of their beginnings: one task sleeps until the earliest of them, and a call that
/// is back in time only leaves its place in the line.
public final class TimeLimit: Sendable {
    private struct Place {
        let deadline: Instant
        /// nil once the call is back.
        var call: (any Expirable)?
    }
    private struct State {
        /// Those under way, oldest first, with gaps where one is back before those that began before it.
        var line: [Place] = []
        /// How many places at the beginning of `line` are done with.
        var done = 0
        /// The number of the place at the beginning of `line`.
        var first = 0
        var isWatched = false

        /// Forgets the places at the beginning that are done with; moves the rest only once that is worth it.
        mutating func dropDone() {
            while done < line.count, line[done].call == nil { done += 1 }
            guard done == line.count || done >= 64 && done * 2 >= line.count else { return }
            first += done
            line.removeFirst(done)
            done = 0
        }
    }
    private let limit: Duration
    private let time: any TimeSource
    private let state = Mutex(State())

    /// - Parameter limit: how long a call may take.
    public init(_ limit: Duration, time: any TimeSource) { (self.limit, self.time) = (limit, time) }

    /// How many calls are under way.
    public var callCount: Int { state.withLock { $0.line.count { $0.call != nil } } }

    /// Runs `operation`, but waits for it no longer than the limit.
    /// - Parameter operation: what to run; cancelled when its time is up and when the caller is cancelled.
    public func run<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value
    ) async -> DeadlineOutcome<Value> {
        let race = Race<Value>()
        let place = enter(race)
        let work = Task { race.settle(.finished(await operation())) }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { race.wait($0) }
        } onCancel: {
            work.cancel()
        }
        leave(place)
        if case .deadlinePassed = outcome { work.cancel() }
        return outcome
    }

    private func enter(_ call: any Expirable) -> Int {
        let (place, startsWatch) = state.withLock { state in
            // The clock is read under the lock, so that the line is in order.
            state.line.append(Place(deadline: time.instant() + limit, call: call))
            defer { state.isWatched = true }
            return (state.first + state.line.count - 1, !state.isWatched)
        }
        if startsWatch { Task { await watch() } }
        return place
    }

    private func leave(_ place: Int) {
        state.withLock { state in
            let index = place - state.first
            guard index >= state.done else { return }
            state.line[index].call = nil
            state.dropDone()
        }
    }

    /// Sleeps until the earliest deadline, again and again, while there are calls.
    private func watch() async {
        while let deadline = nextDeadline() {
            // Never cancelled: nobody holds this task.
            try? await time.sleep(until: deadline)
            let now = time.instant()
            let late = state.withLock { state in
                var late: [any Expirable] = []
                while state.done < state.line.count, state.line[state.done].deadline <= now {
                    if let call = state.line[state.done].call { late.append(call) }
                    state.line[state.done].call = nil
                    state.done += 1
                }
                state.dropDone()
                return late
            }
            for call in late { call.expire() }
        }
    }

    private func nextDeadline() -> Instant? {
        state.withLock { state in
            if state.done < state.line.count { return state.line[state.done].deadline }
            state.isWatched = false
            return nil
        }
    }
}

private protocol Expirable: AnyObject, Sendable {
    func expire()
}

/// One continuation, resumed by whoever comes first.
private final class Race<Value: Sendable>: Expirable {
    private enum State {
        case open
        case waiting(CheckedContinuation<DeadlineOutcome<Value>, Never>)
        case settled(DeadlineOutcome<Value>)
        case done
    }
    private let state = Mutex<State>(.open)

    func expire() { settle(.deadlinePassed) }

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
