import CLibPQ
import Determinism
import Storage

/// What one statement came to: its rows, still as the server sent them. A value is decoded when it is read.
public final class PostgresResult: @unchecked Sendable {  // libpq's results are immutable once they are complete
    let handle: OpaquePointer
    /// How many rows there are.
    public let rowCount: Int
    /// How many columns each row has.
    public let columnCount: Int

    /// Takes over a result of libpq.
    init(_ handle: OpaquePointer) {
        self.handle = handle
        rowCount = Int(PQntuples(handle))
        columnCount = Int(PQnfields(handle))
    }
    deinit { PQclear(handle) }

    /// The command's tag, such as `INSERT 0 3`.
    public var commandTag: String { String(cString: PQcmdStatus(handle)) }
    /// How many rows the command inserted, changed, deleted, copied or returned; 0 for commands that count none.
    public var affectedRows: Int { Int(String(cString: PQcmdTuples(handle))) ?? 0 }
    /// The name of a column.
    public func name(ofColumn column: Int) -> String {
        PQfname(handle, Int32(column)).map { String(cString: $0) } ?? ""
    }
    /// How many bytes the result takes in memory.
    public var byteCount: Int { PQresultMemorySize(handle) }

    /// A reader that stands on the first column of a row.
    public func reader(row: Int = 0) -> PostgresRowReader { PostgresRowReader(self, row: row) }

    /// One row as values of the storage port.
    /// - Throws: ``Storage/StorageError`` where a column is of a type that no value of the port has.
    public func row(_ row: Int) throws(StorageError) -> SQLRow {
        var values: [SQLValue] = []
        values.reserveCapacity(columnCount)
        for column in 0..<columnCount { values.append(try value(row: row, column: column)) }
        return SQLRow(values)
    }

    /// All rows as values of the storage port.
    /// - Throws: ``Storage/StorageError`` where a column is of a type that no value of the port has.
    public func rows() throws(StorageError) -> [SQLRow] {
        var rows: [SQLRow] = []
        rows.reserveCapacity(rowCount)
        for index in 0..<rowCount { rows.append(try row(index)) }
        return rows
    }

    /// One value.
    /// - Throws: ``Storage/StorageError`` where the column is of a type that no value of the port has.
    public func value(row: Int, column: Int) throws(StorageError) -> SQLValue {
        guard let bytes = bytes(row: row, column: column) else { return .null }
        return try BinaryValue(bytes: bytes, type: type(ofColumn: column), column: column).sqlValue()
    }

    /// The bytes of one value, valid as long as the result is; nil for `NULL`.
    func bytes(row: Int, column: Int) -> UnsafeRawBufferPointer? {
        guard row >= 0, row < rowCount, column >= 0, column < columnCount,
            PQgetisnull(handle, Int32(row), Int32(column)) == 0
        else { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(handle, Int32(row), Int32(column)),
            count: Int(PQgetlength(handle, Int32(row), Int32(column))))
    }
    func type(ofColumn column: Int) -> UInt32 { PQftype(handle, Int32(column)) }
}

/// Reads the columns of a result's rows, one after the other, without making arrays of values.
public final class PostgresRowReader: ColumnReader {
    private let result: PostgresResult
    private var row: Int
    private var column: Int

    init(_ result: PostgresResult, row: Int) { (self.result, self.row, column) = (result, row, 0) }

    /// Goes to a column of a row.
    public func begin(row: Int, column: Int = 0) { (self.row, self.column) = (row, column) }

    private func next() throws(StorageError) -> BinaryValue? {
        defer { column += 1 }
        guard row < result.rowCount, column < result.columnCount else {
            throw .corrupt("the result has no row \(row) with a column \(column)")
        }
        guard let bytes = result.bytes(row: row, column: column) else { return nil }
        return BinaryValue(bytes: bytes, type: result.type(ofColumn: column), column: column)
    }
    private func required() throws(StorageError) -> BinaryValue {
        guard let value = try next() else { throw .corrupt("column \(column - 1) is NULL") }
        return value
    }
    /// The next column as an integer.
    public func integer() throws -> Int64 { try required().integer() }
    /// The next column as an integer, or nil for `NULL`.
    public func optionalInteger() throws -> Int64? { try next()?.integer() }
    /// The next column as text.
    public func text() throws -> String { try required().text() }
    /// The next column as text, or nil for `NULL`.
    public func optionalText() throws -> String? { try next()?.text() }
    /// The next column as an id.
    public func uuid() throws -> UUIDv7 { try required().uuid() }
    /// The next column as an id, or nil for `NULL`.
    public func optionalUUID() throws -> UUIDv7? { try next()?.uuid() }
    /// The next column as bytes.
    public func bytes() throws -> [UInt8] { Array(try required().bytes) }
}
