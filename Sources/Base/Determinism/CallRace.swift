import Synchronization

/// An operation against its deadline: one continuation, resumed by whoever comes first. Knows nothing of what the
/// operation returns, so that it is compiled once.
final class CallRace: DeadlineTarget {
    private enum State {
        case open
        case waiting(UnsafeContinuation<Bool, Never>)
        case finished
        case expired
    }
    private let state = Mutex<State>(.open)

    /// The operation has ended.
    func finish() { settle(.finished) }
    /// The deadline has come.
    func deadlinePassed() { settle(.expired) }

    /// Whether the operation was first; nil while nobody was.
    var isFinished: Bool? { state.withLock { Self.verdict($0) } }

    /// Resumes with whether the operation was first. Exactly once: by ``settle(_:)``, or here when that was before.
    func wait(_ continuation: UnsafeContinuation<Bool, Never>) {
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

/// What an operation came to. Written before the operation's race is finished and read behind that, by one task each;
/// the race's lock stands between the two.
final class CallAnswer<Value: Sendable>: @unchecked Sendable {
    var value: Value?
    var error: (any Error)?
}
