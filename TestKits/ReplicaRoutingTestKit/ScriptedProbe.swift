import ReplicaRouting
import Synchronization

/// A probe whose answers a test decides.
public final class ScriptedProbe: ReplicaProbe {
    /// What a host does when it is asked.
    public enum Answer: Sendable {
        /// It says this.
        case reading(HostReading)
        /// It fails.
        case failure(ProbeFailure)
        /// It never answers, whatever the timeout: a driver's fault.
        case silence
    }
    private struct State {
        var answers: [HostIndex: Answer] = [:]
        var positionAnswers: [HostIndex: Answer] = [:]
        var histories: [Timeline: TimelineHistory] = [:]
        var counts: [HostIndex: Int] = [:]
        var positionCounts: [HostIndex: Int] = [:]
    }
    private let state = Mutex(State())

    /// A probe that no host answers.
    public init() {}

    /// Decides what a host says from now on.
    public func set(_ host: HostIndex, _ answer: Answer) { state.withLock { $0.answers[host] = answer } }

    /// Decides what a host says from now on.
    public func set(_ host: HostIndex, _ reading: HostReading) { set(host, .reading(reading)) }

    /// Decides what a host says from now on where it is asked for its position alone; nil for what it says otherwise.
    public func setPosition(_ host: HostIndex, _ answer: Answer?) {
        state.withLock { $0.positionAnswers[host] = answer }
    }

    /// Decides the history of a timeline.
    public func set(_ history: TimelineHistory) { state.withLock { $0.histories[history.timeline] = history } }

    /// How often a host was asked for everything.
    public func count(of host: HostIndex) -> Int { state.withLock { $0.counts[host] ?? 0 } }
    /// How often a host was asked for its position alone.
    public func positionCount(of host: HostIndex) -> Int { state.withLock { $0.positionCounts[host] ?? 0 } }

    /// What the test decided; unreachable if it did not.
    public func read(_ host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> HostReading {
        let answer = state.withLock { state in
            state.counts[host, default: 0] += 1
            return state.answers[host]
        }
        return try await reading(answer)
    }

    /// The position of what the test decided.
    public func replayPosition(of host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> LSN? {
        let answer = state.withLock { state in
            state.positionCounts[host, default: 0] += 1
            return state.positionAnswers[host] ?? state.answers[host]
        }
        let reading = try await reading(answer)
        return reading.role == .replica ? reading.position : nil
    }

    /// The history that the test decided; refused if it did not.
    public func history(
        of timeline: Timeline, on host: HostIndex, timeout: Duration
    ) async throws(ProbeFailure) -> TimelineHistory {
        guard let history = state.withLock({ $0.histories[timeline] }) else { throw .refused }
        return history
    }

    private func reading(_ answer: Answer?) async throws(ProbeFailure) -> HostReading {
        switch answer {
        case .reading(let reading): return reading
        case .failure(let failure): throw failure
        case nil: throw .unreachable
        case .silence:
            let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
            // Ends with the task that waits for it.
            for await _ in stream {}
            continuation.finish()
            throw .timedOut
        }
    }
}
