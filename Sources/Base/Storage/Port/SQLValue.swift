import Determinism

/// A value that both SQLite and PostgreSQL can store without loss. Pantry stores no floating-point number: money is
/// minor units, quantities are whole, times are microseconds.
public enum SQLValue: Sendable, Hashable {
    /// SQL `NULL`.
    case null
    /// `INTEGER` in SQLite, `bigint` in PostgreSQL.
    case integer(Int64)
    /// UTF-8 text.
    case text(String)
    /// 16 bytes in a `BLOB` in SQLite, `uuid` in PostgreSQL.
    case uuid(UUIDv7)
    /// `BLOB` in SQLite, `bytea` in PostgreSQL.
    case bytes([UInt8])

    /// Whether a database would find them equal; text is compared byte by byte, unlike Swift's strings.
    public static func == (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.integer(let a), .integer(let b)): a == b
        case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
        case (.uuid(let a), .uuid(let b)): a == b
        case (.bytes(let a), .bytes(let b)): a == b
        case (.null, _), (.integer, _), (.text, _), (.uuid, _), (.bytes, _): false
        }
    }
}

extension SQLValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByNilLiteral {
    /// `.integer`
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// `.text`
    public init(stringLiteral value: String) { self = .text(value) }
    /// `.null`
    public init(nilLiteral: ()) { self = .null }
}

/// SQL text with `$1`, `$2`, … and the values for them. The same text serves both engines where it can.
public struct SQLStatement: Sendable, Hashable {
    /// The text; never holds a value that came from outside.
    public var text: String
    /// The value of `$1` first. Some hundreds at most: PostgreSQL takes 65,535, and SQLite looks each up by its name.
    public var parameters: [SQLValue]

    /// A statement and its parameters.
    public init(_ text: String, _ parameters: [SQLValue] = []) { (self.text, self.parameters) = (text, parameters) }
}
