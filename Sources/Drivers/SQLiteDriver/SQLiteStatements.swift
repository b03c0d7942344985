import Determinism
import GRDB
import GRDBSQLite
import Storage

private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

/// A result code that is not one of success.
struct SQLiteFailure: Error {
    let code: Int32
    let message: String

    init(_ connection: SQLiteConnection?) {
        code = sqlite3_extended_errcode(connection)
        message = String(cString: sqlite3_errmsg(connection))
    }
}

extension GRDB.Database {
    /// Runs one statement and reads all its rows.
    func rows(of statement: SQLStatement) throws -> [SQLRow] {
        let prepared = try cachedStatement(sql: statement.text).sqliteStatement
        defer {
            sqlite3_reset(prepared)
            sqlite3_clear_bindings(prepared)
        }
        try bind(statement.parameters, to: prepared)
        var rows: [SQLRow] = []
        while true {
            switch sqlite3_step(prepared) {
            case SQLITE_ROW:
                rows.append(SQLRow(try (0..<sqlite3_column_count(prepared)).map { try column(prepared, $0) }))
            case SQLITE_DONE: return rows
            default: throw SQLiteFailure(sqliteConnection)
            }
        }
    }

    /// Binds `$n` by its number. SQLite takes `$1` for a name and numbers parameters by first appearance.
    private func bind(_ values: [SQLValue], to prepared: SQLiteStatement) throws {
        for index in 0..<sqlite3_bind_parameter_count(prepared) {
            guard let name = sqlite3_bind_parameter_name(prepared, index + 1),
                let number = Int(String(cString: name).dropFirst()), values.indices.contains(number - 1)
            else { throw StorageError.statement("parameter \(index + 1) has no value") }
            sqliteBind(values[number - 1], to: prepared, at: index + 1)
        }
    }

    private func column(_ prepared: SQLiteStatement, _ index: Int32) throws -> SQLValue {
        switch sqlite3_column_type(prepared, index) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(prepared, index))
        case SQLITE_TEXT: return .text(sqliteText(prepared, index))
        case SQLITE_BLOB: return .bytes(sqliteBytes(prepared, index))
        case SQLITE_FLOAT:  // AVG and the like, never stored
            let value = sqlite3_column_double(prepared, index)
            guard let whole = Int64(exactly: value.rounded(.towardZero)) else {
                throw StorageError.statement("column \(index) is \(value), which no integer holds")
            }
            return .integer(whole)
        default: return .null
        }
    }
}

func sqliteText(_ prepared: SQLiteStatement, _ index: Int32) -> String {
    guard let start = sqlite3_column_text(prepared, index) else { return "" }
    let buffer = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(prepared, index)))
    return String(decoding: buffer, as: UTF8.self)
}

func sqliteBytes(_ prepared: SQLiteStatement, _ index: Int32) -> [UInt8] {
    guard let start = sqlite3_column_blob(prepared, index) else { return [] }
    return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(prepared, index))))
}

func sqliteUUID(_ prepared: SQLiteStatement, _ index: Int32) -> UUIDv7? {
    guard sqlite3_column_bytes(prepared, index) == 16, let start = sqlite3_column_blob(prepared, index) else {
        return nil
    }
    return UUIDv7(
        high: UInt64(bigEndian: start.loadUnaligned(as: UInt64.self)),
        low: UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
}

func sqliteBind(_ value: SQLValue, to prepared: SQLiteStatement, at index: Int32) {
    switch value {
    case .null: sqlite3_bind_null(prepared, index)
    case .integer(let value): sqlite3_bind_int64(prepared, index, value)
    case .text(let value): sqliteBind(value, to: prepared, at: index)
    case .uuid(let value): sqliteBind(value, to: prepared, at: index)
    case .bytes(let value): sqlite3_bind_blob(prepared, index, value, Int32(value.count), transient)
    }
}

func sqliteBind(_ text: String, to prepared: SQLiteStatement, at index: Int32) {
    var text = text
    text.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) { characters in
            // An empty buffer has no address, and SQLite takes that for NULL.
            if let start = characters.baseAddress {
                _ = sqlite3_bind_text(prepared, index, start, Int32(characters.count), transient)
            } else {
                _ = sqlite3_bind_text(prepared, index, "", 0, transient)
            }
        }
    }
}

func sqliteBind(_ id: UUIDv7, to prepared: SQLiteStatement, at index: Int32) {
    var words = (id.high.bigEndian, id.low.bigEndian)
    withUnsafeBytes(of: &words) { bytes in
        _ = sqlite3_bind_blob(prepared, index, bytes.baseAddress, 16, transient)
    }
}
