import Determinism
import Synchronization

/// Asks a question that many may want answered, once at a time, and gives its answer to all who come within a second:
/// whoever asks a thousand times a second costs as much as one.
final class SharedProbe<Answer: Sendable>: Sendable {
    private struct State {
        var latest: (answer: Answer, at: Instant)?
        var isAsking = false
        var waiting: [CheckedContinuation<Answer, Never>] = []
    }
    private enum Turn {
        case answered(Answer)
        case asks
        case waits
    }
    private let lifetime: Duration
    private let time: any TimeSource
    private let ask: @Sendable () async -> Answer
    private let state = Mutex(State())

    init(for lifetime: Duration = .seconds(1), time: any TimeSource, _ ask: @escaping @Sendable () async -> Answer) {
        (self.lifetime, self.time, self.ask) = (lifetime, time, ask)
    }

    func answer() async -> Answer {
        let now = time.instant()
        let turn = state.withLock { state -> Turn in
            if let (answer, at) = state.latest, now < at + lifetime { return .answered(answer) }
            if state.isAsking { return .waits }
            state.isAsking = true
            return .asks
        }
        switch turn {
        case .answered(let answer): return answer
        case .asks: return settle(await ask())
        case .waits:
            return await withCheckedContinuation { continuation in
                let answer: Answer? = state.withLock { state in
                    // It may have come meanwhile.
                    if !state.isAsking, let (answer, _) = state.latest { return answer }
                    state.waiting.append(continuation)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        }
    }

    private func settle(_ answer: Answer) -> Answer {
        let waiting = state.withLock { state in
            (state.latest, state.isAsking) = ((answer, time.instant()), false)
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: answer) }
        return answer
    }
}
