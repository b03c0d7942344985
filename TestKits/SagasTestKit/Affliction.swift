import Sagas
import Storage

/// One thing that goes wrong in a trial.
enum Affliction: Sendable, CustomStringConvertible {
    /// Nothing goes wrong.
    case none
    /// A commit is not made, or its answer is lost; its worker goes on, or the process dies with it.
    case commit(Int, CommitFate, crash: Bool)
    /// A call has this fate; its worker goes on, or the process dies behind the call.
    case call(Int, SagaCallFate, crash: Bool)
    /// A worker is paused inside a call until somebody else has ended the saga, and then wakes up.
    case pausedInCall(Int)
    /// A signal is sent before anybody waits for it, twice, and the other signals before it.
    case signalsAtOnce
    /// The saga is canceled once so many commits have been made.
    case cancel(after: Int)

    enum CommitFate: String, Sendable, CaseIterable {
        case notMade
        case answerLost
    }

    /// What kind of thing it is, whichever commit or call it befalls.
    var kind: SagaTrialKind {
        switch self {
        case .none: .nothing
        case .commit(_, .notMade, let crash): crash ? .commitNotMadeAndDeath : .commitNotMade
        case .commit(_, .answerLost, let crash): crash ? .answerLostAndDeath : .answerLost
        case .call(_, _, crash: true): .deathBehindCall
        case .call(_, let fate, crash: false):
            switch fate {
            case .made: .nothing
            case .repeated: .callRepeated
            case .answerLost: .callAnswerLost
            case .lost: .callLost
            case .notSent: .callNotSent
            }
        case .pausedInCall: .pausedInCall
        case .signalsAtOnce: .earlySignals
        case .cancel: .cancellation
        }
    }

    var description: String {
        switch self {
        case .none: "nothing goes wrong"
        case .commit(let number, let fate, let crash):
            "commit \(number): \(fate.rawValue)\(crash ? ", and the process dies" : "")"
        case .call(let number, let fate, let crash):
            "call \(number): \(fate)\(crash ? ", and the process dies behind it" : "")"
        case .pausedInCall(let number): "the worker is paused in call \(number) until another has ended the saga"
        case .signalsAtOnce: "signals come too early, twice and in another order"
        case .cancel(let count): "the saga is canceled after \(count) commits"
        }
    }
}
