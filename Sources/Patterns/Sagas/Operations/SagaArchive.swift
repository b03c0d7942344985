import Determinism
import Storage

/// What people look for among sagas.
public struct SagaFilter: Sendable, Hashable {
    /// Of this organization only.
    public var organization: Int64?
    /// In this state only.
    public var state: SagaStateMachine.State?
    /// Of this definition only.
    public var definition: String?
    /// About this only.
    public var subject: UUIDv7?
    /// Before this one, in the order of their ids, the youngest first.
    public var before: SagaID?
    /// At most so many, 1…1,000.
    public var limit = 100
    /// All of them.
    public init() {}
}

/// A definition's version that unfinished sagas began with and nobody here serves.
public struct SagaMisfits: Sendable, Hashable {
    /// The definition's name.
    public let definition: String
    /// The version.
    public let version: Int64
    /// How many unfinished sagas there are of it.
    public let count: Int64
    /// Some of them.
    public let examples: [SagaID]
}

/// How long a worker may be trusted to be at work, by the clock of the database.
public struct SagaWorkerLease: Sendable, Hashable {
    /// When its process began.
    public let startedAt: Timestamp
    /// When the others may take up what it leaves, unless it renews the lease.
    public let leaseUntil: Timestamp
}

/// Sagas as people look at them: what they are, what they did, which do not fit, which are old.
public protocol SagaArchive: Sendable {
    /// One saga.
    func saga(_ id: SagaID, of organization: Int64) async throws -> SagaRecord?
    /// One saga of one of these organizations: whoever has its id alone knows from the id's slot which they may be.
    func saga(_ id: SagaID, ofOneOf organizations: [Int64]) async throws -> SagaRecord?
    /// The end of its history, in order: at most `limit` entries.
    func history(of saga: SagaID, in organization: Int64, limit: Int) async throws -> [SagaLogEntry]
    /// Sagas, the youngest first.
    func sagas(_ filter: SagaFilter) async throws -> [SagaRecord]
    /// Semantic locks that it holds or waits for.
    func locks(_ resources: [String], of organization: Int64) async throws -> [SagaLockRecord]
    /// A worker's lease; nil when it has retired, or has been gone for long.
    func lease(of worker: SagaWorkerID) async throws -> SagaWorkerLease?
    /// Unfinished sagas of definitions with an outline that nobody of these serves.
    func misfits(_ registry: SagaRegistry) async throws -> [SagaMisfits]
    /// Removes sagas that ended before `moment`, with their history, at most `limit` of them: first those that were
    /// begun first.
    /// - Returns: how many were removed.
    func prune(endedBefore moment: Timestamp, limit: Int) async throws -> Int
}

extension SagaArchive {
    /// All of a saga's history that is of use to people: the last 10,000 entries.
    public func history(of saga: SagaID, in organization: Int64) async throws -> [SagaLogEntry] {
        try await history(of: saga, in: organization, limit: 10_000)
    }
}

/// ``SagaArchive`` in a database.
public struct SQLSagaArchive: SagaArchive {
    let database: any Database

    /// The sagas of this database.
    public init(database: any Database) { self.database = database }

    /// See ``SagaArchive/saga(_:of:)``.
    public func saga(_ id: SagaID, of organization: Int64) async throws -> SagaRecord? {
        let statement = SQLStatement(SagaRecord.table.selectText, SagaRecord.key(organization, id).erased.parameters)
        return try await database.read(statement, .strong).first?.record()
    }

    /// See ``SagaArchive/saga(_:ofOneOf:)``.
    public func saga(_ id: SagaID, ofOneOf organizations: [Int64]) async throws -> SagaRecord? {
        for start in stride(from: 0, to: organizations.count, by: 500) {
            let part = organizations[start..<min(start + 500, organizations.count)]
            let places = (2...part.count + 1).map { "$\($0)" }.joined(separator: ", ")
            let statement = SQLStatement(
                "\(SagaRecord.table.selectAllText) WHERE organization IN (\(places)) AND id = $1",
                [.uuid(id.uuid)] + part.map { .integer($0) })
            if let row = try await database.read(statement, .strong).first { return try row.record() }
        }
        return nil
    }

    /// See ``SagaArchive/history(of:in:limit:)``.
    public func history(of saga: SagaID, in organization: Int64, limit: Int) async throws -> [SagaLogEntry] {
        let statement = SQLStatement(
            "\(SagaLogRecord.table.selectAllText) WHERE organization = $1 AND saga = $2 ORDER BY entry DESC LIMIT $3",
            [.integer(organization), .uuid(saga.uuid), .integer(Int64(limit))])
        let commits: [SagaLogRecord] = try await database.read(statement, .strong).map { try $0.record() }
        return commits.reversed().flatMap(\.entries).suffix(limit)
    }

    /// See ``SagaArchive/lease(of:)``.
    public func lease(of worker: SagaWorkerID) async throws -> SagaWorkerLease? {
        let statement = SQLStatement(
            "SELECT started_at, lease_until FROM saga_workers WHERE id = $1", [.uuid(worker.uuid)])
        return try await database.read(statement, .strong).first.map {
            SagaWorkerLease(
                startedAt: Timestamp(microseconds: try $0.integer(0)),
                leaseUntil: Timestamp(microseconds: try $0.integer(1)))
        }
    }

    /// See ``SagaArchive/locks(_:of:)``.
    public func locks(_ resources: [String], of organization: Int64) async throws -> [SagaLockRecord] {
        var locks: [SagaLockRecord] = []
        for resource in resources {
            let key = SagaLockRecord.key(organization, resource)
            let statement = SQLStatement(SagaLockRecord.table.selectText, key.erased.parameters)
            locks += try await database.read(statement, .strong).map { try $0.record() }
        }
        return locks
    }

    /// See ``SagaArchive/misfits(_:)``.
    public func misfits(_ registry: SagaRegistry) async throws -> [SagaMisfits] {
        let kinds = try await database.read(
            SQLStatement(
                """
                SELECT definition, definition_version, outline, count(*) FROM sagas
                WHERE outline IS NOT NULL AND (\(SagaSchema.isUnfinished("")) OR state = 'stuck')
                GROUP BY definition, definition_version, outline ORDER BY definition, definition_version
                """, []), .strong)
        var misfits: [SagaMisfits] = []
        for kind in kinds {
            let (name, version, outline) = (try kind.text(0), try kind.integer(1), try kind.integer(2))
            guard registry.definition(name, version: version, outline: outline) == nil else { continue }
            let examples = try await database.read(
                SQLStatement(
                    """
                    SELECT id FROM sagas
                    WHERE definition = $1 AND definition_version = $2 AND outline = $3
                      AND (\(SagaSchema.isUnfinished("")) OR state = 'stuck') ORDER BY id LIMIT 10
                    """, [.text(name), .integer(version), .integer(outline)]), .strong)
            misfits.append(
                SagaMisfits(
                    definition: name, version: version, count: try kind.integer(3),
                    examples: try examples.map { SagaID(try $0.uuid(0)) }))
        }
        return misfits
    }

    /// See ``SagaArchive/prune(endedBefore:limit:)``.
    public func prune(endedBefore moment: Timestamp, limit: Int) async throws -> Int {
        try await database.write { transaction in
            let old = try await transaction.execute(
                SQLStatement(
                    """
                    SELECT organization, id FROM sagas WHERE \(SagaSchema.isEnded("")) AND updated_at < $1
                    ORDER BY id LIMIT $2
                    """, [.integer(moment.microseconds), .integer(Int64(limit))]))
            for row in old {
                let key: [SQLValue] = [row[0], row[1]]
                for table in ["saga_log", "saga_signals", "saga_starts"] {
                    try await transaction.execute(
                        SQLStatement("DELETE FROM \(table) WHERE organization = $1 AND saga = $2", key))
                }
                // Keys of calls begin with their saga's id; the character after “/” ends the range.
                let id = SagaID(try row.uuid(1))
                try await transaction.execute(
                    SQLStatement(
                        "DELETE FROM saga_fences WHERE organization = $1 AND key >= $2 AND key < $3",
                        [row[0], .text("\(id)/"), .text("\(id)0")]))
                try await transaction.execute(
                    SQLStatement("DELETE FROM sagas WHERE organization = $1 AND id = $2", key))
            }
            return old.count
        }
    }
}
