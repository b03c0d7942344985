/// One logical database: a primary that takes writes and, where there are any, replicas that serve reads.
///
/// Small commands are not written here but through the ``WriteLane``. A decision never rests on ``read(_:_:for:)``:
/// what decides a write is read inside that write's transaction.
public protocol Database: Sendable {
    /// Runs the statements in one read-only snapshot and answers with their rows, in order. A statement's text may
    /// stand in logs and traces: values belong in its parameters.
    /// - Parameter organization: whose read it is; nil for nobody's in particular. Where reads wait for each other,
    ///   organizations have fair shares. It does not limit what the statements see.
    /// - Throws: ``StorageError``
    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult

    /// Runs `body` in one transaction on the primary and commits when it returns; rolls back when it throws. This is
    /// the slow path, for what is not a batch of small commands: imports, migrations, moves.
    ///
    /// Each statement sees what was committed before it, and others may commit between two of them (PostgreSQL's READ
    /// COMMITTED; SQLite has one writer at a time, which is more): a change that rests on what was read before carries
    /// its guard with it, in its `WHERE`. `body` may be run more than once.
    /// - Throws: what `body` throws, or ``StorageError``
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value
}

extension Database {
    /// Runs the statements in one read-only snapshot, for no organization in particular.
    public func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency
    ) async throws(StorageError) -> ReadResult {
        try await read(statements, consistency, for: nil)
    }

    /// Reads with one statement.
    public func read(_ statement: SQLStatement, _ consistency: ReadConsistency) async throws(StorageError) -> [SQLRow] {
        try await read([statement], consistency).rows[0]
    }
}

/// An open transaction on a primary. It ends with the closure it was handed to.
public protocol Transaction: Sendable {
    /// Runs one statement and answers with its rows (those of a `SELECT`, or of `RETURNING`).
    /// - Throws: ``StorageError``
    @discardableResult
    func execute(_ statement: SQLStatement) async throws(StorageError) -> [SQLRow]
}

/// How fresh a read must be.
public enum ReadConsistency: Sendable, Hashable {
    /// The primary's present state.
    case strong
    /// The primary's present state, and in ``ReadResult/position`` how far its log was behind the read: at or beyond
    /// every commit that the read has seen.
    case strongWithPosition
    /// Any replica within the configured staleness.
    case eventual
    /// A state that holds everything up to this position, such as the caller's own write.
    case atLeast(CommitPosition)
}

/// The rows of each statement, and who served them.
public struct ReadResult: Sendable {
    /// One array of rows for each statement.
    public let rows: [[SQLRow]]
    /// Who answered, such as `shard-0/primary`, or `shard-0/replica-1; lag=12ms`: its state holds everything that was
    /// committed more than that long ago.
    public let servedBy: String
    /// How far the primary's log was behind the read, if ``ReadConsistency/strongWithPosition`` has asked for it; nil
    /// also where the database has no replicas that could be behind.
    public let position: CommitPosition?

    /// A result.
    public init(rows: [[SQLRow]], servedBy: String, position: CommitPosition? = nil) {
        (self.rows, self.servedBy, self.position) = (rows, servedBy, position)
    }
}
