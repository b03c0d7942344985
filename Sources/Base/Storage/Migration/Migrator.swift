import Determinism

/// Brings a database to a schema, one transaction for each migration, so that an interrupted run is simply run again.
public struct Migrator: Sendable {
    private let schema: [Migration]
    private let dialect: Dialect

    /// A migrator to this schema (numbers rising from 1 without gaps).
    public init(_ schema: [Migration], dialect: Dialect) {
        precondition(
            schema.map(\.number).elementsEqual(1..<schema.count + 1), "migrations are numbered from 1 without gaps")
        (self.schema, self.dialect) = (schema, dialect)
    }

    /// What a run would do.
    /// - Throws: ``StorageError``
    public func plan(for database: any Database) async throws -> MigrationPlan {
        try await MigrationPlan(schema: schema, applied: applied(in: database))
    }

    /// Applies what is pending and returns it.
    /// - Throws: ``StorageError``
    @discardableResult
    public func migrate(_ database: any Database, time: any TimeSource) async throws -> [Migration] {
        let plan = try await plan(for: database)
        for migration in plan.pending {
            let statements = migration.statements(for: dialect)
            let appliedAt = time.now().microseconds
            try await database.write { transaction in
                for text in historyTable { try await transaction.execute(SQLStatement(text)) }
                // Somebody else may have applied it since the plan was made.
                let applied = try await transaction.execute(
                    SQLStatement(
                        "SELECT 1 FROM schema_migrations WHERE number = $1", [.integer(Int64(migration.number))]))
                guard applied.isEmpty else { return }
                for text in statements { try await transaction.execute(SQLStatement(text)) }
                try await transaction.execute(
                    SQLStatement(
                        "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
                        [
                            .integer(Int64(migration.number)), .text(migration.name), .text(migration.checksum),
                            .integer(appliedAt),
                        ]))
            }
        }
        return plan.pending
    }

    private var historyTable: [String] {
        Migration(
            0, "history",
            [
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                  number {int} PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at {int} NOT NULL
                ) {table}
                """
            ]
        ).statements(for: dialect)
    }

    private func applied(in database: any Database) async throws -> [MigrationPlan.Applied] {
        let existing =
            switch dialect {
            case .sqlite: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"
            case .postgres: "SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL"
            }
        guard try await !database.read(SQLStatement(existing), .strong).isEmpty else { return [] }
        let rows = try await database.read(
            SQLStatement("SELECT number, name, checksum FROM schema_migrations ORDER BY number"), .strong)
        return try rows.map {
            MigrationPlan.Applied(number: Int(try $0.integer(0)), name: try $0.text(1), checksum: try $0.text(2))
        }
    }
}
