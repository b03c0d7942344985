/// The text of a statement, hashed once. Keep one for each statement that is sent often: a connection finds its
/// prepared statement by identity first, and compares texts only when that fails.
public final class PostgresStatement: Sendable, Hashable, CustomStringConvertible {
    /// The SQL text, with `$1`, `$2`, … for what comes from outside.
    public let text: String
    private let hash: Int
    /// Whether the text cannot be sent.
    let hasNUL: Bool

    /// A statement with this text.
    public init(_ text: String) { (self.text, hash, hasNUL) = (text, text.hashValue, text.utf8.contains(0)) }

    /// Whether both have the same text, byte by byte.
    public static func == (a: PostgresStatement, b: PostgresStatement) -> Bool {
        a === b || a.hash == b.hash && a.text.utf8.elementsEqual(b.text.utf8)
    }
    /// Feeds the hash that was computed when the statement was made.
    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
    /// The SQL text.
    public var description: String { text }
}
