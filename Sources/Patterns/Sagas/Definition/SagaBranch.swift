/// One branch of a saga's parallel part: steps in their order, of the classes that its phase allows.
public struct SagaBranch<State: SagaState, Phase>: Sendable {
    struct Step: Sendable {
        let name: String
        let category: SagaOutline.Class
        let forward: StepBody<State>.Forward
        let undo: SagaAction<State>?
        let policy: StepPolicy
        let locks: (@Sendable (State) -> [String])?
    }
    var steps: [Step] = []

    /// A branch without steps.
    public init() {}

    private func adding(_ step: Step) -> Self {
        var next = self
        next.steps.append(step)
        return next
    }
}

extension SagaBranch where Phase == BeforePivot {
    /// See ``Saga/compensatable(_:_:undo:policy:locks:)``.
    public func compensatable(
        _ name: String, _ action: SagaAction<State>, undo: SagaAction<State>, policy: StepPolicy = StepPolicy(),
        locks: (@Sendable (State) -> [String])? = nil
    ) -> Self {
        adding(
            Step(
                name: name, category: .compensatable, forward: .action(action), undo: undo, policy: policy, locks: locks
            ))
    }
    /// See ``Saga/effectless(_:_:policy:locks:)``.
    public func effectless(
        _ name: String, _ action: SagaAction<State>, policy: StepPolicy = StepPolicy(),
        locks: (@Sendable (State) -> [String])? = nil
    ) -> Self {
        adding(
            Step(name: name, category: .effectless, forward: .action(action), undo: nil, policy: policy, locks: locks))
    }
    /// Waits for a signal or a time.
    public func awaiting(_ name: String, _ wait: SagaAwait<State>) -> Self {
        adding(
            Step(
                name: name, category: .effectless, forward: .awaiting(wait), undo: nil, policy: StepPolicy(), locks: nil
            ))
    }
}

extension SagaBranch where Phase == AfterPivot {
    /// See ``Saga/retriable(_:_:policy:locks:)``.
    public func retriable(
        _ name: String, _ action: SagaAction<State>, policy: StepPolicy = StepPolicy(),
        locks: (@Sendable (State) -> [String])? = nil
    ) -> Self {
        adding(
            Step(name: name, category: .retriable, forward: .action(action), undo: nil, policy: policy, locks: locks))
    }
    /// Waits for a signal or a time.
    public func awaiting(_ name: String, _ wait: SagaAwait<State>) -> Self {
        adding(
            Step(
                name: name, category: .retriable, forward: .awaiting(wait), undo: nil, policy: StepPolicy(), locks: nil)
        )
    }
}
