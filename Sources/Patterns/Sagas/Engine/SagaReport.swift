import Storage

/// What those who wait for a saga are told.
public struct SagaReport: Sendable {
    /// The saga.
    public let saga: SagaID
    /// Where it stands: ended, put aside, or stuck.
    public let state: SagaStateMachine.State
    /// Why it was undone, waits or is stuck.
    public let reason: String?
    /// How far the database had come by then, if it says so and ``SagaTerms/reportsPositions`` asks it to.
    public let position: CommitPosition?
    private let value: any Sendable

    init<State: SagaState>(_ situation: SagaSituation<State>, position: CommitPosition?) {
        (saga, state) = (situation.record.id, situation.record.state)
        (reason, value, self.position) = (situation.record.reason, situation.state, position)
    }

    /// The saga's state, if it is of this type.
    public func value<State: SagaState>(as _: State.Type = State.self) -> State? { value as? State }
}
