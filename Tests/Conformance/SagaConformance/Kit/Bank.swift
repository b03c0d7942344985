import DeterminismTestKit
import Sagas
import Synchronization

/// The other side of an external step: what was booked under which key, and who asked for it.
final class Bank: Sendable {
    private let books = Mutex<[String: Int]>([:])
    /// Each call's kind and epoch, in order.
    let calls = Notes<String>()

    /// How often each key was carried out.
    var all: [String: Int] { books.withLock { $0 } }

    /// Carries out the call with this key unless that has been done.
    func book(_ context: StepContext) {
        calls.note("\(context.step)\(context.isCompensation ? " undo" : "") at \(context.epoch)")
        books.withLock { if $0[context.key] == nil { $0[context.key] = 1 } }
    }
    /// A call that is always carried out.
    func call(_ context: StepContext) -> ExternalCallMachine<Void>.CallResult {
        book(context)
        return .done(())
    }
}

/// Leases that no longer reach the store once they are cut off, as of a process that hangs or has lost its network.
final class CutLeases: SagaLeases {
    private let inner: any SagaLeases
    private let isCut: Flag

    init(_ inner: any SagaLeases, cutBy flag: Flag) { (self.inner, isCut) = (inner, flag) }

    func renew(_ worker: SagaWorkerID, lease: Duration) async throws {
        if isCut.isRaised { throw SagaTestFailure("cut off") }
        try await inner.renew(worker, lease: lease)
    }
    func retire(_ worker: SagaWorkerID) async throws {
        if !isCut.isRaised { try await inner.retire(worker) }
    }
}
