import PantryTestKit
import PostgresTestKit
import ProcessTestKit

/// A shard on a primary with streaming replicas, the control database on a server of its own, and the settings of
/// servers that use them.
struct FleetHome {
    /// The shard's servers; the first is the primary.
    let servers: [PostgresServer]
    let settings: InstallationSettings

    /// With two replicas, of which the primary waits for `r1` with each commit.
    static func with<Value>(_ body: (FleetHome) async throws -> Value) async throws -> Value {
        try await withPrimary { testbed, control, primary in
            let replicas = [
                try await testbed.replica(of: primary, name: "r1"), try await testbed.replica(of: primary, name: "r2"),
            ]
            try await primary.configure(["synchronous_standby_names": "FIRST 1 (r1, r2)"])
            try await primary.waitForSynchronousReplicas()
            return try await body(FleetHome([primary] + replicas, control))
        }
    }

    /// With one replica that the primary does not wait for, and the link through which it streams.
    static func withAsynchronousReplica<Value>(
        _ body: (FleetHome, _ link: TCPProxy) async throws -> Value
    ) async throws -> Value {
        try await withPrimary { testbed, control, primary in
            let link = try testbed.proxy(to: primary.port)
            let replica = try await testbed.replica(of: primary, name: "r1", through: link)
            return try await body(FleetHome([primary, replica], control), link)
        }
    }

    private static func withPrimary<Value>(
        _ body: (PostgresTestbed, _ control: PostgresServer, _ primary: PostgresServer) async throws -> Value
    ) async throws -> Value {
        try await PostgresTestbed.with { testbed in
            let control = try await testbed.server(name: "control")
            try await control.psql("CREATE DATABASE control")
            let primary = try await testbed.server()
            try await primary.psql("CREATE DATABASE shard_0")
            return try await body(testbed, control, primary)
        }
    }

    private init(_ servers: [PostgresServer], _ control: PostgresServer) {
        self.servers = servers
        var settings = InstallationSettings()
        settings["server", "shutdownTimeout"] = "5s"
        settings["control", "url"] = "\"\(control.url(database: "control"))\""
        let urls = servers.map { "\"\($0.url(database: "shard_0"))\"" }
        let replicas = urls.dropFirst().joined(separator: ", ")
        settings.shards = "[{ name: shard-0, primary: \(urls[0]), replicas: [\(replicas)] }]"
        settings.booksQuery = { sql in
            try await control.psql("SELECT coalesce(json_agg(found), '[]') FROM (\(sql)) found", database: "control")
        }
        self.settings = settings
    }
}
