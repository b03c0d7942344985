import Determinism
import GRDB
import GRDBSQLite
import Storage

/// Reads the columns of the row that a statement stands on.
final class RowReader: ColumnReader {
    private let statement: SQLiteStatement
    private var column: Int32 = 0
    /// The length of the texts that were read.
    private(set) var byteCount = 0

    init(_ statement: SQLiteStatement) { self.statement = statement }

    /// Begins with the first column of the next row.
    func begin() { (column, byteCount) = (0, 0) }

    private func next(_ type: Int32, _ name: String) throws -> Int32 {
        defer { column += 1 }
        guard sqlite3_column_type(statement, column) == type else {
            let text = String(cString: sqlite3_sql(statement))
            throw StorageError.corrupt("column \(column) of “\(text)” is not \(name)")
        }
        return column
    }
    private func skipNull() -> Bool {
        guard sqlite3_column_type(statement, column) == SQLITE_NULL else { return false }
        column += 1
        return true
    }
    func integer() throws -> Int64 { sqlite3_column_int64(statement, try next(SQLITE_INTEGER, "an integer")) }
    func optionalInteger() throws -> Int64? { skipNull() ? nil : try integer() }
    func text() throws -> String {
        let text = sqliteText(statement, try next(SQLITE_TEXT, "text"))
        byteCount += text.utf8.count
        return text
    }
    func optionalText() throws -> String? { skipNull() ? nil : try text() }
    func uuid() throws -> UUIDv7 {
        guard let id = sqliteUUID(statement, try next(SQLITE_BLOB, "an id")) else {
            throw StorageError.corrupt("an id does not have 16 bytes")
        }
        return id
    }
    func optionalUUID() throws -> UUIDv7? { skipNull() ? nil : try uuid() }
    func bytes() throws -> [UInt8] {
        let bytes = sqliteBytes(statement, try next(SQLITE_BLOB, "bytes"))
        byteCount += bytes.count
        return bytes
    }
}
