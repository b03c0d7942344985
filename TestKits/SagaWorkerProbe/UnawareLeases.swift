import Determinism
import Sagas

/// Leases of a worker that does not know how short they are: when it has been stopped, it goes on with what is somebody
/// else's by now, and nothing but the epochs keeps it from writing.
final class UnawareLeases: SagaLeases {
    /// How long the store takes a lease to last.
    static let lease: Duration = .seconds(2)
    /// What the worker takes it for.
    static let belief: Duration = .seconds(3_600)

    private let inner: any SagaLeases

    init(_ inner: any SagaLeases) { self.inner = inner }

    func renew(_ worker: SagaWorkerID, lease: Duration) async throws {
        try await inner.renew(worker, lease: Self.lease)
    }
    func retire(_ worker: SagaWorkerID) async throws { try await inner.retire(worker) }

    /// Keeps the lease in the worker's stead until cancellation.
    func keep(for worker: SagaWorkerID, reportTrouble: @Sendable (any Error) -> Void) async {
        while (try? await SystemTime().sleep(for: Self.lease / 3)) != nil {
            do { try await renew(worker, lease: Self.lease) } catch { reportTrouble(error) }
        }
    }
}
