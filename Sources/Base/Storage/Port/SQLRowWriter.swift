import Determinism

/// Takes a ``Record``'s columns as the values of a row: the counterpart of ``SQLRowReader``.
public final class SQLRowWriter: ColumnWriter {
    /// The columns so far.
    public private(set) var values: [SQLValue] = []

    /// A row without columns.
    public init() {}

    /// The next column is this integer, or `NULL`.
    public func integer(_ value: Int64?) { values.append(value.map(SQLValue.integer) ?? .null) }
    /// The next column is this text, or `NULL`.
    public func text(_ value: String?) { values.append(value.map(SQLValue.text) ?? .null) }
    /// The next column is this id, or `NULL`.
    public func uuid(_ value: UUIDv7?) { values.append(value.map(SQLValue.uuid) ?? .null) }
    /// The next column is these bytes.
    public func bytes(_ value: [UInt8]) { values.append(.bytes(value)) }
}

extension SQLRow {
    /// The record's columns, as many as its table has: its `version` is the last one, where rows have one.
    public init(_ record: AnyRecord) {
        let writer = SQLRowWriter()
        record.write(to: writer)
        if record.version > 0 { writer.integer(record.version) }
        self.init(writer.values)
    }
}
