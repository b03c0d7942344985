import Synchronization

/// Runs calls that block (the resolution of names, a library's connecting and cancelling) on threads of their own: as
/// many as there is work for, up to a limit; what is more waits in a bounded line. A thread ends when the line is
/// empty.
package final class BlockingThreads: Sendable {
    private struct State {
        var threads = 0
        var line = RingQueue<@Sendable () -> Void>()
    }
    private let (threadLimit, lineLimit): (Int, Int)
    private let state = Mutex(State())

    /// At most so many threads, and so many calls that wait for one.
    package init(threads: Int, line: Int) { (threadLimit, lineLimit) = (threads, line) }

    /// Runs `work` soon. Returns false if the line is full, or no thread could be started.
    package func run(_ work: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, needsThread) = state.withLock { state -> (Bool, Bool) in
            if state.threads < threadLimit {
                state.threads += 1
                return (true, true)
            }
            guard state.line.count < lineLimit else { return (false, false) }
            state.line.append(work)
            return (true, false)
        }
        guard needsThread else { return isTaken }
        if NativeThread.start({ self.work(beginningWith: work) }) == 0 { return true }
        state.withLock { $0.threads -= 1 }
        return false
    }

    private func work(beginningWith first: @Sendable () -> Void) {
        first()
        while let next = next() { next() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            if let next = state.line.popFirst() { return next }
            state.threads -= 1
            return nil
        }
    }
}
