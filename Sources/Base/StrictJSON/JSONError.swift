// Why a document was refused, and where.
//
// The offset is exact to the byte: the first byte that cannot belong to a valid document, or the start of the thing
// that is refused as a whole (an escape, a duplicate name, an ill-formed UTF-8 sequence). Line and column are worked
// out only when an error is made, so that reading a valid document never counts lines.

/// A refusal of a JSON document: what is wrong, where, and what would be right.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of a refusal. A struct with static members, so that a later version can add kinds.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The stable name of the code, such as `duplicateName`.
        public let description: String

        /// A byte that cannot stand here: a missing comma, a trailing comma, a comment, a control character in a
        /// string.
        public static let unexpectedByte = Code(description: "unexpectedByte")
        /// The input ends inside a value, or holds none. The offset is the input's length.
        public static let unexpectedEnd = Code(description: "unexpectedEnd")
        /// A string holds bytes that are not UTF-8. The offset is the first byte of the ill-formed sequence.
        public static let invalidUTF8 = Code(description: "invalidUTF8")
        /// An unknown escape, bad hexadecimal digits or a lone surrogate. The offset is the escape's backslash.
        public static let invalidEscape = Code(description: "invalidEscape")
        /// A number that breaks the grammar, such as `01`, `-`, `1.`, `+1`. The offset is the first wrong byte.
        public static let invalidNumber = Code(description: "invalidNumber")
        /// An object has two members of one name. The offset is the second name's opening quote.
        public static let duplicateName = Code(description: "duplicateName")
        /// More nested containers than `JSONLimits.depth`. The offset is the opening bracket of the one too many.
        public static let tooDeep = Code(description: "tooDeep")
        /// One container has more than `JSONLimits.members` members or elements. The offset is the one too many.
        public static let tooManyMembers = Code(description: "tooManyMembers")
        /// The document has more than `JSONLimits.values` values in all. The offset is the one too many.
        public static let tooManyValues = Code(description: "tooManyValues")
        /// Something other than white space follows the value. The offset is its first byte.
        public static let trailingData = Code(description: "trailingData")
    }

    /// The kind of the refusal.
    public let code: Code
    /// The position in bytes from the start of the input; the input's length if it ended too early.
    public let offset: Int
    /// The line, from 1. A line ends with a line feed.
    public let line: Int
    /// The column in bytes (not characters), from 1.
    public let column: Int
    /// What is wrong and what would be right. Quotes at most 64 characters of the input, escaped: safe to log and to
    /// show.
    public let message: String

    /// The position and the message in one line.
    public var description: String {
        "line \(line), column \(column) (byte \(offset)): \(message)"
    }

    /// Makes an error at `offset` of `bytes`, and works out line and column.
    init(_ code: Code, at offset: Int, in bytes: UnsafeBufferPointer<UInt8>, _ message: String) {
        var line = 1
        var lineStart = 0
        for index in 0..<offset where bytes[index] == Byte.lineFeed {
            line += 1
            lineStart = index + 1
        }
        self.code = code
        self.offset = offset
        self.line = line
        self.column = offset - lineStart + 1
        self.message = message
    }
}
