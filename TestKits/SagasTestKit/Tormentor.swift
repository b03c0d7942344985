import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Synchronization

/// Lets one thing go wrong, where and as an ``Affliction`` says, and counts what there is to go wrong.
final class Tormentor: SagaInterposer {
    private struct State {
        var calls = 0
        var commits = 0
        var hasStruck = false
        var isDead = false
    }
    let affliction: Affliction
    /// The local step that refuses, whatever else goes wrong.
    private let refusing: String?
    private let state = Mutex(State())
    private let gate = Gate()

    init(_ affliction: Affliction, refusing: String?) { (self.affliction, self.refusing) = (affliction, refusing) }

    /// Whether what was to go wrong has not.
    var hasSpared: Bool {
        switch affliction {
        case .commit, .call, .pausedInCall: state.withLock { !$0.hasStruck }
        case .none, .signalsAtOnce, .cancel: false
        }
    }

    /// How many calls were made.
    var callCount: Int { state.withLock { $0.calls } }
    /// How many commits were made, by whomever.
    var commitCount: Int { state.withLock { $0.commits } }
    /// Whether the first process is dead. What it still does reaches nobody.
    var isDead: Bool { state.withLock { $0.isDead } }
    /// How many wait in a call.
    var pausedCount: Int { gate.waitingCount }

    /// Lets the paused worker wake up.
    func wake() { gate.open() }

    /// What becomes of the next commit.
    func commitFault() -> CommitFault? {
        state.withLock { state in
            if state.isDead { return .failure(.unavailable("the process is dead")) }
            state.commits += 1
            guard case .commit(let number, let fate, let crash) = affliction, state.commits == number, !state.hasStruck
            else { return nil }
            (state.hasStruck, state.isDead) = (true, crash)
            return fate == .notMade ? .failure(.unavailable("by the trial")) : .lostAnswer
        }
    }

    func fate(of call: StepContext) async -> SagaCallFate {
        enum Next { case fate(SagaCallFate), pause }
        let next: Next = state.withLock { state in
            state.calls += 1
            guard !state.hasStruck else { return .fate(.made) }
            switch affliction {
            case .call(let number, let fate, let crash) where number == state.calls:
                (state.hasStruck, state.isDead) = (true, crash)
                return .fate(fate)
            case .pausedInCall(let number) where number == state.calls:
                state.hasStruck = true
                return .pause
            default: return .fate(.made)
            }
        }
        switch next {
        case .fate(let fate): return fate
        case .pause:
            await gate.pass()
            return .made
        }
    }

    func refuses(_ step: StepContext) -> Bool { refusing == step.step }

    /// A new process begins: what the first one did is over.
    func revive() { state.withLock { $0.isDead = false } }
}
