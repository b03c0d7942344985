import Determinism

/// One row of a result. Columns are read by position, in the order of the statement's `SELECT` list.
public struct SQLRow: Sendable, Hashable {
    /// The row's values.
    public let values: [SQLValue]

    /// A row of these values.
    public init(_ values: [SQLValue]) { self.values = values }

    /// The value in that column.
    public subscript(column: Int) -> SQLValue { values[column] }

    /// The column as an integer; throws ``StorageError/corrupt(_:)`` if it holds anything else.
    public func integer(_ column: Int) throws -> Int64 {
        guard case .integer(let value) = values[column] else { throw mismatch(column, "an integer") }
        return value
    }
    /// The column as text; throws ``StorageError/corrupt(_:)`` if it holds anything else.
    public func text(_ column: Int) throws -> String {
        guard case .text(let value) = values[column] else { throw mismatch(column, "text") }
        return value
    }
    /// The column as an id; throws ``StorageError/corrupt(_:)`` if it holds anything else.
    public func uuid(_ column: Int) throws -> UUIDv7 {
        switch values[column] {
        case .uuid(let value): return value
        case .bytes(let bytes):
            guard let value = UUIDv7(bytes: bytes) else { throw mismatch(column, "an id") }
            return value
        default: throw mismatch(column, "an id")
        }
    }
    /// The column as bytes; throws ``StorageError/corrupt(_:)`` if it holds anything else.
    public func bytes(_ column: Int) throws -> [UInt8] {
        guard case .bytes(let value) = values[column] else { throw mismatch(column, "bytes") }
        return value
    }
    /// The column as an integer, or nil for `NULL`.
    public func optionalInteger(_ column: Int) throws -> Int64? {
        values[column] == .null ? nil : try integer(column)
    }
    /// The column as text, or nil for `NULL`.
    public func optionalText(_ column: Int) throws -> String? { values[column] == .null ? nil : try text(column) }
    /// The column as an id, or nil for `NULL`.
    public func optionalUUID(_ column: Int) throws -> UUIDv7? { values[column] == .null ? nil : try uuid(column) }
    /// The column as one of an enumeration's raw values.
    public func value<Value: RawRepresentable<String>>(_ column: Int, as _: Value.Type = Value.self) throws -> Value {
        guard let value = Value(rawValue: try text(column)) else { throw mismatch(column, "a \(Value.self)") }
        return value
    }

    private func mismatch(_ column: Int, _ expected: String) -> StorageError {
        .corrupt("column \(column) should hold \(expected), but holds \(values[column])")
    }
}

extension UUIDv7 {
    /// Reads 16 bytes, most significant first; nil for any other count.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let high = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let low = bytes.dropFirst(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        self.init(high: high, low: low)
    }
}
