import Determinism
import Storage

/// What tells an installation from others that use the same server of Redis, say: all of its servers have it from the
/// control database. It is no secret, and stays when those rotate.
package struct InstallationID: Sendable, Hashable {
    /// Twelve hexadecimal digits.
    package let text: String

    package init(_ text: String) { self.text = text }

    /// Reads it; the first server makes it.
    package static func load(
        _ database: any Database, time: any TimeSource, random: any RandomSource
    ) async throws -> InstallationID {
        if let known = try await read(database) { return known }
        // The first bit is set, so that there are always twelve digits.
        let made = String((random.next() >> 16) | (1 << 47), radix: 16)
        let now = time.now().microseconds
        // Several servers may start at once: the one that is there already stands.
        _ = try await database.write { transaction in
            try await transaction.execute(
                SQLStatement(
                    "INSERT INTO installation (one, id, made_at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING",
                    [.text(made), .integer(now)]))
        }
        guard let known = try await read(database) else {
            throw StorageError.corrupt("the control database has no installation id, although one was just made")
        }
        return known
    }

    private static func read(_ database: any Database) async throws -> InstallationID? {
        let rows = try await database.read(SQLStatement("SELECT id FROM installation"), .strong)
        return try rows.first.map { InstallationID(try $0.text(0)) }
    }
}
