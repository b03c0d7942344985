import Determinism
import SocketReactor
import Synchronization

/// Makes a connection on a thread that may block: name, TCP, TLS, password, name of the client and database, one
/// address after the other. A server that still loads its data, or is busy with a script, is asked again until the time
/// is up.
final class RedisConnector: Sendable {
    private let configuration: RedisConfiguration
    /// Where the connection is to be encrypted.
    private let tls: TLSContext?
    private let time: any TimeSource
    private let deadline: Instant
    private let isAbandoned = Atomic<Bool>(false)
    /// How long one wait lasts before it is looked whether anybody still wants the connection.
    private static let slice: Duration = .milliseconds(50)

    init(_ configuration: RedisConfiguration, _ tls: TLSContext?, time: any TimeSource) {
        (self.configuration, self.tls, self.time) = (configuration, tls, time)
        deadline = time.instant() + configuration.connectTimeout
    }

    /// Nobody waits any more.
    func abandon() { isAbandoned.store(true, ordering: .relaxed) }

    /// Connects. Blocks. The descriptor is the caller's.
    func run() -> Result<ConnectedSocket, RedisError> {
        do throws(RedisError) {
            let addresses = try addresses()
            var failures: [RedisError] = []
            for (index, address) in addresses.enumerated() {
                // Each address gets its share of what is left.
                let now = time.instant()
                let limit = now + (deadline - now) / (addresses.count - index)
                do throws(RedisError) { return .success(try connect(to: address, until: limit)) } catch {
                    failures.append(error)
                    if isAbandoned.load(ordering: .relaxed) { break }
                }
            }
            let reasons = failures.map(\.reason).joined(separator: "; ")
            let last = failures.last ?? RedisError(.connect, .notSent, reasons)
            throw RedisError(last.code, .notSent, "\(configuration.target): \(reasons)", server: last.server)
        } catch { return .failure(error) }
    }

    private func addresses() throws(RedisError) -> [BlockingSocket.Address] {
        switch configuration.endpoint {
        case .socket(let path): return [.local(path)]
        case .host(let name, let port):
            do throws(HostAddresses.Failure) {
                return try HostAddresses.resolve(name).map { .internet($0, port: port) }
            } catch { throw RedisError(.connect, .notSent, "\(configuration.target): \(error.reason)") }
        }
    }

    private func connect(
        to address: BlockingSocket.Address, until limit: Instant
    ) throws(RedisError) -> ConnectedSocket {
        let socket = try BlockingSocket(to: address)
        try wait(socket, writing: true, until: limit)
        let number = socket.connectError()
        if number != 0 { throw BlockingSocket.failure("cannot connect", number) }
        if case .internet = address { socket.setOptions(configuration) }
        let session = try tls.map { context throws(RedisError) in try secure(socket, context, until: limit) }
        let conversation = Conversation(connector: self, session: session, limit: limit)
        try conversation.introduce(on: socket, configuration)
        return ConnectedSocket(descriptor: socket.take(), tls: session)
    }

    /// Shakes hands.
    private func secure(
        _ socket: borrowing BlockingSocket, _ context: TLSContext, until limit: Instant
    ) throws(RedisError) -> TLSSession {
        let session = try Self.reported { () throws(TLSFailure) in try TLSSession(context) }
        let input = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSEngine.recordLimit, alignment: 1)
        defer { input.deallocate() }
        while true {
            let (step, output) = session.shakeHands()
            if case .failed(let failure) = step {
                // So that the server's log says it, too.
                _ = socket.write(output[...])
                throw RedisError(.connect, .notSent, failure.reason)
            }
            try write(output, to: socket, until: limit)
            if step == .done { return session }
            // A server without TLS may take the first message for the beginning of a long command.
            try wait(
                socket, writing: false, until: limit,
                "there was no answer to the TLS handshake (a server without TLS is written redis://)")
            let count = socket.read(into: input)
            if count < 0, BlockingSocket.isTransient { continue }
            if count <= 0 {
                throw RedisError(
                    .connect, .notSent,
                    "the server closed the connection instead of a TLS handshake; one without TLS is written redis://")
            }
            session.take(UnsafeRawBufferPointer(rebasing: input[..<count]))
        }
    }

    /// A failure of TLS as one to connect.
    private static func reported<Value>(_ body: () throws(TLSFailure) -> Value) throws(RedisError) -> Value {
        do throws(TLSFailure) { return try body() } catch { throw RedisError(.connect, .notSent, error.reason) }
    }

    /// Writes as far as the other side takes it: what it says instead is in what is read next.
    private func write(_ bytes: [UInt8], to socket: borrowing BlockingSocket, until limit: Instant) throws(RedisError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            try wait(socket, writing: true, until: limit)
            let count = socket.write(rest)
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || !BlockingSocket.isTransient {
                return
            }
        }
    }

    private func wait(
        _ socket: borrowing BlockingSocket, writing: Bool, until limit: Instant,
        _ otherwise: String = "no connection was made"
    ) throws(RedisError) {
        while true {
            let rest = limit - time.instant()
            if rest <= .zero || isAbandoned.load(ordering: .relaxed) {
                throw RedisError(.connect, .notSent, "\(otherwise) within \(configuration.connectTimeout)")
            }
            let slice = min(rest, Self.slice).inNanoseconds / 1_000_000 + 1
            if socket.wait(writing: writing, milliseconds: Int32(slice)) { return }
        }
    }

    /// The first commands on a connection, before it is anybody's.
    private struct Conversation {
        let connector: RedisConnector
        let session: TLSSession?
        let limit: Instant

        func introduce(
            on socket: borrowing BlockingSocket, _ configuration: RedisConfiguration
        ) throws(RedisError) {
            var steps: [(name: String, command: RedisCommand)] = []
            if let password = configuration.password {
                var command = RedisCommand("AUTH")
                if let user = configuration.user { command.append(user) }
                command.append(password)
                steps.append(("AUTH", command))
            }
            if let name = configuration.clientName {
                steps.append(("CLIENT SETNAME", RedisCommand("CLIENT", "SETNAME", name)))
            }
            if configuration.database != 0 { steps.append(("SELECT", RedisCommand("SELECT", configuration.database))) }
            steps.append(("PING", RedisCommand("PING")))
            while true {
                let replies = try ask(socket, steps.map(\.command), replyLimit: configuration.replyByteLimit)
                var obstacle: RedisServerError?
                for (step, reply) in zip(steps, replies) {
                    guard case .error(let error) = reply else { continue }
                    if error.code == .loading || error.code == .busy {
                        obstacle = error
                    } else if error.code != .noPermission || step.name != "PING" && step.name != "CLIENT SETNAME" {
                        // A user who may not do that has shown who it is nevertheless.
                        throw RedisError(
                            .connect, .notSent, "the server refused \(step.name): \(error.message)", server: error)
                    }
                }
                guard let obstacle else { return }
                try pause(for: obstacle)
            }
        }

        /// Waits a little before the server is asked again.
        private func pause(for obstacle: RedisServerError) throws(RedisError) {
            if limit - connector.time.instant() <= RedisConnector.slice
                || connector.isAbandoned.load(ordering: .relaxed)
            {
                throw RedisError(.connect, .notSent, obstacle.message, server: obstacle)
            }
            NativeThread.pause(milliseconds: 50)
        }

        private func ask(
            _ socket: borrowing BlockingSocket, _ commands: [RedisCommand], replyLimit: Int
        ) throws(RedisError) -> [RedisValue] {
            var output: [UInt8] = []
            for command in commands { command.encode(into: &output) }
            if let session {
                let plaintext = output
                output = try RedisConnector.reported { () throws(TLSFailure) in try session.sealed(plaintext) }
            }
            try connector.write(output, to: socket, until: limit)
            let reader = ReplyReader(replyLimit: replyLimit)
            var replies: [RedisValue] = []
            let input = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSEngine.recordLimit, alignment: 1)
            let plaintext = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSEngine.recordLimit, alignment: 1)
            defer {
                input.deallocate()
                plaintext.deallocate()
            }
            while replies.count < commands.count {
                try connector.wait(socket, writing: false, until: limit)
                let count = socket.read(into: input)
                if count < 0, BlockingSocket.isTransient { continue }
                if count <= 0 { throw ended(replies) }
                let bytes = UnsafeRawBufferPointer(rebasing: input[..<count])
                guard let session else {
                    try parse(bytes, reader, &replies)
                    continue
                }
                session.take(bytes)
                reading: while true {
                    switch session.open(into: plaintext) {
                    case .bytes(let count):
                        try parse(UnsafeRawBufferPointer(rebasing: plaintext[..<count]), reader, &replies)
                    case .nothing: break reading
                    case .end: throw ended(replies)
                    case .failed(let failure): throw RedisError(.connect, .notSent, failure.reason)
                    }
                }
            }
            return replies
        }

        private func parse(
            _ bytes: UnsafeRawBufferPointer, _ reader: ReplyReader, _ replies: inout [RedisValue]
        ) throws(RedisError) {
            do throws(ReplyReader.Failure) { try reader.feed(bytes) { replies.append($0) } } catch {
                throw RedisError(.protocolViolation, .notSent, "what came is not Redis' protocol: \(error.reason)")
            }
        }

        /// Nothing more comes.
        private func ended(_ replies: [RedisValue]) -> RedisError {
            // Such as at `maxclients`: an error, and the end.
            if case .error(let error)? = replies.first {
                return RedisError(.connect, .notSent, error.message, server: error)
            }
            let advice =
                session == nil
                ? "; if it expects TLS, write rediss://"
                : "; if it demands a certificate of this client, give one with cert=PATH&key=PATH"
            return RedisError(.connect, .notSent, "the server closed the connection without an answer\(advice)")
        }
    }
}
