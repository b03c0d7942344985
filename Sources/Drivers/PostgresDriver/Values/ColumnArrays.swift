import Determinism
import Storage

/// Gathers the columns of many records into one list for each column, to be written by one statement over
/// `unnest($1::bigint[], $2::text[], …)`. Values are encoded as they come.
public final class ColumnArrays: ColumnWriter {
    private var columns: [BinaryArray]
    /// For each column that a row is written with, its list, or nil where it is passed over. Without them, each column
    /// has a list.
    private let lists: [Int?]?
    private var place = 0
    /// How many rows were begun.
    public private(set) var rowCount = 0

    /// No rows yet. A column is of the type that its first value has that is not `NULL`.
    public init() { (columns, lists) = ([], nil) }

    /// No rows yet, of columns whose types are known: a list of nothing but `NULL` has its type, too.
    init(_ types: [LaneColumnType], lists: [Int?]? = nil) {
        columns = types.map { BinaryArray(of: $0.element) }
        self.lists = lists
    }

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
        guard let list = next() else { return }
        if let value { columns[list].append(value) } else { columns[list].appendNull() }
    }
    /// The next column is this text, or `NULL`.
    public func text(_ value: String?) {
        guard let list = next() else { return }
        if let value { columns[list].append(value) } else { columns[list].appendNull() }
    }
    /// The next column is this id, or `NULL`.
    public func uuid(_ value: UUIDv7?) {
        guard let list = next() else { return }
        if let value { columns[list].append(value) } else { columns[list].appendNull() }
    }
    /// The next column is these bytes.
    public func bytes(_ value: [UInt8]) {
        guard let list = next() else { return }
        columns[list].append(value)
    }

    private func next() -> Int? {
        defer { place += 1 }
        if let lists { return lists[place] }
        if place == columns.count { columns.append(BinaryArray()) }
        return place
    }
}
