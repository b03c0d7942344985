import Determinism
import Storage

/// Gathers the columns of many records into one list for each column, to be written by one statement over
/// `unnest($1::bigint[], $2::text[], …)`.
///
/// A column is of the type that its first value has that is not `NULL`. Values are encoded as they come.
public final class ColumnArrays: ColumnWriter {
    private var columns: [BinaryArray] = []
    private var place = 0
    /// How many rows were begun.
    public private(set) var rowCount = 0

    /// No rows yet.
    public init() {}

    /// Begins the next row with its first column.
    public func beginRow() {
        place = 0
        rowCount += 1
    }

    /// The lists, one for each column, in the order of writing.
    public var parameters: PostgresParameters {
        var parameters = PostgresParameters()
        for column in columns { parameters.append(column) }
        return parameters
    }

    /// The next column is this integer, or `NULL`.
    public func integer(_ value: Int64?) {
        let index = next()
        if let value { columns[index].append(value) } else { columns[index].appendNull() }
    }
    /// The next column is this text, or `NULL`.
    public func text(_ value: String?) {
        let index = next()
        if let value { columns[index].append(value) } else { columns[index].appendNull() }
    }
    /// The next column is this id, or `NULL`.
    public func uuid(_ value: UUIDv7?) {
        let index = next()
        if let value { columns[index].append(value) } else { columns[index].appendNull() }
    }
    /// The next column is these bytes.
    public func bytes(_ value: [UInt8]) { columns[next()].append(value) }

    private func next() -> Int {
        if place == columns.count { columns.append(BinaryArray()) }
        defer { place += 1 }
        return place
    }
}
