import Foundation
import Synchronization

/// A thread of its own for the write lane's batches, which block in SQLite and in the disk's sync.
///
/// GRDB's serial queue would run them on whichever of its pool's threads wakes up first; one thread whose stack and
/// caches are warm gets a lone command to the disk sooner, and is woken once. GRDB's `sync` runs a closure on the
/// thread that calls it, as long as nobody else has the writer.
final class WriterThread: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }
    private let state = Mutex(State())
    private let arrivals = DispatchSemaphore(value: 0)

    /// Starts the thread; it ends with ``close()``.
    init(name: String) {
        let thread = Thread { [self] in
            Thread.current.name = name  // set from outside, it would be the starting thread's on Linux
            while let job = next() { job() }
        }
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// Runs the job after those before it; false when the thread is closed.
    func perform(_ job: @escaping @Sendable () -> Void) -> Bool {
        let isAccepted = state.withLock { state in
            guard !state.isClosed else { return false }
            state.jobs.append(job)
            return true
        }
        if isAccepted { arrivals.signal() }
        return isAccepted
    }

    /// Takes no further job, and ends the thread when those before are done.
    func close() {
        state.withLock { $0.isClosed = true }
        arrivals.signal()
    }

    private func next() -> (@Sendable () -> Void)? {
        while true {
            let (job, isClosed) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
            }
            if let job { return job }
            if isClosed { return nil }
            arrivals.wait()
        }
    }
}
