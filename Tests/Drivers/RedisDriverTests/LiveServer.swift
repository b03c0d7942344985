import Determinism
import RedisDriver
import RedisTestKit
import SocketReactor

/// How bytes travel in a test that holds for each way.
enum Wire: String, Sendable, CaseIterable {
    case plain, encrypted

    /// A server that is reached so.
    var options: RedisOptions {
        var options = RedisOptions()
        if self == .encrypted { options.encryption = RedisEncryption() }
        return options
    }
}

/// A real server, a reactor, and clients of the driver to it.
struct LiveServer {
    let server: RedisServer
    let reactor: Reactor
    let time = SystemTime()

    static func with<Value>(
        _ options: RedisOptions = RedisOptions(), starts: Bool = true, _ body: (LiveServer) async throws -> Value
    ) async throws -> Value {
        try await RedisServer.with(options, starts: starts) { server in
            let reactor = try Reactor(time: SystemTime())
            defer { reactor.stop() }
            return try await body(LiveServer(server: server, reactor: reactor))
        }
    }

    func client(
        _ url: String? = nil, observer: (any RedisObserver)? = nil,
        _ change: (inout RedisConfiguration) -> Void = { _ in }
    ) throws -> RedisClient {
        var configuration = try RedisConfiguration(url: url ?? server.url())
        // How long a busy machine takes is no test's subject unless it says so.
        configuration.commandTimeout = .seconds(30)
        change(&configuration)
        return try RedisClient(configuration, on: reactor, observer: observer)
    }
}

extension RedisClient {
    /// What the error is that the command ends with; nil if there is none.
    func failure(_ command: RedisCommand, timeout: Duration? = nil) async -> RedisError? {
        do throws(RedisError) {
            _ = try await send(command, timeout: timeout)
            return nil
        } catch { return error }
    }
}
