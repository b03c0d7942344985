import Foundation
import ProcessTestKit
import Synchronization

/// One real Redis server on a port and in a folder of its own, which a test may start, stop, kill, suspend and start
/// again. It ends with the test, in whatever way that ends, and with the test process even when that is killed.
public final class RedisServer: Sendable {
    /// Its port of 127.0.0.1; stays the same over restarts.
    public let port: Int
    /// Holds everything that is its own.
    public let folder: URL
    private struct State {
        var options: RedisOptions
        var process: ChildProcess?
        var proxies: [TCPProxy] = []
    }
    private let state: Mutex<State>

    /// All that it has logged.
    public var log: String {
        String(decoding: FileManager.default.contents(atPath: logFile.path) ?? Data(), as: UTF8.self)
    }
    private var logFile: URL { folder.appendingPathComponent("log.txt") }
    /// Its Unix socket, if it has one.
    public var socketPath: String { folder.appendingPathComponent("redis.sock").path }
    /// The certificate of the authority that signed its own, if it speaks TLS (`ca`).
    public var authorityFile: URL { TestCertificate("ca", in: folder).certificateFile }
    /// What clients show where it demands a certificate of them (`cert` and `key`).
    public var clientCertificate: TestCertificate { TestCertificate("client", in: folder) }

    private init(_ options: RedisOptions) throws {
        let site = try RedisSite.shared.get()
        folder = try site.makeFolder()
        port = try LoopbackPort.next()
        state = Mutex(State(options: options))
    }

    /// Runs `body` with a server, and ends it. When `body` throws, the end of the log is written to standard error.
    /// - Parameter starts: whether it runs from the beginning.
    public static func with<Value>(
        _ options: RedisOptions = RedisOptions(), starts: Bool = true, _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let server = try RedisServer(options)
        defer { server.end() }
        do {
            if let encryption = options.encryption { try await server.makeCertificates(encryption) }
            if starts { try await server.start() }
            return try await body(server)
        } catch {
            let lines = server.log.split(separator: "\n").suffix(20).joined(separator: "\n")
            FileHandle.standardError.write(Data("--- the end of Redis' log\n\(lines)\n--- ended with: \(error)\n".utf8))
            throw error
        }
    }

    /// The URL of its database 0, with what a client needs for TLS.
    /// - Parameters:
    ///   - host: another name of this machine.
    ///   - port: another port, such as a proxy's.
    ///   - more: options, such as `timeout=1s`.
    public func url(host: String = "127.0.0.1", port: Int? = nil, database: Int = 0, _ more: String...) -> String {
        let options = state.withLock { $0.options }
        var all = more
        if let encryption = options.encryption {
            all.append("ca=\(authorityFile.path)")
            if encryption.demandsCertificate {
                all.append("cert=\(clientCertificate.certificateFile.path)&key=\(clientCertificate.keyFile.path)")
            }
        }
        let scheme = options.encryption == nil ? "redis" : "rediss"
        return "\(scheme)://\(options.password.map { ":\($0)@" } ?? "")\(host):\(port ?? self.port)/\(database)"
            + (all.isEmpty ? "" : "?" + all.joined(separator: "&"))
    }

    private func makeCertificates(_ encryption: RedisEncryption) async throws {
        let authority = try await TestAuthority(in: folder)
        _ = try await authority.issue("server", names: encryption.names, days: encryption.hasExpired ? -1 : 3_650)
        if encryption.demandsCertificate { _ = try await authority.issue("client", names: []) }
    }

    /// A proxy before it, which ends with it.
    public func proxy() throws -> TCPProxy {
        let proxy = try TCPProxy(to: port)
        state.withLock { $0.proxies.append(proxy) }
        return proxy
    }

    /// Its process, or nil when it does not run.
    public var pid: pid_t? {
        state.withLock { state in
            guard let process = state.process, process.poll() == nil else { return nil }
            return process.pid
        }
    }

    /// Changes how it is set up from the next start on.
    public func configure(_ change: (inout RedisOptions) -> Void) { state.withLock { change(&$0.options) } }

    // MARK: Starting and stopping

    /// Starts it and waits until it takes connections and has loaded its data.
    /// - Throws: ``RedisFailure`` when it ends or is not ready in time, with the end of its log.
    public func start(within limit: Duration = .seconds(20)) async throws {
        let mark = "Ready to accept connections"
        let formerStarts = log.components(separatedBy: mark).count
        let process = try startWithoutWaiting()
        do {
            try await Poll.untilTrue("Redis' readiness", within: limit, every: .milliseconds(2)) {
                if let exit = process.poll() { throw RedisFailure(what: "Redis \(exit) before it was ready", log: log) }
                return log.components(separatedBy: mark).count > formerStarts
            }
        } catch let error as PollTimeout {
            throw RedisFailure(what: error.description, log: log)
        }
    }

    /// Starts it, and returns while it may be loading its data.
    @discardableResult
    public func startWithoutWaiting() throws -> ChildProcess {
        if pid != nil { throw RedisFailure(what: "it runs already", log: log) }
        let options = state.withLock { $0.options }
        let file = folder.appendingPathComponent("redis.conf")
        let text = options.lines(port: port, folder: folder.path).map { "\($0)\n" }.joined()
        guard
            FileManager.default.createFile(
                atPath: file.path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw RedisFailure(what: "\(file.path) cannot be written", log: "") }
        // Its working folder is what the reaper knows it by; `env` replaces itself with it, so that the id is its own.
        let process = try ChildProcess(
            "/usr/bin/env", ["-C", folder.path, try RedisSite.program("redis-server"), file.path],
            environment: Program.scrubbedEnvironment(), output: logFile.path, errors: logFile.path)
        state.withLock { $0.process = process }
        return process
    }

    /// Asks it to end, and waits for that. Nothing happens when it does not run; a suspended server is resumed first.
    public func stop() async throws {
        guard let process = running else { return }
        process.send(SIGCONT)
        process.send(SIGTERM)
        try await process.ended()
    }

    /// Stops it and starts it on the same port.
    public func restart() async throws {
        try await stop()
        try await start()
    }

    /// Kills it with SIGKILL and waits until it is gone.
    public func kill9() async throws {
        guard let process = running else { return }
        process.send(SIGKILL)
        try await process.ended()
    }

    /// Stops it (SIGSTOP): connections stay open, new ones are made by the kernel, and nothing answers.
    public func suspend() { running?.send(SIGSTOP) }

    /// Lets a suspended server go on.
    public func resume() { running?.send(SIGCONT) }

    private var running: ChildProcess? {
        state.withLock { state in
            guard let process = state.process, process.poll() == nil else { return nil }
            return process
        }
    }

    private func end() {
        let ended = state.withLock { state in
            defer { (state.process, state.proxies) = (nil, []) }
            return state
        }
        for proxy in ended.proxies { proxy.close() }
        ended.process?.killAndReap()
        if !RedisSite.keepsFiles { try? FileManager.default.removeItem(at: folder) }
    }

    // MARK: Tools

    /// Runs one command with `redis-cli`, as the default user, and returns what it prints.
    /// - Throws: ``RedisFailure`` when the tool fails, or the server answers with an error.
    @discardableResult
    public func cli(_ arguments: String...) async throws -> String {
        let password = state.withLock { $0.options.password }
        let result = try await Program.run(
            try RedisSite.program("redis-cli"), ["-e"] + toolArguments + arguments,
            environment: Program.scrubbedEnvironment(password.map { ["REDISCLI_AUTH": $0] } ?? [:]))
        guard result.exit.isSuccess else {
            throw RedisFailure(what: "redis-cli \(result.exit)", log: result.text + result.errors)
        }
        return result.text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// How a tool reaches it.
    private var toolArguments: [String] {
        let address = ["-h", "127.0.0.1", "-p", "\(port)"]
        guard let encryption = state.withLock({ $0.options.encryption }) else { return address }
        let certificate = clientCertificate
        return address + ["--tls", "--cacert", authorityFile.path]
            + (encryption.demandsCertificate
                ? ["--cert", certificate.certificateFile.path, "--key", certificate.keyFile.path] : [])
    }

    /// Runs `redis-benchmark` against it and returns what it prints.
    public func benchmark(_ arguments: [String]) async throws -> String {
        let result = try await Program.run(
            try RedisSite.program("redis-benchmark"), toolArguments + arguments, within: .seconds(600))
        guard result.exit.isSuccess else {
            throw RedisFailure(what: "redis-benchmark \(result.exit)", log: result.text + result.errors)
        }
        return result.text
    }
}
