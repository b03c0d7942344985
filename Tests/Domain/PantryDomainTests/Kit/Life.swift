import Determinism
import DeterminismTestKit
import SQLiteDriver
import Sagas
import Storage
import Synchronization

@testable import PantryDomain

/// Whether a server of a test is alive. Once it has died, whatever it was about to do next waits for ``release()``:
/// to everybody else that is a crash, and to the server itself a very long pause.
final class Life: Sendable {
    private struct State {
        var stepsLeft: Int?
        var isDead = false
    }
    private let state = Mutex(State())
    private let gate = Gate()

    var isDead: Bool { state.withLock { $0.isDead } }

    /// Dies when it has taken that many more steps; at once for 0.
    func die(after steps: Int) {
        state.withLock { state in
            state.stepsLeft = steps
            if steps == 0 { state.isDead = true }
        }
    }
    /// The pause is over.
    func release() { gate.open() }

    /// A step that the server is about to take.
    func pass() async {
        let isDead = state.withLock { state in
            if let left = state.stepsLeft {
                state.stepsLeft = left - 1
                if left <= 0 { state.isDead = true }
            }
            return state.isDead
        }
        if isDead { await gate.pass() }
    }
}

/// A server's way to a database: stops with the server, and is seen by the workbench.
struct ServerDatabase: Database, LaneEngine {
    let inner: SQLiteDatabase
    let life: Life
    let bench: Workbench

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        await life.pass()
        bench.begin()
        defer { bench.end() }
        return try await inner.read(statements, consistency, for: organization)
    }
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value {
        await life.pass()
        bench.begin()
        defer { bench.end() }
        return try await inner.write(body)
    }
    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        Task(executorPreference: bench) {
            await life.pass()
            bench.begin()
            inner.run(batch) { ending in
                whenEnded(ending)
                bench.end()
            }
        }
    }
}

/// A server's way to the provider: stops with the server, before a call or after it.
struct ServerProvider: PaymentProvider {
    let inner: any PaymentProvider
    let life: Life

    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult {
        await around { await inner.authorize(charge, capture: capture) }
    }
    func capture(_ charge: ProviderCharge) async -> CallResult { await around { await inner.capture(charge) } }
    func void(_ charge: ProviderCharge) async -> CallResult {
        await around { await inner.void(charge) }
    }
    func refund(_ refund: ProviderRefund) async -> CallResult { await around { await inner.refund(refund) } }
    func lookup(_ charge: ProviderCharge) async -> AskResult { await around { await inner.lookup(charge) } }
    func lookup(_ refund: ProviderRefund) async -> AskResult { await around { await inner.lookup(refund) } }

    private func around<Result>(_ call: () async -> Result) async -> Result {
        await life.pass()
        let result = await call()
        await life.pass()
        return result
    }
}
