import Crypto
import Determinism
import Storage
import Synchronization

/// The secrets that all servers share, from the control database. They rotate by themselves: see ``SecretRotation``.
package final class FleetSecrets: Sendable {
    private struct State {
        var secrets: [Int64: [UInt8]]
        var sealing: Int64
        var seal: FleetSeal
    }
    private let database: any Database
    private let rotation: SecretRotation
    private let time: any TimeSource
    private let random: any RandomSource
    private let state: Mutex<State>

    /// Reads the secrets; the first server makes the first one.
    package static func load(
        _ database: any Database, rotation: SecretRotation = SecretRotation(), time: any TimeSource,
        random: any RandomSource
    ) async throws -> FleetSecrets {
        let found = try await read(database, rotation, time, random)
        return FleetSecrets(database, rotation, time, random, found)
    }

    private init(
        _ database: any Database, _ rotation: SecretRotation, _ time: any TimeSource, _ random: any RandomSource,
        _ found: State
    ) {
        (self.database, self.rotation, self.time, self.random) = (database, rotation, time, random)
        state = Mutex(found)
    }

    /// Seals with the secret of this moment.
    package var seal: FleetSeal { state.withLock { $0.seal } }

    /// The numbers of the secrets, and of the one that seals.
    package var numbers: (all: Set<Int64>, sealing: Int64) { state.withLock { (Set($0.secrets.keys), $0.sealing) } }

    /// Keys for a purpose, one from each secret, and the number of the one to make things with; those who hold one know
    /// nothing of the secrets, nor of what other purposes use.
    package func keys(for purpose: String) -> (keys: [Int64: [UInt8]], making: Int64) {
        let (secrets, sealing) = state.withLock { ($0.secrets, $0.sealing) }
        let keys = secrets.mapValues { secret in
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: secret), info: Array("pantry \(purpose)".utf8),
                outputByteCount: 32
            ).withUnsafeBytes { Array($0) }
        }
        return (keys, sealing)
    }

    /// Reads them anew, makes the next one when it is time, and forgets the oldest.
    /// - Returns: whether something is different.
    @discardableResult
    package func refresh() async throws -> Bool {
        let found = try await Self.read(database, rotation, time, random)
        return state.withLock { state in
            defer { state = found }
            return state.secrets.keys != found.secrets.keys || state.sealing != found.sealing
        }
    }

    private static func read(
        _ database: any Database, _ rotation: SecretRotation, _ time: any TimeSource, _ random: any RandomSource
    ) async throws -> State {
        let query = SQLStatement("SELECT number, secret, created_at FROM fleet_secrets ORDER BY number")
        var rows = try await database.read(query, .strong)
        let plan = rotation.plan(try rows.map(entry), now: time.now())
        if !plan.isEmpty {
            try await carryOut(plan, database, time, random)
            rows = try await database.read(query, .strong)
        }
        var secrets: [Int64: [UInt8]] = [:]
        for row in rows { secrets[try row.integer(0)] = try row.bytes(1) }
        guard let sealing = rotation.sealing(try rows.map(entry), now: time.now()) else {
            throw StorageError.corrupt("the control database has no fleet secret, although one was just made")
        }
        return State(secrets: secrets, sealing: sealing, seal: FleetSeal(secrets: secrets, sealing: sealing))
    }

    private static func entry(_ row: SQLRow) throws -> SecretRotation.Entry {
        SecretRotation.Entry(number: try row.integer(0), madeAt: Timestamp(microseconds: try row.integer(2)))
    }

    /// Several servers may come to the same plan: the number decides whose secret it is.
    private static func carryOut(
        _ plan: SecretRotation.Plan, _ database: any Database, _ time: any TimeSource, _ random: any RandomSource
    ) async throws {
        var secret: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: random.next()) { secret.append(contentsOf: $0) } }
        let (made, now) = (secret, time.now().microseconds)
        _ = try await database.write { transaction in
            if let number = plan.makes {
                try await transaction.execute(
                    SQLStatement(
                        "INSERT INTO fleet_secrets (number, secret, created_at) VALUES ($1, $2, $3) "
                            + "ON CONFLICT DO NOTHING", [.integer(number), .bytes(made), .integer(now)]))
            }
            for number in plan.forgets {
                try await transaction.execute(
                    SQLStatement("DELETE FROM fleet_secrets WHERE number = $1", [.integer(number)]))
            }
        }
    }
}
