import Determinism

/// Brings a database to a schema, one transaction for each migration, so that an interrupted run is simply run again.
public struct Migrator: Sendable {
    private let schema: [Migration]
    private let dialect: Dialect
    private let history: String

    /// A migrator to this schema (numbers rising from 1 without gaps).
    /// - Parameter history: the table that remembers what was applied; schemas that share a database have one each.
    public init(_ schema: [Migration], dialect: Dialect, history: StaticString = "schema_migrations") {
        self.history = "\(history)"
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
                if dialect == .postgres {
                    try await transaction.execute(Self.onlyOneMigrates)
                    try await transaction.execute(Self.locksAreWaitedForAWhile)
                }
                for text in historyTable { try await transaction.execute(SQLStatement(text)) }
                // Somebody else may have applied it since the plan was made.
                let applied = try await transaction.execute(
                    SQLStatement(
                        "SELECT 1 FROM \(history) WHERE number = $1", [.integer(Int64(migration.number))]))
                guard applied.isEmpty else { return }
                if dialect == .postgres { try await Self.lock(migration.droppedTables, in: transaction) }
                for text in statements { try await transaction.execute(SQLStatement(text)) }
                try await transaction.execute(
                    SQLStatement(
                        "INSERT INTO \(history) (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
                        [
                            .integer(Int64(migration.number)), .text(migration.name), .text(migration.checksum),
                            .integer(appliedAt),
                        ]))
            }
        }
        return plan.pending
    }

    /// Two servers that start at the same moment take turns; SQLite has one writer anyway. The number says `pantry`.
    private static let onlyOneMigrates = SQLStatement("SELECT pg_advisory_xact_lock(123585053946489)")

    /// Whoever waits for a table that somebody reads for long stands before all others who want it. Better to fail, and
    /// to be run again, than to keep the servers that are at work waiting.
    private static let locksAreWaitedForAWhile = SQLStatement("SET LOCAL lock_timeout = 5000")

    /// What others commit to a table while its rows are being taken over would go with it: a rebuild has nobody else
    /// there. SQLite has one writer.
    private static func lock(_ tables: [String], in transaction: any Transaction) async throws {
        for table in tables {
            let isThere = SQLStatement("SELECT 1 WHERE to_regclass($1) IS NOT NULL", [.text(table)])
            if try await transaction.execute(isThere).isEmpty { continue }
            try await transaction.execute(SQLStatement("LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE"))
        }
    }

    private var historyTable: [String] {
        Migration(
            0, "history",
            [
                """
                CREATE TABLE IF NOT EXISTS \(history) (
                  number {int} PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at {int} NOT NULL
                ) {table}
                """
            ]
        ).statements(for: dialect)
    }

    private func applied(in database: any Database) async throws -> [MigrationPlan.Applied] {
        let existing =
            switch dialect {
            case .sqlite: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '\(history)'"
            case .postgres: "SELECT 1 WHERE to_regclass('\(history)') IS NOT NULL"
            }
        guard try await !database.read(SQLStatement(existing), .strong).isEmpty else { return [] }
        let rows = try await database.read(
            SQLStatement("SELECT number, name, checksum FROM \(history) ORDER BY number"), .strong)
        return try rows.map {
            MigrationPlan.Applied(number: Int(try $0.integer(0)), name: try $0.text(1), checksum: try $0.text(2))
        }
    }
}
