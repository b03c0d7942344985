import Determinism
import Storage

/// The secrets that all servers share, from the control database; the first server makes the first one.
package enum FleetSecrets {
    package static func load(
        _ database: any Database, time: any TimeSource, random: any RandomSource
    ) async throws -> FleetSeal {
        var secret: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: random.next()) { secret.append(contentsOf: $0) } }
        let (first, now) = (secret, time.now().microseconds)
        _ = try await database.write { transaction in
            try await transaction.execute(
                SQLStatement(
                    "INSERT INTO fleet_secrets (number, secret, created_at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING",
                    [.bytes(first), .integer(now)]))
        }
        let rows = try await database.read(SQLStatement("SELECT number, secret FROM fleet_secrets"), .strong)
        var secrets: [Int64: [UInt8]] = [:]
        for row in rows { secrets[try row.integer(0)] = try row.bytes(1) }
        return FleetSeal(secrets: secrets)
    }
}
