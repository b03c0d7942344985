import Sagas
import Storage

/// A saga in a world of its own, to be put through everything that can go wrong; see ``SagaTrials``.
public struct SagaTrial<State: SagaState>: Sendable {
    /// The saga.
    public let definition: SagaDefinition<State>
    /// What it begins with.
    public let state: State
    /// The signals that it is sent, in this order, each when it waits.
    public var signals: [(name: String, payload: String)] = []
    /// How the saga may end. Leave `stuck` out where it never should be.
    public var endings: Set<SagaProgressMachine.Ending> = [.succeeded, .compensated]
    /// Puts rows into the database before the saga begins.
    public var prepare: @Sendable (inout MemoryTables) throws -> Void = { _ in }
    /// Holds the world against the way the saga has ended: what has been paid, booked, sent. Throws what is wrong.
    public var check: @Sendable (SagaTrialEnd<State>) throws -> Void

    /// A trial of that saga.
    public init(
        _ definition: SagaDefinition<State>, from state: State,
        check: @escaping @Sendable (SagaTrialEnd<State>) throws -> Void
    ) {
        (self.definition, self.state, self.check) = (definition, state, check)
    }
}

/// How a saga has ended in a trial.
public struct SagaTrialEnd<State: SagaState>: Sendable {
    /// In which way.
    public let ending: SagaProgressMachine.Ending
    /// What the saga knows.
    public let state: State
    /// All rows.
    public let tables: MemoryTables
    /// The saga's history: `step kind`.
    public let history: [String]
}

/// What is wrong, in a check.
public struct SagaTrialFault: Error, CustomStringConvertible {
    /// In words.
    public let description: String
    /// What is wrong, in words.
    public init(_ description: String) { self.description = description }
}

/// What went wrong in one trial.
public struct SagaTrialFailure: Sendable, CustomStringConvertible {
    /// What was done to the saga.
    public let affliction: String
    /// What is wrong.
    public let problem: String
    /// The saga's history.
    public let history: [String]
    /// All of it.
    public var description: String {
        "\(affliction): \(problem)\n  history: \(history.joined(separator: ", "))"
    }
}

/// What can be done to a saga in a trial.
public enum SagaTrialKind: String, Sendable, Hashable, CaseIterable {
    /// Nothing goes wrong.
    case nothing
    /// A commit is not made; its worker goes on, or its process dies.
    case commitNotMade, commitNotMadeAndDeath
    /// A commit is made and its answer lost; its worker goes on, or its process dies.
    case answerLost, answerLostAndDeath
    /// A call is made twice, or its answer is lost, or itself; or it is not sent.
    case callRepeated, callAnswerLost, callLost, callNotSent
    /// The process dies behind a call.
    case deathBehindCall
    /// A worker is paused in a call until another has ended the saga.
    case pausedInCall
    /// Signals come early, twice and in another order.
    case earlySignals
    /// The saga is canceled.
    case cancellation

    /// Whether it befalls a commit.
    public var isOfCommits: Bool {
        switch self {
        case .commitNotMade, .commitNotMadeAndDeath, .answerLost, .answerLostAndDeath: true
        default: false
        }
    }
    /// Whether it befalls a call.
    public var isOfCalls: Bool {
        switch self {
        case .callRepeated, .callAnswerLost, .callLost, .callNotSent, .deathBehindCall, .pausedInCall: true
        default: false
        }
    }
}

/// What was done to a saga on one of its ways.
public struct SagaTrialStrike: Sendable, Hashable {
    /// What was done.
    public let kind: SagaTrialKind
    /// The local step that refused, which makes the way; nil for none.
    public let refusing: String?

    /// That was done on that way.
    public init(_ kind: SagaTrialKind, refusing: String?) { (self.kind, self.refusing) = (kind, refusing) }
}

/// What a saga has been through.
public struct SagaTrialReport: Sendable, CustomStringConvertible {
    /// How many trials there were.
    public internal(set) var count = 0
    /// In how many of them what was to go wrong did not come to pass: the saga had taken another way.
    public internal(set) var spared = 0
    /// How often what was to go wrong did, by what it was and on which way.
    public internal(set) var strikes: [SagaTrialStrike: Int] = [:]
    /// How often the saga ended in which way.
    public internal(set) var endings: [SagaProgressMachine.Ending: Int] = [:]
    /// What went wrong.
    public internal(set) var failures: [SagaTrialFailure] = []
    /// In words.
    public var description: String {
        let ends = endings.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")
        return "\(count) trials, \(spared) spared: \(ends)" + failures.map { "\n\($0)" }.joined()
    }
}
