import Synchronization

/// An operation against its deadline: one continuation, resumed by whoever comes first. Knows nothing of what the
/// operation returns, so that it is compiled once; ``BoundCall`` does.
///
/// One object is all of a call: it is what the timer tells, what the operation's task runs and where the answer waits.
class CallRace: DeadlineTarget, @unchecked Sendable {
    private enum State {
        case open
        case waiting(UnsafeContinuation<Bool, Never>)
        case finished
        case expired
    }
    private let state = Mutex<State>(.open)
    /// Whether the caller was cancelled before: a task that is made for a call is not cancelled when its maker is.
    private let isCancelled: Bool

    init(isCancelled: Bool) { self.isCancelled = isCancelled }

    /// Runs the operation and keeps what it comes to.
    func operate() async {}

    /// The task of the operation.
    final func run() async {
        if isCancelled { withUnsafeCurrentTask { $0?.cancel() } }
        await operate()
        settle(.finished)
    }

    /// The deadline has come.
    final func deadlinePassed() { settle(.expired) }

    /// Whether the operation was first; nil while nobody was.
    final var isFinished: Bool? { state.withLock { Self.verdict($0) } }

    /// Resumes with whether the operation was first. Exactly once: by ``settle(_:)``, or here when that was before.
    final func wait(_ continuation: UnsafeContinuation<Bool, Never>) {
        let verdict: Bool? = state.withLock { state in
            let verdict = Self.verdict(state)
            if verdict == nil { state = .waiting(continuation) }
            return verdict
        }
        if let verdict { continuation.resume(returning: verdict) }
    }

    private static func verdict(_ state: State) -> Bool? {
        switch state {
        case .open, .waiting: nil
        case .finished: true
        case .expired: false
        }
    }

    private func settle(_ end: State) {
        let waiting: UnsafeContinuation<Bool, Never>? = state.withLock { state in
            switch state {
            case .open:
                state = end
                return nil
            case .waiting(let continuation):
                state = end
                return continuation
            case .finished, .expired:
                return nil
            }
        }
        waiting?.resume(returning: Self.verdict(end) ?? false)
    }
}

/// A race with the operation and what it came to, which is written before the race is over and read behind that, by one
/// task each; the race's lock stands between the two.
final class BoundCall<Value: Sendable>: CallRace, @unchecked Sendable {
    private let operation: @Sendable () async throws -> Value
    private(set) var result: Result<Value, any Error>?

    init(_ operation: @escaping @Sendable () async throws -> Value) {
        self.operation = operation
        super.init(isCancelled: Task.isCancelled)
    }

    override func operate() async {
        do { result = .success(try await operation()) } catch { result = .failure(error) }
    }
}
