import Determinism
import Storage

/// What `pantry verify` found.
package struct VerificationReport: Sendable {
    package struct Finding: Sendable, Hashable {
        package var database: String
        package var invariant: String
        package var promise: String
        /// The offending rows, as `column=value` in words.
        package var rows: [String]

        package init(database: String, invariant: String, promise: String, rows: [String]) {
            (self.database, self.invariant, self.promise, self.rows) = (database, invariant, promise, rows)
        }
    }
    package var findings: [Finding] = []
    /// How many invariants were checked, and over how many orders.
    package var checked = 0
    package var orders: Int64 = 0
    package var isClean: Bool { findings.isEmpty }
    package init() {}

    mutating func note(_ invariant: StoredInvariant, _ database: String, _ rows: [String]) {
        checked += 1
        guard !rows.isEmpty else { return }
        findings.append(
            Finding(database: database, invariant: invariant.name, promise: invariant.promise, rows: rows))
    }
}

/// Checks every invariant of the stored data, the provider's own books included.
package struct Verifier: Sendable {
    let shards: [(name: String, database: any Database, dialect: Dialect)]
    let provider: (any Database)?
    let time: any TimeSource

    /// - Parameter provider: the sandbox's file; nil where the books are somebody else's.
    package init(
        shards: [(name: String, database: any Database, dialect: Dialect)], provider: (any Database)?,
        time: any TimeSource
    ) {
        (self.shards, self.provider, self.time) = (shards, provider, time)
    }

    package func run() async throws -> VerificationReport {
        var report = VerificationReport()
        for shard in shards {
            let (plain, ofJSON) = (
                ShardInvariants.all.filter { !$0.readsJSON }, ShardInvariants.all.filter(\.readsJSON)
            )
            let result = try await shard.database.read(
                plain.map { $0.statement(for: shard.dialect) } + [SQLStatement("SELECT COUNT(*) FROM orders")], .strong)
            for (invariant, rows) in zip(plain, result.rows) {
                report.note(invariant, shard.name, rows.map { Self.words($0, invariant) })
            }
            report.orders += try result.rows[result.rows.count - 1][0].integer(0)
            // Each in a snapshot of its own: a row that is no JSON must not hide what else is wrong.
            for invariant in ofJSON {
                report.note(invariant, shard.name, try await Self.offenders(invariant, shard.database, shard.dialect))
            }
        }
        if let provider { try await checkBooks(provider, into: &report) }
        return report
    }

    private static func offenders(
        _ invariant: StoredInvariant, _ database: any Database, _ dialect: Dialect
    ) async throws -> [String] {
        do {
            return try await database.read(invariant.statement(for: dialect), .strong).map { words($0, invariant) }
        } catch {
            switch error {
            // No JSON, or a number that does not fit.
            case .statement(let reason), .constraint(let reason):
                return ["cause=some row's JSON cannot be read: \(reason)"]
            default: throw error
            }
        }
    }

    private static func words(_ row: SQLRow, _ invariant: StoredInvariant) -> String {
        var (parts, column): ([String], Int) = ([], 0)
        for name in invariant.columns {
            let isSum = invariant.sums.contains(name)
            let text = isSum ? (try? WideSum.read(row, at: column)).map(\.description) : words(row.values[column])
            parts.append("\(name)=\(text ?? "unreadable")")
            column += isSum ? 2 : 1
        }
        return parts.joined(separator: " ")
    }

    private static func words(_ value: SQLValue) -> String {
        switch value {
        case .null: "none"
        case .integer(let number): "\(number)"
        case .text(let text): text
        case .uuid(let id): id.base32
        case .bytes(let bytes): UUIDv7(bytes: bytes)?.base32 ?? "\(bytes.count) bytes"
        }
    }
}
