import Foundation
import ProcessTestKit
import Synchronization

/// Everything that one test starts: servers, replicas, poolers and proxies, in one folder. They end with the test, in
/// whatever way it ends, and with the test process even when that is killed.
public final class PostgresTestbed: Sendable {
    /// Holds everything.
    public let folder: URL
    let site: PostgresTemplate.Site

    private struct State {
        var servers: [PostgresServer] = []
        var poolers: [PgBouncer] = []
        var proxies: [TCPProxy] = []
    }
    private let state = Mutex(State())

    /// Whether folders stay for whoever looks into a failure: the variable `PANTRY_TEST_KEEP`.
    static var keepsFiles: Bool { ProcessInfo.processInfo.environment["PANTRY_TEST_KEEP"] != nil }

    private init(_ site: PostgresTemplate.Site) throws {
        self.site = site
        folder = site.folder.appendingPathComponent("bed-\(PostgresTemplate.randomName())")
        try site.programs.makeFolder(folder)
    }

    /// Runs `body` with an empty testbed, and ends all that it started. When `body` throws, the ends of the servers'
    /// logs are written to standard error.
    public static func with<Value>(_ body: (PostgresTestbed) async throws -> Value) async throws -> Value {
        let testbed = try PostgresTestbed(try await PostgresTemplate.shared.site())
        do {
            let value = try await body(testbed)
            testbed.end()
            return value
        } catch {
            testbed.report(error)
            testbed.end()
            throw error
        }
    }

    /// Runs `body` with a testbed and one server that is ready.
    public static func withServer<Value>(
        _ options: PostgresOptions = PostgresOptions(), _ body: (PostgresServer) async throws -> Value
    ) async throws -> Value {
        try await with { testbed in try await body(try await testbed.server(options)) }
    }

    // MARK: Making

    /// A new server that is ready.
    /// - Parameters:
    ///   - name: its name in logs; unique in the testbed.
    ///   - starts: false leaves it stopped.
    public func server(
        _ options: PostgresOptions = PostgresOptions(), name: String = "primary", starts: Bool = true
    ) async throws -> PostgresServer {
        let server = try await add(name, options, role: nil) { server in
            // `cp` rather than Foundation: it keeps the owner, and shares blocks where the file system can.
            try await site.programs.run("cp", ["-a", site.data.path, server.dataFolder.path], in: folder)
        }
        if starts { try await server.start() }
        return server
    }

    /// A new streaming replica of `primary` that has caught up with it.
    /// - Parameters:
    ///   - primary: a server that runs; itself a replica for a cascade.
    ///   - name: its name, by which `synchronous_standby_names` knows it.
    ///   - slot: the physical replication slot to make on the primary and to use, or nil for none.
    ///   - proxy: a proxy before the primary that the replica streams through, to cut it off.
    ///   - options: its own set-up; the primary's when nil.
    public func replica(
        of primary: PostgresServer, name: String, slot: String? = nil, through proxy: TCPProxy? = nil,
        options: PostgresOptions? = nil
    ) async throws -> PostgresServer {
        let role = ReplicaRole(of: primary, port: proxy?.port, name: name, slot: slot)
        if let slot { try await primary.psql("SELECT pg_create_physical_replication_slot('\(slot)', true)") }
        let options = options ?? primary.state.withLock { $0.options }
        let replica = try await add(name, options, role: role) { replica in
            try await site.programs.run(
                site.programs.path("pg_basebackup"),
                [
                    "--pgdata", replica.dataFolder.path, "--dbname", role.connectionInformation, "--wal-method",
                    "stream", "--checkpoint", "fast", "--no-sync",
                ] + (slot.map { ["--slot", $0] } ?? []), in: folder)
            try site.programs.write("", to: replica.dataFolder.appendingPathComponent("standby.signal"))
        }
        try await replica.start()
        return replica
    }

    /// A PgBouncer before `server`, ready.
    public func pgBouncer(
        before server: PostgresServer, _ options: PgBouncer.Options = PgBouncer.Options()
    ) async throws -> PgBouncer {
        let place = folder.appendingPathComponent("pgbouncer-\(PostgresTemplate.randomName())")
        try site.programs.makeFolder(place)
        let pooler = try PgBouncer(before: server, options, folder: place, programs: site.programs)
        state.withLock { $0.poolers.append(pooler) }
        try await pooler.start()
        return pooler
    }

    /// A proxy before a port of this machine.
    public func proxy(to port: Int) throws -> TCPProxy {
        let proxy = try TCPProxy(to: port)
        state.withLock { $0.proxies.append(proxy) }
        return proxy
    }

    private func add(
        _ name: String, _ options: PostgresOptions, role: ReplicaRole?,
        filling: (PostgresServer) async throws -> Void
    ) async throws -> PostgresServer {
        let place = folder.appendingPathComponent(name)
        try site.programs.makeFolder(place)
        let server = try PostgresServer(name: name, folder: place, options: options, role: role, site: site)
        state.withLock { $0.servers.append(server) }
        try await filling(server)
        if options.offersTLS { try await server.makeCertificate() }
        return server
    }

    // MARK: Ending

    private func report(_ error: any Error) {
        let logs = state.withLock { $0.servers }.map { server in
            let lines = server.log.split(separator: "\n").suffix(30).joined(separator: "\n")
            return "--- the end of \(server.name)'s log\n\(lines)\n"
        }
        FileHandle.standardError.write(Data("\(logs.joined())--- a test ended with: \(error)\n".utf8))
    }

    private func end() {
        let everything = state.withLock { state in
            defer { state = State() }
            return state
        }
        for proxy in everything.proxies { proxy.close() }
        for pooler in everything.poolers { pooler.killAndReap() }
        for server in everything.servers { server.killAndReap() }
        if Self.keepsFiles {
            FileHandle.standardError.write(Data("kept for you to look into: \(folder.path)\n".utf8))
        } else {
            try? FileManager.default.removeItem(at: folder)
        }
    }
}

extension ReplicaRole {
    init(of primary: PostgresServer, port: Int? = nil, name: String, slot: String?) {
        self.init(
            connectionInformation:
                "host=127.0.0.1 port=\(port ?? primary.port) user=postgres password=\(primary.password) "
                + "application_name=\(name)",
            slot: slot)
    }
}

extension PostgresServer {
    /// Makes it a replica of `primary` from the next start on; one that runs as a replica changes over at once.
    /// - Parameter slot: a physical replication slot that is there already, or nil for none.
    public func follow(_ primary: PostgresServer, slot: String? = nil) async throws {
        state.withLock { $0.role = ReplicaRole(of: primary, name: name, slot: slot) }
        try programs.write("", to: dataFolder.appendingPathComponent("standby.signal"))
        if isRunning { try await configure([:]) }
    }

    /// Takes a stopped server back to where it left `primary`'s history (`pg_rewind`), and makes it its replica from
    /// the next start on. What it wrote after the switch is gone.
    public func rewind(to primary: PostgresServer) async throws {
        guard !isRunning else { throw PostgresFailure(what: "\(name) runs; stop it first", log: log) }
        // pg_rewind reads the timeline from the control file, which shows the old one until the next checkpoint.
        try await primary.psql("CHECKPOINT")
        try await programs.run(
            programs.path("pg_rewind"),
            ["--target-pgdata", dataFolder.path, "--source-server", primary.url(), "--no-sync"], in: folder)
        try await follow(primary)
    }
}
