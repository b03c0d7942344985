import Determinism

/// A row as a typed value. The lane keeps records, not arrays of SQL values: most of its time used to go into those.
public protocol Record: Sendable {
    /// Where such records are stored.
    static var table: Table { get }
    /// The record's own key.
    var key: Key<Self> { get }
    /// Reads all columns but `version`, in the table's order.
    /// - Throws: ``StorageError/corrupt(_:)`` when what is stored is not such a record.
    init(from row: any ColumnReader) throws
    /// Writes all columns but `version`, in the table's order.
    func write(to row: any ColumnWriter)
}

/// Reads a row's columns one after the other.
public protocol ColumnReader: AnyObject {
    /// The next column as an integer.
    func integer() throws -> Int64
    /// The next column as an integer, or nil for `NULL`.
    func optionalInteger() throws -> Int64?
    /// The next column as text.
    func text() throws -> String
    /// The next column as text, or nil for `NULL`.
    func optionalText() throws -> String?
    /// The next column as an id.
    func uuid() throws -> UUIDv7
    /// The next column as an id, or nil for `NULL`.
    func optionalUUID() throws -> UUIDv7?
    /// The next column as bytes.
    func bytes() throws -> [UInt8]
}

extension ColumnReader {
    /// The next column as one of an enumeration's raw values.
    public func value<Value: RawRepresentable<String>>(_: Value.Type = Value.self) throws -> Value {
        let text = try text()
        guard let value = Value(rawValue: text) else {
            throw StorageError.corrupt("“\(text)” is not a \(Value.self)")
        }
        return value
    }
    /// The next column as a moment.
    public func timestamp() throws -> Timestamp { Timestamp(microseconds: try integer()) }
    /// The next column as a moment, or nil for `NULL`.
    public func optionalTimestamp() throws -> Timestamp? {
        try optionalInteger().map(Timestamp.init(microseconds:))
    }
}

/// Takes a row's columns one after the other.
public protocol ColumnWriter: AnyObject {
    /// The next column is this integer, or `NULL`.
    func integer(_ value: Int64?)
    /// The next column is this text, or `NULL`.
    func text(_ value: String?)
    /// The next column is this id, or `NULL`.
    func uuid(_ value: UUIDv7?)
    /// The next column is these bytes.
    func bytes(_ value: [UInt8])
}

extension ColumnWriter {
    /// The next column is this moment, or `NULL`.
    public func timestamp(_ value: Timestamp?) { integer(value?.microseconds) }
    /// The next column is this value's raw text.
    public func value(_ value: some RawRepresentable<String>) { text(value.rawValue) }
}

/// A record without its type: what the working set keeps and engines write.
public class AnyRecord: @unchecked Sendable {  // immutable; subclassed in this file only
    /// The record's key.
    public final let key: RecordKey
    /// The row's version once this record is written, counted from 1: an update expects the one before it. 0 in
    /// tables whose rows never change.
    public final let version: Int64

    @usableFromInline
    init(key: RecordKey, version: Int64) {
        (self.key, self.version) = (key, key.table.isAppendOnly ? 0 : version)
    }

    /// Writes all columns but `version`, in the table's order.
    public func write(to row: any ColumnWriter) { fatalError("only the typed box is ever made") }
}

@usableFromInline
final class RecordBox<R: Record>: AnyRecord, @unchecked Sendable {
    @usableFromInline let record: R

    /// A record as it is, or will be, stored at `version`.
    @inlinable
    init(_ record: R, key: RecordKey, version: Int64) {
        self.record = record
        super.init(key: key, version: version)
    }
    @inlinable
    convenience init(_ record: R, version: Int64 = 1) {
        self.init(record, key: record.key.erased, version: version)
    }
    @inlinable
    override func write(to row: any ColumnWriter) { record.write(to: row) }
}
