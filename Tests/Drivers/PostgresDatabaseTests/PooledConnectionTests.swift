import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import PostgresTestKit
import ProcessTestKit
import ReplicaRouting
import Storage
import Testing

@testable import PostgresDriver

/// What a pool expects of a connection, tried on connections to a real server.
@Suite("PostgresConnection in a pool", .timeLimit(.minutes(2)))
struct PooledConnectionTests {
    /// What a holder leaves behind.
    enum Soil: CaseIterable, Sendable {
        case openTransaction
        case failedTransaction
        /// Its caller has gone, and the server has not.
        case statementUnderWay
        /// More statements were prepared than the connection keeps; it can forget none before the transaction's end.
        case statementsToForget

        var statementLimit: Int { self == .statementsToForget ? 2 : 256 }

        func spread(on connection: PostgresConnection) async throws {
            try await Self.run("BEGIN", on: connection)
            switch self {
            case .openTransaction:
                try await Self.run("SELECT 1", on: connection)
            case .failedTransaction:
                await #expect(throws: PostgresError.self) { try await Self.run("SELECT 1 / 0", on: connection) }
            case .statementUnderWay:
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask {
                        await #expect(throws: PostgresError.self) {
                            try await Self.run("SELECT count(*) FROM pg_sleep(60)", on: connection, .reads)
                        }
                    }
                    try await Poll.untilTrue("it is under way") { connection.pendingCount == 1 }
                    group.cancelAll()
                }
            case .statementsToForget:
                for number in 2..<8 { try await Self.run("SELECT \(number)", on: connection) }
            }
        }

        static func run(
            _ text: String, on connection: PostgresConnection, _ effect: PostgresBatch.Effect = .uncommitted
        ) async throws {
            _ = try await connection.submit(PostgresBatch([SQLStatement(text)], effect: effect))
        }
    }

    /// Connects as somebody does who has the two libraries and nothing else.
    private struct Factory: PooledConnectionFactory {
        let configuration: PostgresConfiguration
        let reactor: PostgresReactor

        func connect(to _: HostKey, monitor: ConnectionMonitor) async throws -> PostgresConnection {
            let connection = try await PostgresConnection.connect(configuration, on: reactor)
            connection.whenClosed { _ in monitor.lost() }
            return connection
        }
    }

    private func with<Value>(
        statementLimit: Int, _ body: (Factory) async throws -> Value
    ) async throws -> Value {
        try await PostgresTestbed.withServer { server in
            var configuration = try PostgresConfiguration(url: server.url())
            configuration.preparedStatementLimit = statementLimit
            let reactor = try PostgresReactor(time: SystemTime())
            defer { reactor.stop() }
            return try await body(Factory(configuration: configuration, reactor: reactor))
        }
    }

    @Test(arguments: Soil.allCases)
    func conforms(soil: Soil) async throws {
        try await with(statementLimit: soil.statementLimit) { factory in
            let problems = await ConnectionConformance.problems(of: factory, host: "primary") {
                try await soil.spread(on: $0)
            }
            #expect(problems == [])
        }
    }

    /// The database's own factory, which has asked the server who it is before anybody has the connection.
    @Test(arguments: Soil.allCases)
    func conformsAsTheDatabaseConnects(soil: Soil) async throws {
        try await PostgresTestbed.withServer { server in
            let change: (inout PostgresDatabaseConfiguration) -> Void = {
                $0.connection.preparedStatementLimit = soil.statementLimit
            }
            try await RunningDatabase.with(server.url(), change) { running in
                let servers = running.database.servers
                let member = servers.members[0]
                let factory = ReplicaSetConnectionFactory(
                    configuration: member.configuration, reactor: running.reactor, connections: member.connections,
                    host: HostIndex(0), router: servers.router, time: SystemTime())
                let problems = await ConnectionConformance.problems(of: factory, host: HostKey(member.name)) {
                    try await soil.spread(on: $0)
                }
                #expect(problems == [])
            }
        }
    }

    /// A connection that was forgetting statements after its reset, or after it had been validated, was not clean then,
    /// and the pool closed it.
    @Test(arguments: [true, false])
    func aConnectionIsNotClosedForWhatItForgets(inTransaction: Bool) async throws {
        try await with(statementLimit: 2) { factory in
            var configuration = PoolConfiguration(hosts: ["primary"])
            (configuration.limit, configuration.validateAfter) = (1, .zero)
            let pool = try ConnectionPool(configuration: configuration, factory: factory)
            async let running: Void = pool.run()
            var sessions: Set<Int32> = []
            for turn in 0..<20 {
                let session = try await pool.withConnection { connection in
                    if inTransaction {
                        try await Soil.statementsToForget.spread(on: connection)
                    } else {
                        for number in 0..<4 {
                            try await Soil.run("SELECT \(turn + number)", on: connection, .commits())
                        }
                    }
                    return connection.processIdentifier
                }
                sessions.insert(session)
            }
            #expect(sessions.count == 1)
            pool.shutdown()
            await running
        }
    }

    /// Each time that a connection came back while it was forgetting a statement, the server's log had a warning that
    /// there was no transaction to roll back.
    @Test func nothingIsRolledBackWhereThereIsNoTransaction() async throws {
        try await with(statementLimit: 1) { factory in
            let warnings = Tally()
            var configuration = factory.configuration
            configuration.noticeObserver = { _, message in warnings.add(message) }
            let connection = try await PostgresConnection.connect(configuration, on: factory.reactor)
            for number in 0..<50 {
                try await Soil.run("SELECT \(number)", on: connection, .commits())
                try await connection.reset()
                #expect(connection.condition == .clean)
            }
            #expect(warnings.all.isEmpty, "\(warnings.all)")
            connection.close()
        }
    }
}
