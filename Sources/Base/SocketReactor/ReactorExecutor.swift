import Synchronization

/// Runs tasks on a reactor's thread, between two looks at its sockets (SE-0417 has executors that tasks prefer). See
/// ``Reactor/executor``.
///
/// A task that is resumed there, as the answers of a driver do it, waits for nothing but the sockets and tasks before
/// it. Once the reactor has ended, its tasks go on where others run.
public final class ReactorExecutor: TaskExecutor {
    private struct Line {
        var jobs: [UnownedJob] = []
        /// Whether the thread was told of them, or will look by itself.
        var isAnnounced = false
        var thread: NativeThread.Identity?
        var isEnded = false
    }
    private let line = Mutex(Line())
    private let wake: @Sendable () -> Void

    init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// Puts a piece of a task into the line.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let here = NativeThread.identity
        let (isTaken, mustWake) = line.withLock { line -> (Bool, Bool) in
            guard !line.isEnded else { return (false, false) }
            line.jobs.append(job)
            defer { line.isAnnounced = true }
            return (true, !line.isAnnounced && line.thread != here)
        }
        if mustWake { wake() }
        if !isTaken { globalConcurrentExecutor.enqueue(ExecutorJob(job)) }
    }

    /// The calling thread is the reactor's from now on.
    func begin() {
        let here = NativeThread.identity
        line.withLock { $0.thread = here }
    }

    /// What the thread has taken out of the line, and how far it has come with it.
    struct Turn {
        fileprivate var jobs: [UnownedJob] = []
        fileprivate var next = 0
        var isOver: Bool { next == jobs.count }
    }
    /// The most pieces that run between two looks at the sockets.
    private static let limit = 16

    /// Whether there is nothing to run.
    func isIdle(_ turn: Turn) -> Bool { turn.isOver && line.withLock { $0.jobs.isEmpty } }

    /// Runs some of what is in the line. What comes in meanwhile, and what is left, has its turn after the sockets
    /// have had theirs.
    func runSome(_ turn: inout Turn) {
        if turn.isOver { take(&turn) }
        for _ in 0..<min(Self.limit, turn.jobs.count - turn.next) {
            turn.jobs[turn.next].runSynchronously(on: asUnownedTaskExecutor())
            turn.next += 1
        }
    }

    /// The thread ends: what is in the line, and what will come, runs elsewhere.
    func end(_ turn: Turn) {
        let left = line.withLock { line in
            defer { (line.jobs, line.isEnded) = ([], true) }
            return line.jobs
        }
        for job in turn.jobs[turn.next...] + left { globalConcurrentExecutor.enqueue(ExecutorJob(job)) }
    }

    /// Both lines of memory are used again and again.
    private func take(_ turn: inout Turn) {
        turn.jobs.removeAll(keepingCapacity: true)
        turn.next = 0
        line.withLock { line in
            swap(&line.jobs, &turn.jobs)
            line.isAnnounced = false
        }
    }
}
