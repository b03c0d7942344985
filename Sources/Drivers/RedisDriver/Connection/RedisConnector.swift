import Determinism
import SocketReactor
import Synchronization

/// Makes a connection on a thread that may block: name, TCP, password, name of the client and database, one address
/// after the other. A server that still loads its data, or is busy with a script, is asked again until the time is up.
final class RedisConnector: Sendable {
    private let configuration: RedisConfiguration
    private let time: any TimeSource
    private let deadline: Instant
    private let isAbandoned = Atomic<Bool>(false)
    /// How long one wait lasts before it is looked whether anybody still wants the connection.
    private static let slice: Duration = .milliseconds(50)

    init(_ configuration: RedisConfiguration, time: any TimeSource) {
        (self.configuration, self.time) = (configuration, time)
        deadline = time.instant() + configuration.connectTimeout
    }

    /// Nobody waits any more.
    func abandon() { isAbandoned.store(true, ordering: .relaxed) }

    /// Connects. Blocks. The descriptor is the caller's.
    func run() -> Result<Int32, RedisError> {
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

    private func connect(to address: BlockingSocket.Address, until limit: Instant) throws(RedisError) -> Int32 {
        let socket = try BlockingSocket(to: address)
        try wait(socket, writing: true, until: limit)
        let number = socket.connectError()
        if number != 0 { throw BlockingSocket.failure("cannot connect", number) }
        if case .internet = address { socket.setOptions(configuration) }
        let conversation = Conversation(connector: self, limit: limit)
        try conversation.introduce(on: socket, configuration)
        return socket.take()
    }

    private func wait(_ socket: borrowing BlockingSocket, writing: Bool, until limit: Instant) throws(RedisError) {
        while true {
            let rest = limit - time.instant()
            if rest <= .zero || isAbandoned.load(ordering: .relaxed) {
                throw RedisError(
                    .connect, .notSent, "no connection was made within \(configuration.connectTimeout)")
            }
            let slice = min(rest, Self.slice).inNanoseconds / 1_000_000 + 1
            if socket.wait(writing: writing, milliseconds: Int32(slice)) { return }
        }
    }

    /// The first commands on a connection, before it is anybody's.
    private struct Conversation {
        let connector: RedisConnector
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
            var rest = output[...]
            while !rest.isEmpty {
                try connector.wait(socket, writing: true, until: limit)
                let count = socket.write(rest)
                if count > 0 { rest = rest.dropFirst(count) } else if count == 0 || !isTransient { break }
            }
            let reader = ReplyReader(replyLimit: replyLimit)
            var replies: [RedisValue] = []
            let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 1)
            defer { input.deallocate() }
            while replies.count < commands.count {
                try connector.wait(socket, writing: false, until: limit)
                let count = socket.read(into: input)
                if count < 0, isTransient { continue }
                if count <= 0 {
                    // Such as at `maxclients`: an error, and the end.
                    guard case .error(let error)? = replies.first else {
                        throw RedisError(.connect, .notSent, "the server closed the connection")
                    }
                    throw RedisError(.connect, .notSent, error.message, server: error)
                }
                do throws(ReplyReader.Failure) {
                    try reader.feed(UnsafeRawBufferPointer(rebasing: input[..<count])) { replies.append($0) }
                } catch {
                    throw RedisError(
                        .protocolViolation, .notSent, "what came is not Redis' protocol: \(error.reason)")
                }
            }
            return replies
        }

        private var isTransient: Bool { BlockingSocket.isTransient }
    }
}
