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
