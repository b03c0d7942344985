import Determinism
import Storage

/// Takes a saga over: whoever held it before changes nothing any more.
struct ClaimSaga: SagaStep {
    let worker: SagaWorkerID

    func needs(_ loaded: WorkingSet, _ saga: SagaRecord) -> [Need] { [] }
    func decide(_ work: inout WorkingSet, _ saga: inout SagaTransition) -> Verdict<SagaRecord> {
        saga.handle(.resume)
        saga.claim(by: worker)
        return .commit(saga.record)
    }
}

extension SagaTicket {
    /// Claims the saga if it is still as the ticket says; nil if somebody else was faster.
    func claimed(
        by worker: SagaWorkerID, through lane: WriteLane, until deadline: Instant
    ) async throws -> SagaTicket? {
        let command = SagaCommand(
            ClaimSaga(worker: worker), saga: id, organization: tenant.organization, epoch: epoch)
        let outcome = try await lane.submit(command, tenant: tenant, deadline: deadline)
        guard case .done(let record) = outcome else { return nil }
        return SagaTicket(
            tenant: tenant, id: id, definition: definition, subject: subject, epoch: record.epoch,
            mayHaveBeenCalled: true, memo: record)
    }
}
