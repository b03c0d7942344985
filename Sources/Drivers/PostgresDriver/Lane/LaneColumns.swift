import Determinism
import Storage

/// A column type of the tables that a write lane knows.
enum LaneColumnType: Sendable {
    case integer
    case text
    case id
    case bytes

    /// The type that the catalog names, if the lane can write it.
    init?(_ type: UInt32) {
        switch type {
        case PostgresType.int8: self = .integer
        case PostgresType.text: self = .text
        case PostgresType.uuid: self = .id
        case PostgresType.bytea: self = .bytes
        default: return nil
        }
    }
    init(_ part: KeyPart) {
        switch part {
        case .organization, .number: self = .integer
        case .text: self = .text
        case .id: self = .id
        }
    }

    /// In SQL.
    var name: String {
        switch self {
        case .integer: "bigint"
        case .text: "text"
        case .id: "uuid"
        case .bytes: "bytea"
        }
    }
    var element: UInt32 {
        switch self {
        case .integer: PostgresType.int8
        case .text: PostgresType.text
        case .id: PostgresType.uuid
        case .bytes: PostgresType.bytea
        }
    }
}

/// Gathers the columns of many rows into one list for each column, for a statement over `unnest`. Columns that the
/// statement does not mention are passed over.
final class LaneColumns: ColumnWriter {
    private var columns: [BinaryArray]
    /// For each column that is written, its list, or nil.
    private let lists: [Int?]
    private var place = 0
    private(set) var rowCount = 0

    /// - Parameters:
    ///   - types: of the statement's lists.
    ///   - lists: for each column that a row is written with, its list; nil for those the statement does not mention.
    init(_ types: [LaneColumnType], lists: [Int?]) {
        columns = types.map { BinaryArray(of: $0.element) }
        self.lists = lists
    }
    /// One list for each column.
    convenience init(_ types: [LaneColumnType]) { self.init(types, lists: types.indices.map { $0 }) }

    func beginRow() { (place, rowCount) = (0, rowCount + 1) }

    var parameters: PostgresParameters {
        var parameters = PostgresParameters()
        for column in columns { parameters.append(column) }
        return parameters
    }

    private func next() -> Int? {
        defer { place += 1 }
        return lists[place]
    }
    func integer(_ value: Int64?) {
        guard let list = next() else { return }
        if let value { columns[list].append(value) } else { columns[list].appendNull() }
    }
    func text(_ value: String?) {
        guard let list = next() else { return }
        if let value { columns[list].append(value) } else { columns[list].appendNull() }
    }
    func uuid(_ value: UUIDv7?) {
        guard let list = next() else { return }
        if let value { columns[list].append(value) } else { columns[list].appendNull() }
    }
    func bytes(_ value: [UInt8]) {
        guard let list = next() else { return }
        columns[list].append(value)
    }

    /// A key's columns, in the order of its table's key.
    func key(_ key: RecordKey) {
        for part in key.table.key {
            switch part {
            case .organization: integer(key.organization)
            case .text: text(key.text)
            case .id: uuid(key.id)
            case .number: integer(key.number)
            }
        }
    }
}
