/// Told what a ``SagaCoordinator`` does, for metrics and traces. It must be quick, and it cannot fail.
public protocol SagaObserver: Sendable {
    /// A saga is begun or taken up. Called in the task that does so, whose task-local values are at hand; what is
    /// returned is handed to ``working(on:_:_:)``, which runs in another task.
    func sagaStarted(_ ticket: SagaTicket) -> (any Sendable)?
    /// Runs `work` and answers what it answers.
    func working<Report: Sendable>(
        on ticket: SagaTicket, _ mark: (any Sendable)?, _ work: () async -> Report?
    ) async -> Report?
}
