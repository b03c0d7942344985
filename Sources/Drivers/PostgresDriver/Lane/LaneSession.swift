import ConnectionPooling
import Determinism
import ReplicaRouting
import Storage

/// The lane's connection, and the transaction that is open on it.
struct LaneSession {
    let name: String
    let servers: PostgresReplicaSet
    let limits: PostgresLaneConfiguration
    private(set) var connection: PostgresConnection?
    /// The primary that the connection leads to.
    private var route: WriteRoute?
    /// Asks how far the log is.
    private var positionStatement = Self.flushPosition
    private var isInTransaction = false
    private var statements: [ObjectIdentifier: LaneStatements] = [:]
    private var searches = LaneSearches()
    /// Whether the last request ended because others hold what it needs.
    private(set) var isBlocked = false
    /// Until when rows that others have locked are passed over.
    private var skipsUntil = Instant(nanoseconds: .min)
    private var failures = 0
    private var nextAttempt: Instant?
    /// Why the last attempt failed.
    private var lastError = StorageError.unavailable("not connected yet")

    init(name: String, servers: PostgresReplicaSet, limits: PostgresLaneConfiguration) {
        (self.name, self.servers, self.limits) = (name, servers, limits)
    }

    // MARK: connecting

    /// Connects to the primary if need be, and anew when there is another one. While the pause after a failed attempt
    /// lasts, batches fail at once.
    mutating func open(time: any TimeSource, random: any RandomSource) async throws(StorageError) {
        if let connection, let route, connection.isOpen, servers.isCurrent(route) { return }
        connection?.close()
        (connection, isInTransaction) = (nil, false)
        let target = try await servers.primaryOnceKnown()
        let now = time.instant()
        // The pause is for the server that failed, not for the one that has taken over.
        if let nextAttempt, now < nextAttempt, route?.host == target.host { throw lastError }
        route = target
        do {
            let (made, reading) = try await servers.connect(
                to: target.host, configuration(of: target.host), within: limits.connectTimeout)
            (connection, failures, nextAttempt) = (made, 0, nil)
            positionStatement = reading.durability.commitsSynchronously ? Self.flushPosition : Self.insertPosition
        } catch {
            failures += 1
            nextAttempt = time.instant() + limits.reconnecting.pause(afterFailures: failures, draw: random.next())
            lastError = error.storage
            servers.report(error, on: target)
            // Reads can wait for each other; all writes wait for this one connection.
            if error.sqlState == .tooManyConnections { servers.member(target.host).pool.evict(.all) }
            throw error.storage
        }
        guard servers.isCurrent(target) else { throw .unavailable("\(name): the primary has just changed") }
    }

    private func configuration(of host: HostIndex) -> PostgresConfiguration {
        var connection = servers.member(host).configuration
        connection.lockTimeout = limits.lockTimeout
        connection.idleInTransactionTimeout = limits.idleInTransactionTimeout
        connection.requestTimeout = limits.batchTimeout
        connection.sessionSettings.merge(Self.planning) { $1 }
        return connection
    }

    // MARK: the two trips

    /// Locks and reads, in the order of the loads; opens the transaction if need be.
    ///
    /// Waits for what other servers have locked, which in good times is a matter of milliseconds. Where the wait ends
    /// with the lock timeout, somebody holds a row and says nothing: then, and for some time after, rows are passed
    /// over instead, and only the commands that need them wait.
    mutating func load(_ loads: [Load], now: Instant) async throws(StorageError) -> LaneFindings {
        for load in loads where !knows(load.table) { try await prepare(load.table) }
        if now >= skipsUntil {
            let wasInTransaction = isInTransaction
            do { return try await load(loads, skips: false) } catch {
                guard isBlocked else { throw error.storage }
                skipsUntil = now + limits.skipTime
                // What an earlier trip of the batch has read is gone with its transaction.
                if wasInTransaction { throw error.storage }
            }
            await rollBack()
        }
        do { return try await load(loads, skips: true) } catch { throw error.storage }
    }

    private mutating func load(_ loads: [Load], skips: Bool) async throws(PostgresError) -> LaneFindings {
        var batch = PostgresBatch(effect: .uncommitted)
        begin(&batch)
        let groups = loads.groups { $0.key != nil && $1.key != nil && $0.table === $1.table }
        var readings: [LaneReading] = []
        for group in groups {
            guard let statements = statements[ObjectIdentifier(loads[group.lowerBound].table)] else { continue }
            readings.append(
                LaneReading(group, of: loads, statements, skips: skips, into: &batch) { searches.statement($0) })
        }
        let reply = try await submit(batch)
        var findings = LaneFindings(count: loads.count)
        do {
            for reading in readings { try reading.take(reply.results, into: &findings, loads) }
        } catch let error as StorageError {
            throw PostgresError(.server, error)
        } catch {
            throw PostgresError(.server, .corrupt("\(error)"))
        }
        return findings
    }

    /// Learns what the writes need to know of their tables.
    mutating func prepare(_ changes: [RowChange], _ appended: [AnyRecord]) async throws(StorageError) {
        for change in changes where !knows(change.key.table) { try await prepare(change.key.table) }
        for record in appended where !knows(record.key.table) { try await prepare(record.key.table) }
    }

    /// Writes and commits, in one trip. The tables are known by ``prepare(_:_:)``.
    /// - Returns: how far the log was after the commit, asked behind it in the same trip: before, it might not have
    ///   come to the commit's own record. Nil if that could not be found out.
    mutating func write(
        _ changes: [RowChange], _ appended: [AnyRecord]
    ) async throws(StorageError) -> CommitPosition? {
        var batch = PostgresBatch()
        begin(&batch)
        var guarded: Set<Int> = []
        appendChanges(changes, to: &batch, &guarded)
        appendInserts(appended, to: &batch)
        batch.appendCommit()
        batch.append(positionStatement)
        let reply: PostgresReply
        do { reply = try await submit(batch) } catch {
            if error.sqlState == .divisionByZero, let statement = error.statement, guarded.contains(statement) {
                throw .conflict("a row has changed since it was read")
            }
            throw error.storage
        }
        isInTransaction = false
        guard case .commits(let place?) = batch.effect, reply.results[place].commandTag == "COMMIT" else {
            throw .conflict("the transaction had failed before its commit")
        }
        return reply.results.count > place + 1 ? Self.position(reply.results[place + 1]) : nil
    }

    /// Ends a transaction that has nothing to commit.
    /// - Returns: how far the log is, which is beyond everything that was read; nil if that could not be found out.
    mutating func end() async -> CommitPosition? {
        guard let connection, connection.isOpen, isInTransaction else {
            await rollBack()
            return nil
        }
        let batch = PostgresBatch(
            [PostgresBatch.Item(positionStatement), PostgresBatch.Item(PostgresConnection.rollback)],
            effect: .uncommitted)
        let reply = try? await connection.submit(batch)
        isInTransaction = false
        await rollBack()
        return reply.flatMap { $0.results.first.flatMap(Self.position) }
    }

    /// The positions behind a commit that waited for its log to be on the disk, and behind one that did not. The
    /// timeline comes along: behind a pooler the server may be another one than a moment ago.
    private static let flushPosition = PostgresStatement(
        "SELECT pg_walfile_name(pg_current_wal_insert_lsn()), (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint")
    private static let insertPosition = PostgresStatement(
        "SELECT pg_walfile_name(pg_current_wal_insert_lsn()), (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")

    private static func position(_ result: PostgresResult) -> CommitPosition? {
        let row = result.reader()
        guard let name = try? row.text(), let timeline = Timeline(walFileName: name), let offset = try? row.integer()
        else { return nil }
        let end = LSN(bytes: UInt64(bitPattern: offset)).withoutPageHeader()
        return CommitPosition(timeline: timeline.number, offset: end.bytes)
    }

    /// Gives the locks back, if there are any. A connection on which that fails is let go of, and they with it.
    mutating func rollBack() async {
        guard let connection, isInTransaction || !connection.isClean else { return }
        isInTransaction = false
        do {
            _ = try await connection.submit(
                PostgresBatch([PostgresBatch.Item(PostgresConnection.rollback)], effect: .uncommitted))
            if connection.isClean { return }
        } catch {}
        connection.close()
        self.connection = nil
    }

    private mutating func begin(_ batch: inout PostgresBatch) {
        guard !isInTransaction else { return }
        isInTransaction = true
        batch.append(Self.begin)
        guard let route, servers.member(route.host).hidesServer else { return }
        var settings = Self.planning
        settings["lock_timeout"] = "\(limits.lockTimeout.wholeMilliseconds)"
        settings["idle_in_transaction_session_timeout"] = "\(limits.idleInTransactionTimeout.wholeMilliseconds)"
        let calls = settings.sorted { $0.key < $1.key }.map { "set_config('\($0.key)', '\($0.value)', true)" }
        batch.append("SELECT \(calls.joined(separator: ", "))")
    }

    /// All that a lane does goes by keys: one descent of an index for each row, planned once. The planner knows the
    /// lists of keys by a guess only, and would rather read a table from end to end that is small by its statistics,
    /// however many dead versions of its rows a hot product has left there.
    private static let planning = [
        "enable_hashjoin": "off", "enable_mergejoin": "off", "enable_seqscan": "off", "jit": "off",
        "plan_cache_mode": "force_generic_plan",
    ]

    private mutating func submit(_ batch: PostgresBatch) async throws(PostgresError) -> PostgresReply {
        isBlocked = false
        guard let connection else {
            throw PostgresError(.connectionLost, .unavailable("\(name) is not connected"))
        }
        do { return try await connection.submit(batch) } catch {
            if let route { servers.report(error, on: route) }
            isBlocked = error.sqlState == .lockNotAvailable || error.sqlState == .deadlockDetected
            throw error
        }
    }

    private static let begin = PostgresStatement("BEGIN")

    // MARK: writing

    private func appendChanges(_ changes: [RowChange], to batch: inout PostgresBatch, _ guarded: inout Set<Int>) {
        var index = 0
        while index < changes.count {
            let (table, kind) = (changes[index].key.table, changes[index].kind)
            let end = changes[index...].firstIndex { $0.key.table !== table || $0.kind != kind } ?? changes.endIndex
            defer { index = end }
            guard let statements = statements[ObjectIdentifier(table)] else { continue }
            switch kind {
            case .insert: append(inserts: changes[index..<end].compactMap(\.record), statements, to: &batch)
            case .update:
                let lists = ColumnArrays(statements.updateTypes, lists: statements.updateLists)
                for case let record? in changes[index..<end].lazy.map(\.record) {
                    lists.beginRow()
                    record.write(to: lists)
                    lists.integer(record.version - 1)
                }
                guarded.insert(batch.items.count)
                batch.append(statements.update, lists.parameters)
            case .delete:
                let keys = ColumnArrays(statements.keyTypes)
                for change in changes[index..<end] {
                    keys.beginRow()
                    keys.key(change.key)
                }
                guarded.insert(batch.items.count)
                batch.append(statements.delete, keys.parameters)
            }
        }
    }

    /// Rows of one table together, tables in the order in which they first occur.
    private func appendInserts(_ records: [AnyRecord], to batch: inout PostgresBatch) {
        var tables: [ObjectIdentifier] = []
        var byTable: [ObjectIdentifier: [AnyRecord]] = [:]
        for record in records {
            let table = ObjectIdentifier(record.key.table)
            if byTable[table] == nil { tables.append(table) }
            byTable[table, default: []].append(record)
        }
        for table in tables {
            guard let statements = statements[table], let records = byTable[table] else { continue }
            append(inserts: records, statements, to: &batch)
        }
    }

    private func append(inserts records: [AnyRecord], _ statements: LaneStatements, to batch: inout PostgresBatch) {
        let lists = ColumnArrays(statements.types)
        for record in records {
            lists.beginRow()
            record.write(to: lists)
            if record.version > 0 { lists.integer(record.version) }
        }
        batch.append(statements.insert, lists.parameters)
    }

    // MARK: tables

    private func knows(_ table: Table) -> Bool { statements[ObjectIdentifier(table)] != nil }

    /// Asks the catalog for the types of a table's columns, once. A list of nothing but `NULL` does not tell its type.
    private mutating func prepare(_ table: Table) async throws(StorageError) {
        var parameters = PostgresParameters()
        parameters.append(table.name)
        let catalog = PostgresBatch(
            [PostgresBatch.Item(Self.catalog, parameters)], effect: isInTransaction ? .uncommitted : .reads)
        let reader: PostgresRowReader
        do { reader = try await submit(catalog).first.reader() } catch { throw error.storage }
        var types: [String: UInt32] = [:]
        do {
            var row = 0
            while true {
                reader.begin(row: row)
                guard let name = try? reader.text() else { break }
                types[name] = UInt32(truncatingIfNeeded: try reader.integer())
                row += 1
            }
        } catch { throw .corrupt("the catalog's answer on “\(table.name)” cannot be read: \(error)") }
        if types.isEmpty { throw .unavailable("“\(name)” has no table “\(table.name)”; run `pantry migrate`") }
        var columns: [LaneColumnType] = []
        for column in table.columns {
            guard let type = types[column].flatMap(LaneColumnType.init) else {
                throw .corrupt("“\(table.name)” has no column “\(column)” of type bigint, text, uuid or bytea")
            }
            columns.append(type)
        }
        statements[ObjectIdentifier(table)] = LaneStatements(table, types: columns)
    }

    private static let catalog = PostgresStatement(
        """
        SELECT attname::text, atttypid::bigint FROM pg_attribute
        WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
        """)
}

extension RowChange {
    fileprivate enum Kind { case insert, update, delete }
    fileprivate var kind: Kind {
        switch self {
        case .insert: .insert
        case .update: .update
        case .delete: .delete
        }
    }
    fileprivate var record: AnyRecord? {
        switch self {
        case .insert(let record), .update(let record): record
        case .delete: nil
        }
    }
}
