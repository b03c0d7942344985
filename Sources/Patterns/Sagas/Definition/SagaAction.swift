import Determinism
import Storage

/// What a step or a compensation does, of whichever kind.
public struct SagaAction<State: SagaState>: Sendable {
    enum Body: Sendable {
        case local(any LocalAction<State>)
        case external(AnyExternalAction<State>)
    }
    let body: Body
    /// Decided in the commit that puts the step off, once it is known to have had no effect.
    var postponing: (any LocalAction<State>)?
    /// Decided in the commit that takes the step up again after that.
    var resuming: (any LocalAction<State>)?

    private init(body: Body) { self.body = body }

    /// A decision inside the commit that records it.
    public static func local(_ action: some LocalAction<State>) -> SagaAction { SagaAction(body: .local(action)) }
    /// A call whose intent is durable before it is made.
    public static func external<Action: ExternalAction>(_ action: Action) -> SagaAction where Action.State == State {
        SagaAction(body: .external(AnyExternalAction(action)))
    }
    /// A call that the saga lets go of while it cannot be made.
    /// - Parameters:
    ///   - postponing: decided in the commit that puts the step off, once it is known to have had no effect: what was
    ///     kept ready for it may be given back. A refusal gives the step up.
    ///   - resuming: decided in the commit that takes it up again, before the next call. A refusal gives the step up.
    public static func external<Action: ExternalAction>(
        _ action: Action, postponing: some LocalAction<State>, resuming: some LocalAction<State>
    ) -> SagaAction where Action.State == State {
        var result = SagaAction.external(action)
        (result.postponing, result.resuming) = (postponing, resuming)
        return result
    }

    /// The first step of a saga, where it is done by the command that begins the saga; see
    /// ``SagaOpening/begin(afterFirstStepIn:at:)``.
    public static var doneByCaller: SagaAction {
        .local { _, _, _ in .refused("the step is done by the command that begins the saga") }
    }
    /// A decision made of closures; see ``LocalStep``.
    public static func local(
        needing load: @escaping @Sendable (WorkingSet, State, StepContext) -> [Need] = { _, _, _ in [] },
        _ body: @escaping @Sendable (inout WorkingSet, inout State, StepContext) -> LocalResult
    ) -> SagaAction {
        .local(LocalStep(needing: load, body))
    }
    /// A call made of a closure; see ``ExternalStep``.
    public static func external(
        _ body: @escaping @Sendable (State, StepContext) async -> ExternalCallMachine<Void>.CallResult
    ) -> SagaAction {
        .external(ExternalStep(body))
    }

    var kind: SagaOutline.Kind {
        switch body {
        case .local: .local
        case .external: .external
        }
    }
}

/// What a saga waits for.
public struct SagaAwait<State: SagaState>: Sendable {
    /// What happens when it does not come in time.
    public enum Lapse: Sendable, Hashable {
        /// The saga goes on.
        case proceed
        /// The step is refused: before the pivot the saga turns back, after it it is `stuck`.
        case refuse
    }
    /// The signal's name; nil when only time is waited for.
    let signal: String?
    /// For how long, from the moment the saga came to the step; nil for ever.
    let limit: (@Sendable (State) -> Duration)?
    let lapse: Lapse
    let receive: @Sendable (String, inout State) -> Void

    /// Waits for a signal of that name.
    /// - Parameters:
    ///   - limit: for how long; the saga's own deadline holds too.
    ///   - lapse: what happens when it does not come in time.
    ///   - receive: takes the signal's text into the state.
    public static func signal(
        _ name: String, within limit: Duration? = nil, otherwise lapse: Lapse = .refuse,
        _ receive: @escaping @Sendable (String, inout State) -> Void = { _, _ in }
    ) -> SagaAwait {
        var fixed: (@Sendable (State) -> Duration)?
        if let limit { fixed = { _ in limit } }
        return SagaAwait(signal: name, limit: fixed, lapse: lapse, receive: receive)
    }
    /// Waits that long.
    public static func timer(_ duration: @escaping @Sendable (State) -> Duration) -> SagaAwait {
        SagaAwait(signal: nil, limit: duration, lapse: .proceed, receive: { _, _ in })
    }
}

/// A step with its code.
struct StepBody<State: SagaState>: Sendable {
    enum Forward: Sendable {
        case action(SagaAction<State>)
        case awaiting(SagaAwait<State>)
    }
    let forward: Forward
    let compensation: SagaAction<State>?
    let locks: (@Sendable (State) -> [String])?
}
