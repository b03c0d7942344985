import Storage

/// What a local step comes to.
public enum LocalResult: Sendable, Hashable {
    /// Its changes are to be written, with the saga's row.
    case done
    /// It refuses, for good; its changes are taken back, except those of the saga's state, which tell the compensations
    /// why. Forward that turns the saga back (or leaves it `stuck`, after
    /// the pivot). A compensation that refuses is `stuck`.
    case refused(String)
    /// Not now: its changes are taken back, and it is tried again after a pause.
    case later(String)
    /// It has to see these as well, and is decided again.
    case more([Need])
}

/// A step of a saga, or a compensation, as a pure decision inside the commit that records it: its changes, the saga's
/// row, its history and the caller's outbox rows are durable together or not at all. It may be decided more than once
/// and must have no other effects.
public protocol LocalAction<State>: Sendable {
    /// The saga's state.
    associatedtype State: SagaState
    /// What to load, given what is loaded; see ``Storage/LaneCommand/needs(_:)``. Rows of a rank below the sagas' are
    /// best named by the saga's subject, which is locked before the saga.
    func needs(_ loaded: WorkingSet, _ state: State, _ context: StepContext) -> [Need]
    /// What can be named of that before anything is loaded, from the state alone: it is loaded together with the
    /// saga's row, in the order of the ranks. None by default.
    func foreseenNeeds(_ state: State, _ context: StepContext) -> [Need]
    /// Whether ``foreseenNeeds(_:_:)`` names all that it will need, but for what the saga's subject names. False by
    /// default; see ``Storage/LaneCommand/mayNameMore``.
    func foreseesAll(_ state: State, _ context: StepContext) -> Bool
    /// Decides. Changes of `state` are kept when the result is ``LocalResult/done`` or ``LocalResult/refused(_:)``.
    func decide(_ work: inout WorkingSet, _ state: inout State, _ context: StepContext) -> LocalResult
}

extension LocalAction {
    /// Nothing is known before.
    public func foreseenNeeds(_ state: State, _ context: StepContext) -> [Need] { [] }
    /// Nobody has said so.
    public func foreseesAll(_ state: State, _ context: StepContext) -> Bool { false }
}

/// A ``LocalAction`` made of closures.
public struct LocalStep<State: SagaState>: LocalAction {
    private let load: @Sendable (WorkingSet, State, StepContext) -> [Need]
    private let body: @Sendable (inout WorkingSet, inout State, StepContext) -> LocalResult

    /// A decision over what `needing` names.
    public init(
        needing load: @escaping @Sendable (WorkingSet, State, StepContext) -> [Need] = { _, _, _ in [] },
        _ body: @escaping @Sendable (inout WorkingSet, inout State, StepContext) -> LocalResult
    ) {
        (self.load, self.body) = (load, body)
    }
    /// What to load.
    public func needs(_ loaded: WorkingSet, _ state: State, _ context: StepContext) -> [Need] {
        load(loaded, state, context)
    }
    /// Decides.
    public func decide(_ work: inout WorkingSet, _ state: inout State, _ context: StepContext) -> LocalResult {
        body(&work, &state, context)
    }
}
