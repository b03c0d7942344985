import Determinism
import GRDB
import GRDBSQLite
import Storage

/// Drives batches of the write lane inside one closure on the writer: no hop between lock and commit.
extension SQLiteDatabase {
    /// Runs the batch to its end; see ``Storage/LaneEngine``.
    public func run(_ batch: BatchMachine) async -> [BatchMachine] {
        await writerGate.enter()
        let ending: BatchMachine.Ending = await withCheckedContinuation { continuation in
            pool.asyncWriteWithoutTransaction { [self] connection in
                continuation.resume(returning: drive(batch, on: connection))
            }
        }
        writerGate.leave()
        ending.settle()
        return ending.again
    }

    private func drive(_ batch: BatchMachine, on connection: GRDB.Database) -> BatchMachine.Ending {
        var batch = batch
        let now = time.now()
        var action: BatchMachine.Action
        do {
            try connection.step("BEGIN IMMEDIATE")
            action = batch.handle(.begun, now: now)
        } catch {
            action = batch.handle(.failed(failure(error)), now: now)
        }
        while true {
            let event: BatchMachine.Event
            do {
                switch action {
                case .load(let loads):
                    event = .loaded(try loads.map(connection.records))
                case .write(let changes, let appended):
                    for change in changes { try connection.write(change) }
                    for record in appended { try connection.insert(record) }
                    try commit(connection)
                    event = .committed
                case .end(let ending):
                    if connection.isInsideTransaction { try? connection.step("ROLLBACK") }
                    return ending
                }
            } catch {
                // Free the locks before anything else is tried; a commit that failed may have done so itself.
                if connection.isInsideTransaction { try? connection.step("ROLLBACK") }
                event = .failed(failure(error))
            }
            action = batch.handle(event, now: now)
        }
    }

    private func commit(_ connection: GRDB.Database) throws {
        configuration.commitObserver?(.before)
        do { try connection.step("COMMIT") } catch { throw storageError(error).fromCommit }
        configuration.commitObserver?(.after)
    }

    private func failure(_ error: any Error) -> StorageError {
        let failure = storageError(error)
        observe(failure)
        return failure
    }

    private func storageError(_ error: any Error) -> StorageError { StorageError(error, path: configuration.path) }
}

extension GRDB.Database {
    fileprivate func step(_ text: String) throws {
        let prepared = try cachedStatement(sql: text).sqliteStatement
        defer { sqlite3_reset(prepared) }
        guard sqlite3_step(prepared) == SQLITE_DONE else { throw SQLiteFailure(sqliteConnection) }
    }

    fileprivate func records(_ load: Load) throws -> [AnyRecord] {
        let prepared: SQLiteStatement
        if let key = load.key {
            prepared = try cachedStatement(sql: key.table.selectText).sqliteStatement
            bind(key, to: prepared, from: 1)
        } else if let selection = load.selection {
            let text = "\(selection.table.selectAllText) WHERE \(selection.condition)"
            prepared = try cachedStatement(sql: text).sqliteStatement
            for (index, value) in selection.parameters.enumerated() {
                let place = sqlite3_bind_parameter_index(prepared, "$\(index + 1)")
                guard place > 0 else { throw StorageError.statement("“\(text)” has no $\(index + 1)") }
                sqliteBind(value, to: prepared, at: place)
            }
        } else {
            return []
        }
        defer { sqlite3_reset(prepared) }
        var records: [AnyRecord] = []
        let row = SQLiteRowReader(prepared)
        while true {
            switch sqlite3_step(prepared) {
            case SQLITE_ROW:
                row.column = 0
                records.append(try load.decoder.decode(row))
            case SQLITE_DONE: return records
            default: throw SQLiteFailure(sqliteConnection)
            }
        }
    }

    fileprivate func write(_ change: RowChange) throws {
        switch change {
        case .insert(let record): try insert(record)
        case .update(let record):
            let table = record.key.table
            let prepared = try cachedStatement(sql: table.updateText).sqliteStatement
            defer { sqlite3_reset(prepared) }
            record.write(to: SQLiteRowWriter(prepared, places: table.updateParameters))
            try expectOneRow(prepared, "\(table.name) \(record.key.parameters) changed since it was read")
        case .delete(let key):
            let prepared = try cachedStatement(sql: key.table.deleteText).sqliteStatement
            defer { sqlite3_reset(prepared) }
            bind(key, to: prepared, from: 1)
            try expectOneRow(prepared, "\(key.table.name) \(key.parameters) was deleted since it was read")
        }
    }

    fileprivate func insert(_ record: AnyRecord) throws {
        let prepared = try cachedStatement(sql: record.key.table.insertText).sqliteStatement
        defer { sqlite3_reset(prepared) }
        record.write(to: SQLiteRowWriter(prepared, places: nil))
        guard sqlite3_step(prepared) == SQLITE_DONE else { throw SQLiteFailure(sqliteConnection) }
    }

    private func expectOneRow(_ prepared: SQLiteStatement, _ otherwise: @autoclosure () -> String) throws {
        guard sqlite3_step(prepared) == SQLITE_DONE else { throw SQLiteFailure(sqliteConnection) }
        guard sqlite3_changes(sqliteConnection) == 1 else { throw StorageError.conflict(otherwise()) }
    }

    private func bind(_ key: RecordKey, to prepared: SQLiteStatement, from first: Int32) {
        var index = first
        for part in key.table.key {
            switch part {
            case .organization: sqlite3_bind_int64(prepared, index, key.organization)
            case .text: sqliteBind(key.text, to: prepared, at: index)
            case .id: sqliteBind(key.id, to: prepared, at: index)
            case .number: sqlite3_bind_int64(prepared, index, key.number)
            }
            index += 1
        }
    }
}

/// Reads the columns of the row that a statement stands on.
private final class SQLiteRowReader: ColumnReader {
    let prepared: SQLiteStatement
    var column: Int32 = 0

    init(_ prepared: SQLiteStatement) { self.prepared = prepared }

    private func next(_ type: Int32, _ name: String) throws -> Int32 {
        defer { column += 1 }
        guard sqlite3_column_type(prepared, column) == type else {
            throw StorageError.corrupt("column \(column) of “\(String(cString: sqlite3_sql(prepared)))” is not \(name)")
        }
        return column
    }
    private func skipNull() -> Bool {
        guard sqlite3_column_type(prepared, column) == SQLITE_NULL else { return false }
        column += 1
        return true
    }
    func integer() throws -> Int64 { sqlite3_column_int64(prepared, try next(SQLITE_INTEGER, "an integer")) }
    func optionalInteger() throws -> Int64? { skipNull() ? nil : try integer() }
    func text() throws -> String { sqliteText(prepared, try next(SQLITE_TEXT, "text")) }
    func optionalText() throws -> String? { skipNull() ? nil : try text() }
    func uuid() throws -> UUIDv7 {
        guard let id = sqliteUUID(prepared, try next(SQLITE_BLOB, "an id")) else {
            throw StorageError.corrupt("an id does not have 16 bytes")
        }
        return id
    }
    func optionalUUID() throws -> UUIDv7? { skipNull() ? nil : try uuid() }
    func bytes() throws -> [UInt8] { sqliteBytes(prepared, try next(SQLITE_BLOB, "bytes")) }
}

/// Binds a record's columns, in order or (for an update) to the places that the table's text has for them.
private final class SQLiteRowWriter: ColumnWriter {
    let prepared: SQLiteStatement
    let places: [Int]?
    var column = 0

    init(_ prepared: SQLiteStatement, places: [Int]?) { (self.prepared, self.places) = (prepared, places) }

    /// The next column's parameter, or nil when the statement does not mention the column.
    private func next() -> Int32? {
        defer { column += 1 }
        guard let places else { return Int32(column + 1) }
        return places[column] == 0 ? nil : Int32(places[column])
    }
    func integer(_ value: Int64?) {
        guard let place = next() else { return }
        if let value { sqlite3_bind_int64(prepared, place, value) } else { sqlite3_bind_null(prepared, place) }
    }
    func text(_ value: String?) {
        guard let place = next() else { return }
        if let value { sqliteBind(value, to: prepared, at: place) } else { sqlite3_bind_null(prepared, place) }
    }
    func uuid(_ value: UUIDv7?) {
        guard let place = next() else { return }
        if let value { sqliteBind(value, to: prepared, at: place) } else { sqlite3_bind_null(prepared, place) }
    }
    func bytes(_ value: [UInt8]) {
        if let place = next() { sqliteBind(.bytes(value), to: prepared, at: place) }
    }
}
