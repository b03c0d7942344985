import Determinism
import SocketReactor
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What an attempt to connect made: a socket, and the session on it where it is encrypted.
struct ConnectedSocket: Sendable {
    /// Whoever takes it closes it.
    let descriptor: Int32
    let tls: TLSSession?
}

/// Whoever hears what happens to a ``RedisSocket``. All calls come on the reactor's thread.
protocol RedisSocketOwner: AnyObject, Sendable {
    /// Bytes came, and with them these replies; none while a long one is still on its way.
    func received(_ values: inout [RedisValue], on socket: RedisSocket)
    /// There is room to send.
    func writable(_ socket: RedisSocket)
    /// Nothing more will come.
    func lost(_ socket: RedisSocket, _ error: RedisError)
}

/// A connected socket that is watched by the reactor. Its last owner's end closes it: until then its descriptor is
/// nobody else's.
///
/// What it reads with belongs to the reactor's thread, what it writes with to whoever the machine lets write.
final class RedisSocket: ReactorClient, @unchecked Sendable {
    let descriptor: Int32
    /// Which of its line's connections it is.
    let generation: UInt64
    private let owner: any RedisSocketOwner
    private let reader: ReplyReader
    private let tls: TLSSession?
    /// What is opened of a record; empty without TLS.
    private let plaintext: UnsafeMutableRawBufferPointer
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: RedisSocket.inputSize, alignment: 16)
    private var values: [RedisValue] = []
    private var output: [UInt8] = []
    private var outputStart = 0
    private let loop: ReactorLoop
    private var ticket: ReactorLoop.Ticket?
    let counters: RedisCounters

    private static let inputSize = 64 << 10

    init(
        _ connected: ConnectedSocket, generation: UInt64, owner: any RedisSocketOwner, loop: ReactorLoop,
        replyLimit: Int, counters: RedisCounters
    ) {
        (descriptor, tls) = (connected.descriptor, connected.tls)
        (self.generation, self.owner, self.loop, self.counters) = (generation, owner, loop, counters)
        plaintext = .allocate(byteCount: tls == nil ? 0 : TLSEngine.recordLimit, alignment: 16)
        reader = ReplyReader(replyLimit: replyLimit)
    }
    deinit {
        input.deallocate()
        plaintext.deallocate()
        _ = close(descriptor)
    }

    /// Begins to watch. Returns false when the reactor has ended.
    func watch() -> Bool {
        ticket = loop.register(self, descriptor: descriptor)
        return ticket != nil
    }
    /// Says whether room to send is waited for, too.
    func awaitRoom(_ isAwaited: Bool) {
        if let ticket { loop.watch(ticket, descriptor: descriptor, for: isAwaited ? [.read, .write] : .read) }
    }
    /// Ends it: the other side sees the end at once, the descriptor goes with the last owner.
    func end() {
        if let ticket { loop.remove(ticket, descriptor: descriptor) }
        tls?.sayFarewell(transmit)
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
    }

    // MARK: reading

    package func ready(_ interest: Interest) {
        if interest.contains(.write) { owner.writable(self) }
        guard interest.contains(.read) else { return }
        // What is left is reported again; others have their turn meanwhile.
        for _ in 0..<16 {
            let count = recv(descriptor, input.baseAddress, input.count, 0)
            if count < 0 {
                if errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR { return }
                return fail(.connectionLost, "the connection was lost: \(Self.text(errno))")
            }
            if count == 0 {
                let isCut = tls != nil
                return fail(
                    .connectionLost,
                    isCut ? "the connection was cut off, without TLS' end" : "the server closed the connection")
            }
            counters.received.wrappingAdd(count, ordering: .relaxed)
            let bytes = UnsafeRawBufferPointer(rebasing: input[..<count])
            let failure = if let tls { open(bytes, tls) } else { parse(bytes) }
            deliver()
            if let failure { return owner.lost(self, failure) }
            if count < input.count { return }
        }
    }
    package func tick(now: Instant) {}
    package func reactorStopped() {}

    private func parse(_ bytes: UnsafeRawBufferPointer) -> RedisError? {
        do throws(ReplyReader.Failure) {
            try reader.feed(bytes) { values.append($0) }
            return nil
        } catch {
            return RedisError(.protocolViolation, .unknown, "what came is not Redis' protocol: \(error.reason)")
        }
    }
    /// Opens all whole records and parses what is in them.
    private func open(_ ciphertext: UnsafeRawBufferPointer, _ tls: TLSSession) -> RedisError? {
        tls.take(ciphertext)
        while true {
            switch tls.open(into: plaintext) {
            case .bytes(let count):
                if let failure = parse(UnsafeRawBufferPointer(rebasing: plaintext[..<count])) { return failure }
            case .nothing: return nil
            case .end: return RedisError(.connectionLost, .unknown, "the server closed the connection")
            case .failed(let failure):
                return RedisError(failure.isAlert ? .connectionLost : .protocolViolation, .unknown, failure.reason)
            }
        }
    }
    private func deliver() {
        owner.received(&values, on: self)
        values.removeAll(keepingCapacity: values.count < 4_096)
    }
    private func fail(_ code: RedisError.Code, _ reason: String) {
        owner.lost(self, RedisError(code, .unknown, reason))
    }

    // MARK: writing

    /// What an attempt to send came to.
    enum Written {
        case all
        case rest(Int)
        case failed(RedisError)
    }

    /// Sends these, and what is left from before.
    func write(_ group: [PendingRequest]) -> Written {
        for pending in group { pending.encode(into: &output) }
        return writeRest()
    }
    func write(_ command: RedisCommand) -> Written {
        command.encode(into: &output)
        return writeRest()
    }

    func writeRest() -> Written {
        if let tls { return writeRest(through: tls) }
        while outputStart < output.count {
            let count = output.withUnsafeBytes { transmit(UnsafeRawBufferPointer(rebasing: $0[outputStart...])) }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN || errno == EWOULDBLOCK { return .rest(output.count - outputStart) }
                return .failed(
                    RedisError(.connectionLost, .unknown, "the connection was lost: \(Self.text(errno))"))
            }
            counters.sent.wrappingAdd(count, ordering: .relaxed)
            outputStart += count
        }
        forgetOutput()
        return .all
    }

    /// The same with TLS, whose session holds the ciphertext that the kernel has not taken; `outputStart` is how much
    /// of the output was sealed.
    private func writeRest(through tls: TLSSession) -> Written {
        let sent = output.withUnsafeBytes { bytes in
            tls.send(bytes, sealed: &outputStart) { ciphertext in
                let count = transmit(ciphertext)
                if count > 0 { counters.sent.wrappingAdd(count, ordering: .relaxed) }
                return count
            }
        }
        switch sent {
        case .all:
            forgetOutput()
            return .all
        case .rest(let unsent): return .rest(unsent)
        case .socketFailed(let number):
            return .failed(RedisError(.connectionLost, .unknown, "the connection was lost: \(Self.text(number))"))
        case .failed(let failure): return .failed(RedisError(.connectionLost, .unknown, failure.reason))
        }
    }

    private func forgetOutput() {
        output.removeAll(keepingCapacity: output.count < 1 << 20)
        outputStart = 0
    }

    private func transmit(_ bytes: UnsafeRawBufferPointer) -> Int {
        send(descriptor, bytes.baseAddress, bytes.count, Self.sendFlags)
    }

    #if os(Linux)
        private static let sendFlags = Int32(MSG_NOSIGNAL)
    #else
        private static let sendFlags: Int32 = 0
    #endif

    static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}
