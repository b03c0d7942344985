import Dispatch
import Storage
import Synchronization

/// Runs a test's tasks one job after the other, and knows when none of them has anything left to do but wait for a
/// later time. That makes the clock move at the right moments, however slow a database is.
final class Workbench: TaskExecutor {
    private struct State {
        var busy = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "pantry.conformance.workbench")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        begin()
        queue.async { [self] in
            job.runSynchronously(on: asUnownedTaskExecutor())
            end()
        }
    }

    /// Something goes on that the jobs do not show: a database is at work.
    func begin() { state.withLock { $0.busy += 1 } }
    func end() {
        let waiting: [CheckedContinuation<Void, Never>] = state.withLock { state in
            state.busy -= 1
            guard state.busy == 0 else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once nothing goes on.
    func whenIdle() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.busy > 0 { state.waiting.append(continuation) }
                return state.busy == 0
            }
            if isIdle { continuation.resume() }
        }
    }
}

/// A database that the workbench sees at work.
struct WatchedDatabase: Database, LaneEngine {
    let inner: OpenedDatabase
    let bench: Workbench

    func read(_ statements: [SQLStatement], _ consistency: ReadConsistency) async throws(StorageError) -> ReadResult {
        bench.begin()
        defer { bench.end() }
        return try await inner.read(statements, consistency)
    }
    func write<Value: Sendable>(_ body: @Sendable (any Transaction) async throws -> Value) async throws -> Value {
        bench.begin()
        defer { bench.end() }
        return try await inner.write(body)
    }
    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        bench.begin()
        inner.run(batch) { ending in
            whenEnded(ending)
            bench.end()
        }
    }
}
