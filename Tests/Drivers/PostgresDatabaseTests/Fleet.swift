import Determinism
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import ReplicaRouting
import Storage

/// A primary and two streaming replicas, and a running database over all three.
struct Fleet {
    let testbed: PostgresTestbed
    let servers: [PostgresServer]
    /// What the replicas stream through.
    let link: TCPProxy
    let running: RunningDatabase

    var primary: PostgresServer { servers[0] }
    var replicas: ArraySlice<PostgresServer> { servers.dropFirst() }

    static func with(
        _ change: (inout PostgresDatabaseConfiguration) -> Void = { _ in },
        _ body: @Sendable (Fleet) async throws -> Void
    ) async throws {
        try await PostgresTestbed.with { testbed in
            let primary = try await testbed.server()
            let link = try testbed.proxy(to: primary.port)
            let servers = [
                primary, try await testbed.replica(of: primary, name: "r1", through: link),
                try await testbed.replica(of: primary, name: "r2", through: link),
            ]
            let replicas = try servers.dropFirst().map { try PostgresConfiguration(url: $0.url()) }
            let adjust: (inout PostgresDatabaseConfiguration) -> Void = { configuration in
                configuration.replicas = replicas
                change(&configuration)
            }
            try await RunningDatabase.with(primary.url(), adjust) { running in
                let fleet = Fleet(testbed: testbed, servers: servers, link: link, running: running)
                try await fleet.expect([.primary, .serving, .serving])
                try await body(fleet)
            }
        }
    }

    /// Waits until the database sees its servers so.
    func expect(
        _ standings: [ReplicaSetSnapshot.Standing], within limit: Duration = .seconds(30)
    ) async throws {
        try await Poll.untilTrue("the servers to be \(standings)", within: limit) {
            running.database.report.servers.map(\.standing) == standings
        }
    }

    /// Puts a unit on a shelf and says how far the log was then.
    func put(_ name: String) async throws -> (units: Int64, position: CommitPosition?) {
        let trail = CommitTrail()
        let units = try await running.lane.submit(
            PutUnit(name: name), tenant: nil, deadline: running.time.instant() + .seconds(30), trail: trail)
        return (units, trail.position)
    }

    func read(_ name: String, _ consistency: ReadConsistency) async throws -> (units: Int64?, servedBy: String) {
        let result = try await running.database.read(
            [SQLStatement("SELECT units FROM shelves WHERE name = $1", [.text(name)])], consistency)
        return (try result.rows[0].first?.integer(0), result.servedBy)
    }
}
