import Dispatch
import Synchronization

/// Runs a test's tasks one job after the other, and knows when none of them has anything left to do but wait for a
/// later time. That makes a ``ManualTime`` move at the right moments, however slow a database or the machine is.
public final class Workbench: TaskExecutor {
    private struct State {
        var busy = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "determinism.workbench")

    /// A workbench with nothing to do.
    public init() {}

    /// Runs the job after those before it.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        begin()
        queue.async { [self] in
            job.runSynchronously(on: asUnownedTaskExecutor())
            end()
        }
    }

    /// Something goes on that the jobs do not show, such as a database at work, until ``end()``.
    public func begin() { state.withLock { $0.busy += 1 } }
    /// It goes on no more.
    public func end() {
        let waiting: [CheckedContinuation<Void, Never>] = state.withLock { state in
            state.busy -= 1
            guard state.busy == 0 else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once nothing goes on.
    public func whenIdle() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.busy > 0 { state.waiting.append(continuation) }
                return state.busy == 0
            }
            if isIdle { continuation.resume() }
        }
    }
}
