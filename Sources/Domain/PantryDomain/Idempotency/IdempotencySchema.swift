import Determinism
import Storage

/// The table of ``IdempotencyRecord``, in shards and in the control database.
package enum IdempotencySchema {
    package static let table = """
        CREATE TABLE idempotency_keys (
          organization {int} NOT NULL, scope TEXT NOT NULL, fingerprint TEXT NOT NULL, created_at {int} NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('running', 'settled')), kind TEXT, document TEXT, subject {id},
          saga {id},
          version {int} NOT NULL,
          PRIMARY KEY (organization, scope)
        ) {table}
        """
    /// For forgetting keys after their time.
    package static let index = "CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at)"

    /// Forgets keys that were first seen before a moment, those that are settled and those of imports that were given
    /// up, which alone have a document before; in small transactions, because commands wait meanwhile.
    /// - Returns: how many were forgotten; 0 when there are no more.
    package static func forget(before moment: Timestamp, limit: Int, in database: any Database) async throws -> Int {
        let condition = "created_at < $1 AND (state = 'settled' OR document IS NOT NULL)"
        // Looked for first: a commit with nothing in it would still be a sync of the disk.
        let old = try await database.read(
            SQLStatement(
                "SELECT 1 FROM idempotency_keys WHERE \(condition) LIMIT 1", [.integer(moment.microseconds)]), .strong)
        if old.isEmpty { return 0 }
        return try await database.write { transaction in
            try await transaction.execute(
                SQLStatement(
                    """
                    DELETE FROM idempotency_keys WHERE (organization, scope) IN (
                      SELECT organization, scope FROM idempotency_keys
                      WHERE \(condition) ORDER BY created_at LIMIT $2)
                    RETURNING created_at
                    """, [.integer(moment.microseconds), .integer(Int64(limit))])
            ).count
        }
    }
}
