import Foundation
import ProcessTestKit
import Synchronization

/// A real PgBouncer before a server.
public final class PgBouncer: Sendable {
    /// How it is set up.
    public struct Options: Sendable {
        /// `transaction`, `session` or `statement`.
        public var poolMode = "transaction"
        /// Server connections for each user and database.
        public var poolSize = 20
        /// More settings of the section `[pgbouncer]`.
        public var settings: [String: String] = [:]

        /// Transaction pooling with 20 connections.
        public init() {}
    }

    /// Its port of 127.0.0.1.
    public let port: Int
    private let server: PostgresServer
    private let folder: URL
    private let programs: PostgresPrograms
    private let process = Mutex<ChildProcess?>(nil)
    private var logFile: URL { folder.appendingPathComponent("log.txt") }

    init(before server: PostgresServer, _ options: Options, folder: URL, programs: PostgresPrograms) throws {
        (self.server, self.folder, self.programs) = (server, folder, programs)
        port = try LoopbackPort.next()
        let users = folder.appendingPathComponent("users.txt")
        try programs.write("\"postgres\" \"\(server.password)\"\n", to: users)
        var settings = [
            "listen_addr": "127.0.0.1", "listen_port": "\(port)", "unix_socket_dir": "", "auth_type": "scram-sha-256",
            "auth_file": users.path, "pool_mode": options.poolMode, "default_pool_size": "\(options.poolSize)",
            "max_client_conn": "1000", "admin_users": "postgres", "ignore_startup_parameters": "extra_float_digits",
        ]
        settings.merge(options.settings) { $1 }
        let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }.joined()
        try programs.write(
            "[databases]\n* = host=127.0.0.1 port=\(server.port)\n[pgbouncer]\n\(lines)",
            to: folder.appendingPathComponent("pgbouncer.ini"))
    }

    /// The connection string through it.
    public func url(database: String = "postgres", _ more: String...) -> String {
        let parameters = more.isEmpty ? "" : "?" + more.joined(separator: "&")
        return "postgresql://postgres:\(server.password)@127.0.0.1:\(port)/\(database)\(parameters)"
    }

    /// All that it has logged.
    public var log: String {
        String(decoding: FileManager.default.contents(atPath: logFile.path) ?? Data(), as: UTF8.self)
    }

    /// Starts it and waits until it listens.
    /// - Throws: ``PostgresFailure`` when there is no PgBouncer, or it ends, with the end of its log.
    public func start(within limit: Duration = .seconds(30)) async throws {
        guard FileManager.default.isExecutableFile(atPath: Self.executable) else {
            throw PostgresFailure(
                what: "there is no \(Self.executable); scripts/bootstrap --tests installs it", log: "")
        }
        let mark = "process up"
        let formerStarts = log.components(separatedBy: mark).count
        let command = programs.command(
            Self.executable, [folder.appendingPathComponent("pgbouncer.ini").path], in: folder)
        let child = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: programs.environment(), output: logFile.path,
            errors: logFile.path)
        process.withLock { $0 = child }
        do {
            try await Poll.untilTrue("PgBouncer's readiness", within: limit, every: .milliseconds(5)) {
                if let exit = child.poll() {
                    throw PostgresFailure(what: "PgBouncer \(exit) before it was ready", log: log)
                }
                return log.components(separatedBy: mark).count > formerStarts
            }
        } catch let error as PollTimeout {
            throw PostgresFailure(what: error.description, log: log)
        }
    }

    /// Kills it with SIGKILL and waits for its end; ``start(within:)`` brings it back on the same port.
    public func kill9() { killAndReap() }

    func killAndReap() { process.withLock { $0?.killAndReap() } }

    private static let executable = "/usr/sbin/pgbouncer"
}
