import Determinism
import SocketReactor
import Storage

/// What PostgreSQL's connections run on: a ``SocketReactor/Reactor``, and threads for cancelling. A process needs one.
///
/// Measured against the alternatives in `docs/decisions/0012-libpq-pipelines-on-one-epoll-thread.md`.
public final class PostgresReactor: Sendable {
    let reactor: Reactor
    /// For cancelling, which must not stand in line behind a host that does not answer.
    let cancelling = BlockingThreads(threads: 16, line: 1_024)
    var loop: ReactorLoop { reactor.loop }
    var time: any TimeSource { reactor.time }
    var connecting: BlockingThreads { reactor.connecting }

    /// Starts a thread of its own.
    /// - Throws: ``PostgresError`` when the process has no descriptor or thread left for it.
    public convenience init(time: any TimeSource) throws(PostgresError) {
        do throws(ReactorError) { self.init(try Reactor(time: time)) } catch {
            throw PostgresError(.connect, .unavailable(error.reason))
        }
    }

    /// Runs on the thread of `reactor`, beside other drivers.
    public init(_ reactor: Reactor) { self.reactor = reactor }

    /// Closes all connections and ends the thread. Later requests fail.
    public func stop() { reactor.stop() }
}
