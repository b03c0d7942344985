import DeterminismTestKit
import Storage

/// A database that the workbench sees at work.
struct WatchedDatabase: Database, LaneEngine {
    let inner: OpenedDatabase
    let bench: Workbench

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        bench.begin()
        defer { bench.end() }
        return try await inner.read(statements, consistency, for: organization)
    }
    func write<Value: Sendable>(_ body: @Sendable (any Transaction) async throws -> Value) async throws -> Value {
        bench.begin()
        defer { bench.end() }
        return try await inner.write(body)
    }
    var batchConcurrency: Int { inner.batchConcurrency }
    var loadsAreRemote: Bool { inner.loadsAreRemote }
    var decidesAhead: Bool { inner.decidesAhead }
    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        bench.begin()
        inner.run(batch) { ending in
            whenEnded(ending)
            bench.end()
        }
    }
}
