import Determinism

/// The thread that waits for the sockets of all connections of all drivers, reads what comes and answers their callers;
/// and the threads for what blocks. A process needs one.
///
/// Callers send by themselves, under their connection's lock: a request costs no hop to this thread on its way out.
public final class Reactor: Sendable {
    package let loop: ReactorLoop
    package let time: any TimeSource
    /// For the resolution of names and for connecting.
    package let connecting = BlockingThreads(threads: 16, line: 1_024)

    /// Starts the thread.
    /// - Throws: ``ReactorError`` when the process has no descriptor or thread left for it.
    public convenience init(time: any TimeSource) throws(ReactorError) {
        #if os(Linux)
            let poller: (any Poller)? = EpollPoller()
        #else
            let poller: (any Poller)? = PollPoller()
        #endif
        try self.init(poller: poller, time: time)
    }

    /// With another way to wait than the system's best.
    package init(poller: (any Poller)?, time: any TimeSource) throws(ReactorError) {
        guard let poller else { throw ReactorError(reason: "the process has no descriptors left for its event loop") }
        let loop = ReactorLoop(poller: poller, time: time)
        let status = NativeThread.start { loop.run() }
        guard status == 0 else { throw ReactorError(reason: "no thread could be started (error \(status))") }
        (self.loop, self.time) = (loop, time)
    }
    deinit { loop.stop() }

    /// Runs tasks on the reactor's thread: `withTaskExecutorPreference(reactor.executor) { … }`. What such a task asks
    /// a server is sent, answered and gone on with by one thread, which saves the change of threads that an answer
    /// costs otherwise.
    ///
    /// For tasks that hardly do anything but ask: while one of them computes, no socket of this reactor is read.
    public var executor: ReactorExecutor { loop.executor }

    /// Closes all connections and ends the thread. Later requests fail.
    public func stop() { loop.stop() }
}

/// A reactor could not be started.
public struct ReactorError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Why not.
    public let reason: String
    /// Why not.
    public var description: String { reason }
}
