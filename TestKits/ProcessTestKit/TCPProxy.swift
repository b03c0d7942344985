import Foundation
import Synchronization

/// A TCP proxy of 127.0.0.1 that does to connections what networks do: cuts them, swallows what they carry, and delays
/// it. It can also cut a connection at an exact point of a conversation, such as in the middle of a COMMIT.
///
/// One thread moves all bytes; what it is told takes effect before the next byte is moved.
public final class TCPProxy: Sendable {
    /// Where in a conversation to cut.
    public enum CutPoint: Sendable, Hashable {
        /// What comes before the mark reaches the server; the mark does not.
        case beforeRequest
        /// The server gets the request and then the end of the connection; whether it carries it out is its affair.
        case afterRequest
        /// The server gets the request and answers; the client gets none of the answer. The cut happens when the
        /// answer's end, `reply`, has come: what was asked for has then been done.
        case insteadOfReply(reply: [UInt8])

        /// ``insteadOfReply(reply:)`` with PostgreSQL's ReadyForQuery outside a transaction.
        public static let insteadOfPostgresReply = insteadOfReply(reply: [0x5A, 0, 0, 0, 5, 0x49])
    }

    /// The port that clients connect to.
    public let port: Int
    private let loop: TCPProxyLoop

    /// Listens on a free port and passes on to port `target`.
    /// - Throws: ``SpawnError`` when it cannot listen.
    public init(to target: Int) throws(SpawnError) {
        let listener = try LoopbackSocket.listen(port: 0)
        port = LoopbackSocket.port(of: listener)
        let loop = try TCPProxyLoop(listener: listener, target: target)
        self.loop = loop
        let thread = Thread { loop.run() }
        thread.name = "tcp-proxy-\(port)"
        thread.start()
    }

    deinit { close() }

    /// Connections that are open.
    public var connectionCount: Int { loop.counts.connections }
    /// Connections that were ever accepted.
    public var acceptedCount: Int { loop.counts.accepted }
    /// Connections that were cut at a point of the conversation.
    public var cutCount: Int { loop.counts.cuts }

    /// Passes new connections on to another port.
    public func retarget(to port: Int) { loop.change { $0.target = port } }

    /// Resets all open connections, on both sides. New ones are served.
    public func cut() { loop.change { $0.resets += 1 } }

    /// Resets all open connections and every new one, until ``accept()``.
    public func refuse() {
        loop.change { controls in
            controls.isRefusing = true
            controls.resets += 1
        }
    }

    /// Serves new connections again.
    public func accept() { loop.change { $0.isRefusing = false } }

    /// Swallows everything in silence, as a network does that drops packets: connections stay open, new ones are begun
    /// and never answered.
    public func pause() { loop.change { $0.isPaused = true } }

    /// Delivers what was held back, and goes on.
    public func resume() { loop.change { $0.isPaused = false } }

    /// Delays what passes, in each direction, by this much. Zero ends it.
    public func delay(by duration: Duration) { loop.change { $0.delay = duration } }

    /// Cuts the next connection on which the client sends `mark`. A mark that is split over packets is found; with TLS
    /// there is nothing to find.
    /// - Parameters:
    ///   - mark: such as `Array("COMMIT".utf8)`.
    ///   - passes: how many of the mark are let through before, on whichever connections.
    ///   - exception: what lets a message pass, uncounted, that has it as well or has come shortly behind it.
    public func cutOnce(
        at mark: [UInt8], _ point: CutPoint, after passes: Int = 0, unlessNear exception: [UInt8]? = nil
    ) {
        precondition(!mark.isEmpty && exception?.isEmpty != true, "a mark has at least one byte")
        loop.change { $0.trap = TCPProxyTrap(mark: mark, point: point, exception: exception, passes: passes) }
    }

    /// Cuts at no mark any more.
    /// - Returns: whether the mark had come. The cut itself is counted a moment after the client has noticed it.
    @discardableResult
    public func cutNoMore() -> Bool { loop.removeTrap() }

    /// Stops listening and resets everything. Nothing happens the second time.
    public func close() { loop.change { $0.isClosed = true } }
}
