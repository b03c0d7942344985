import Determinism

/// Reads a ``Record`` out of a query's row, from a column on.
public final class SQLRowReader: ColumnReader {
    private let row: SQLRow
    private var column: Int

    /// Starts at `column`.
    public init(_ row: SQLRow, from column: Int = 0) { (self.row, self.column) = (row, column) }

    private func next() -> Int {
        defer { column += 1 }
        return column
    }
    /// The next column as an integer.
    public func integer() throws -> Int64 { try row.integer(next()) }
    /// The next column as an integer, or nil for `NULL`.
    public func optionalInteger() throws -> Int64? { try row.optionalInteger(next()) }
    /// The next column as text.
    public func text() throws -> String { try row.text(next()) }
    /// The next column as text, or nil for `NULL`.
    public func optionalText() throws -> String? { try row.optionalText(next()) }
    /// The next column as an id.
    public func uuid() throws -> UUIDv7 { try row.uuid(next()) }
    /// The next column as an id, or nil for `NULL`.
    public func optionalUUID() throws -> UUIDv7? { try row.optionalUUID(next()) }
    /// The next column as bytes.
    public func bytes() throws -> [UInt8] { try row.bytes(next()) }
}

extension SQLRow {
    /// The record whose columns (``Table/list(_:)``) begin at `column`.
    public func record<R: Record>(_: R.Type = R.self, from column: Int = 0) throws -> R {
        try R(from: SQLRowReader(self, from: column))
    }
}

extension Table {
    /// All columns for a `SELECT` list, with the table's alias: `o.organization, o.id, …`.
    public func list(_ alias: String) -> String { columns.map { "\(alias).\($0)" }.joined(separator: ", ") }
}
