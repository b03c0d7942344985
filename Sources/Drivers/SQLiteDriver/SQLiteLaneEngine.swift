import Determinism
import GRDB
import GRDBSQLite
import Storage

/// Drives batches of the write lane inside one closure on the writer: no hop between lock and commit.
extension SQLiteDatabase {
    /// Runs the batch to its end; see ``Storage/LaneEngine``.
    public func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        writerGate.enter { [self] in
            let work: @Sendable (GRDB.Database) -> Void = { [self] connection in
                let ending = drive(batch, on: connection, lane)
                writerGate.leave()
                whenEnded(ending)
            }
            // A closed database fails every statement, whoever asks.
            if !writer.perform({ [pool] in pool.writeWithoutTransaction(work) }) {
                pool.asyncWriteWithoutTransaction(work)
            }
        }
    }

    private func drive(
        _ batch: BatchMachine, on connection: GRDB.Database, _ state: LaneState
    ) -> BatchMachine.Ending {
        var batch = batch
        let now = time.now()
        var action: BatchMachine.Action
        do {
            try connection.step("BEGIN IMMEDIATE")
            try state.forgetIfOthersWrote(connection)
            action = batch.handle(.begun, now: now)
        } catch {
            action = batch.handle(.failed(failure(error)), now: now)
        }
        while true {
            let event: BatchMachine.Event
            do {
                switch action {
                case .load(let loads):
                    event = .loaded(try loads.map { try state.records($0, connection) })
                case .write(let changes, let appended):
                    try state.write(changes, appended, connection)
                    try commit(connection)
                    state.keepWritten(changes)
                    event = .committed
                case .end(let ending):
                    if connection.isInsideTransaction { try? connection.step("ROLLBACK") }
                    return ending
                }
            } catch {
                // Free the locks before anything else is tried; a commit that failed may have done so itself.
                if connection.isInsideTransaction { try? connection.step("ROLLBACK") }
                state.cache.removeAll()
                event = .failed(failure(error))
            }
            action = batch.handle(event, now: now)
        }
    }

    private func commit(_ connection: GRDB.Database) throws {
        configuration.commitObserver?(.before)
        let began = time.instant()
        do { try connection.step("COMMIT") } catch { throw storageError(error).fromCommit }
        configuration.commitDurationObserver?(time.instant() - began)
        configuration.commitObserver?(.after)
    }

    private func failure(_ error: any Error) -> StorageError {
        let failure = storageError(error)
        observe(failure)
        return failure
    }

    private func storageError(_ error: any Error) -> StorageError { StorageError(error, path: configuration.path) }
}

/// What the lane keeps between batches. Touched on the writer's queue only, which takes one closure at a time.
final class LaneState: @unchecked Sendable {
    var cache = RecordCache()
    let statements = TableStatements()
    private let binder = RowBinder()
    private var dataVersion: Int64?
    private var written: [Int] = []

    /// Frees what keeps a connection from closing.
    func close() {
        statements.removeAll()
        cache.removeAll()
    }

    /// Called inside a transaction: what has been committed by other connections, of any process, is visible from here
    /// on.
    func forgetIfOthersWrote(_ connection: GRDB.Database) throws {
        let version = try connection.integer("PRAGMA data_version")
        if version != dataVersion { cache.removeAll() }
        dataVersion = version
    }

    // MARK: reading

    func records(_ load: Load, _ connection: GRDB.Database) throws -> [AnyRecord] {
        guard let key = load.key else { return try search(load, connection) }
        if let known = cache.find(key) { return [known] }
        let select = try statements.of(key.table, on: connection).select(connection)
        defer { sqlite3_reset(select) }
        bind(key, to: select)
        return try read(select, load, connection, keeps: true)
    }

    private func search(_ load: Load, _ connection: GRDB.Database) throws -> [AnyRecord] {
        guard let selection = load.selection else { return [] }
        let text = "\(selection.table.selectAllText) WHERE \(selection.condition)"
        let select = try connection.cachedStatement(sql: text).sqliteStatement
        defer { sqlite3_reset(select) }
        for (index, value) in selection.parameters.enumerated() {
            let place = sqlite3_bind_parameter_index(select, "$\(index + 1)")
            guard place > 0 else { throw StorageError.statement("“\(text)” has no $\(index + 1)") }
            sqliteBind(value, to: select, at: place)
        }
        return try read(select, load, connection, keeps: false)
    }

    private func read(
        _ select: SQLiteStatement, _ load: Load, _ connection: GRDB.Database, keeps: Bool
    ) throws -> [AnyRecord] {
        var records: [AnyRecord] = []
        let row = RowReader(select)
        while true {
            switch sqlite3_step(select) {
            case SQLITE_ROW:
                row.begin()
                let record = try load.decoder.decode(row)
                if keeps { cache.store(record, bytes: row.byteCount) }
                records.append(record)
            case SQLITE_DONE: return records
            default: throw SQLiteFailure(connection.sqliteConnection)
            }
        }
    }

    // MARK: writing

    func write(_ changes: [RowChange], _ appended: [AnyRecord], _ connection: GRDB.Database) throws {
        written.removeAll(keepingCapacity: true)
        for change in changes {
            switch change {
            case .insert(let record): try insert(record, connection)
            case .update(let record): try update(record, connection)
            case .delete(let key): try delete(key, connection)
            }
            written.append(binder.byteCount)
        }
        for record in appended { try insert(record, connection) }
    }

    /// The changes are committed: from now on they are what is stored.
    func keepWritten(_ changes: [RowChange]) {
        for (change, bytes) in zip(changes, written) {
            switch change {
            case .insert(let record), .update(let record): cache.store(record, bytes: bytes)
            case .delete(let key): cache.remove(key)
            }
        }
    }

    private func insert(_ record: AnyRecord, _ connection: GRDB.Database) throws {
        let insert = try statements.of(record.key.table, on: connection).insert(connection)
        defer { sqlite3_reset(insert) }
        binder.begin(insert)
        record.write(to: binder)
        if record.version > 0 { binder.integer(record.version) }
        guard sqlite3_step(insert) == SQLITE_DONE else { throw SQLiteFailure(connection.sqliteConnection) }
    }

    private func update(_ record: AnyRecord, _ connection: GRDB.Database) throws {
        let set = statements.of(record.key.table, on: connection)
        let update = try set.update(connection)
        defer { sqlite3_reset(update) }
        binder.begin(update, places: set.updatePlaces)
        record.write(to: binder)
        sqlite3_bind_int64(update, set.versionPlace, record.version - 1)
        try expectOneRow(update, connection) {
            "\(record.key.table.name) \(record.key.parameters) changed since it was read"
        }
    }

    private func delete(_ key: RecordKey, _ connection: GRDB.Database) throws {
        let delete = try statements.of(key.table, on: connection).delete(connection)
        defer { sqlite3_reset(delete) }
        bind(key, to: delete)
        try expectOneRow(delete, connection) { "\(key.table.name) \(key.parameters) was deleted since it was read" }
    }

    private func expectOneRow(
        _ statement: SQLiteStatement, _ connection: GRDB.Database, otherwise: () -> String
    ) throws {
        guard sqlite3_step(statement) == SQLITE_DONE else { throw SQLiteFailure(connection.sqliteConnection) }
        guard sqlite3_changes(connection.sqliteConnection) == 1 else { throw StorageError.conflict(otherwise()) }
    }

    private func bind(_ key: RecordKey, to statement: SQLiteStatement) {
        binder.begin(statement)
        for part in key.table.key {
            switch part {
            case .organization: binder.integer(key.organization)
            case .text: binder.text(key.text)
            case .id: binder.uuid(key.id)
            case .number: binder.integer(key.number)
            }
        }
    }
}

extension GRDB.Database {
    fileprivate func step(_ text: String) throws {
        let prepared = try cachedStatement(sql: text).sqliteStatement
        defer { sqlite3_reset(prepared) }
        guard sqlite3_step(prepared) == SQLITE_DONE else { throw SQLiteFailure(sqliteConnection) }
    }

    fileprivate func integer(_ text: String) throws -> Int64 {
        let prepared = try cachedStatement(sql: text).sqliteStatement
        defer { sqlite3_reset(prepared) }
        guard sqlite3_step(prepared) == SQLITE_ROW else { throw SQLiteFailure(sqliteConnection) }
        return sqlite3_column_int64(prepared, 0)
    }
}
