import Determinism
import Foundation

/// One proxied connection. Belongs to the loop's thread.
final class TCPProxyLink {
    private struct Chunk {
        var bytes: ArraySlice<UInt8>
        let due: Instant
    }
    /// One direction.
    private struct Stream {
        let from: Int32
        let to: Int32
        var chunks: [Chunk] = []
        /// The sender has finished.
        var hasEnded = false
        /// The receiver was told so.
        var endWasPassedOn = false
        var pending: Int { chunks.reduce(0) { $0 + $1.bytes.count } }
    }
    private enum Fate {
        case open
        /// The server's bytes go nowhere until these have come.
        case waitsForReply(mark: [UInt8], tail: [UInt8])
        /// Cut once the server has everything that it is to have.
        case cutWhenDelivered
        case over
    }
    private var upstream: Stream
    private var downstream: Stream
    private var fate = Fate.open
    /// The last bytes from the client: a mark may be split over packets.
    private var recent: [UInt8] = []
    /// Told before it is cut at a point of the conversation: whoever sees the cut may ask at once how many there were.
    private let willCut: () -> Void

    /// A slow receiver holds the sender up rather than filling the memory.
    private static let mostPending = 1 << 20

    var isOver: Bool { if case .over = fate { true } else { false } }

    init(client: Int32, server: Int32, willCut: @escaping () -> Void) {
        self.willCut = willCut
        upstream = Stream(from: client, to: server)
        downstream = Stream(from: server, to: client)
        var one: Int32 = 1
        for descriptor in [client, server] {
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    /// When the earliest held back bytes are due.
    var earliestDue: Instant? { [upstream, downstream].compactMap { $0.chunks.first?.due }.min() }

    /// What to poll for.
    func wishes(isPaused: Bool, at now: Instant) -> [pollfd] {
        guard !isPaused, !isOver else { return [] }
        return [(upstream, downstream), (downstream, upstream)].map { reading, writing in
            var events: Int32 = 0
            if !reading.hasEnded, reading.pending < Self.mostPending { events |= Int32(POLLIN) }
            if let first = writing.chunks.first, first.due <= now { events |= Int32(POLLOUT) }
            // A descriptor that nothing is wanted of would still report its other side's end, again and again.
            return pollfd(fd: events == 0 ? -1 : reading.from, events: Int16(events), revents: 0)
        }
    }

    // MARK: Moving bytes

    /// Takes what has arrived, to be passed on at `due`.
    /// - Parameter trap: says whether to cut, given what the client has just sent.
    func receive(due: Instant, trap: ([UInt8]) -> TCPProxyTrap?) {
        while let bytes = Self.read(&upstream) {
            if case .open = fate, let trap = trap(bytes) {
                spring(trap, bytes, due)
            } else {
                append(bytes, due)
            }
        }
        while let bytes = Self.read(&downstream) {
            if case .waitsForReply(let mark, let tail) = fate {
                let all = tail + bytes
                fate = .waitsForReply(mark: mark, tail: Array(all.suffix(mark.count - 1)))
                if all.firstRange(of: mark) != nil { cut() }
            } else if !isOver {
                downstream.chunks.append(Chunk(bytes: bytes[...], due: due))
            }
        }
        if case .waitsForReply = fate, downstream.hasEnded { cut() }
    }

    private func append(_ bytes: [UInt8], _ due: Instant) {
        guard !isOver else { return }
        recent = Array((recent + bytes).suffix(256))
        upstream.chunks.append(Chunk(bytes: bytes[...], due: due))
    }

    /// Whether the mark ends in what has just come, and nothing there or shortly before makes it an exception.
    func meets(_ trap: TCPProxyTrap, in bytes: [UInt8]) -> Bool {
        guard (recent.suffix(trap.mark.count - 1) + bytes).firstRange(of: trap.mark) != nil else { return false }
        return trap.exception.map { (recent + bytes).firstRange(of: $0) == nil } ?? true
    }

    private func spring(_ trap: TCPProxyTrap, _ bytes: [UInt8], _ due: Instant) {
        switch trap.point {
        case .beforeRequest:
            let tail = Array(recent.suffix(trap.mark.count - 1))
            let start = (tail + bytes).firstRange(of: trap.mark)?.lowerBound ?? tail.count
            upstream.chunks.append(Chunk(bytes: bytes.prefix(max(0, start - tail.count)), due: due))
            fate = .cutWhenDelivered
        case .afterRequest:
            append(bytes, due)
            fate = .cutWhenDelivered
        case .insteadOfReply(let reply):
            append(bytes, due)
            fate = .waitsForReply(mark: reply, tail: [])
        }
    }

    /// Passes on what is due, as far as the receivers take it.
    func deliver(at now: Instant) {
        guard !isOver else { return }
        guard Self.write(&upstream, at: now) else { return reset() }
        if case .cutWhenDelivered = fate {
            // The client's side is reset; the server reads what it was sent, and then the end.
            if upstream.chunks.isEmpty { cut() }
            return
        }
        guard Self.write(&downstream, at: now) else { return reset() }
        if upstream.endWasPassedOn, downstream.endWasPassedOn { close() }
    }

    /// The bytes that have arrived; nil when there are none now.
    private static func read(_ stream: inout Stream) -> [UInt8]? {
        guard !stream.hasEnded, stream.pending < mostPending else { return nil }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(stream.from, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 { return Array(buffer.prefix(count)) }
        if count < 0, [EAGAIN, EWOULDBLOCK, EINTR, ENOTCONN].contains(errno) { return nil }
        stream.hasEnded = true
        return nil
    }

    /// - Returns: false when the receiver is gone.
    private static func write(_ stream: inout Stream, at now: Instant) -> Bool {
        while let first = stream.chunks.first, first.due <= now {
            guard !first.bytes.isEmpty else {
                stream.chunks.removeFirst()
                continue
            }
            let sent = first.bytes.withUnsafeBytes { send(stream.to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent < 0 { return [EAGAIN, EWOULDBLOCK, EINTR, ENOTCONN].contains(errno) }
            stream.chunks[0].bytes = first.bytes.dropFirst(sent)
        }
        if stream.hasEnded, stream.chunks.isEmpty, !stream.endWasPassedOn {
            shutdown(stream.to, Int32(SHUT_WR))
            stream.endWasPassedOn = true
        }
        return true
    }

    // MARK: Ending

    private func cut() {
        willCut()
        Self.reset(upstream.from)
        Foundation.close(upstream.to)
        fate = .over
    }

    /// Resets both sides.
    func reset() {
        guard !isOver else { return }
        Self.reset(upstream.from)
        Self.reset(upstream.to)
        fate = .over
    }

    private func close() {
        Foundation.close(upstream.from)
        Foundation.close(upstream.to)
        fate = .over
    }

    /// Closes with a reset rather than an end: the other side's next call fails.
    static func reset(_ descriptor: Int32) {
        var choice = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &choice, socklen_t(MemoryLayout<linger>.size))
        Foundation.close(descriptor)
    }
}
