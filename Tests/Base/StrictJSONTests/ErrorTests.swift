import StrictJSON
import Testing

/// One refused document, and where.
struct Refused: Sendable, CustomTestStringConvertible {
    let bytes: [UInt8]
    let code: JSONError.Code
    let offset: Int
    /// A part of the message.
    let says: String

    init(_ text: String, _ code: JSONError.Code, _ offset: Int, _ says: String = "") {
        self.init(Array(text.utf8), code, offset, says)
    }

    init(_ bytes: [UInt8], _ code: JSONError.Code, _ offset: Int, _ says: String = "") {
        self.bytes = bytes
        self.code = code
        self.offset = offset
        self.says = says
    }

    /// `bytes` between quotes.
    static func inString(_ bytes: UInt8..., offset: Int = 1, says: String) -> Refused {
        Refused([0x22] + bytes + [0x22], .invalidUTF8, offset, says)
    }

    var testDescription: String { String(decoding: bytes, as: UTF8.self) }
}

@Suite struct ErrorTests {
    static let structure: [Refused] = [
        Refused("", .unexpectedEnd, 0, "a JSON value is expected"),
        Refused(" \n", .unexpectedEnd, 2),
        Refused("x", .unexpectedByte, 0, "not 'x'"),
        Refused("]", .unexpectedByte, 0),
        Refused("[", .unexpectedEnd, 1, "a value or ']'"),
        Refused("[1", .unexpectedEnd, 2, "',' or ']'"),
        Refused("[1,", .unexpectedEnd, 3, "after the comma"),
        Refused("[1,]", .unexpectedByte, 3, "trailing commas"),
        Refused("[1 , ]", .unexpectedByte, 5, "trailing commas"),
        Refused("[,1]", .unexpectedByte, 1, "a value or ']'"),
        Refused("[1 2]", .unexpectedByte, 3, "',' or ']' is expected, not '2'"),
        Refused("[1}", .unexpectedByte, 2),
        Refused("{", .unexpectedEnd, 1, "a name in quotes or '}'"),
        Refused(#"{"a""#, .unexpectedEnd, 4, "':'"),
        Refused(#"{"a" 1}"#, .unexpectedByte, 5, "':'"),
        Refused(#"{"a":"#, .unexpectedEnd, 5, "after the colon"),
        Refused(#"{"a":}"#, .unexpectedByte, 5, "after the colon"),
        Refused(#"{"a":1"#, .unexpectedEnd, 6, "',' or '}'"),
        Refused(#"{"a":1,"#, .unexpectedEnd, 7),
        Refused(#"{"a":1,}"#, .unexpectedByte, 7, "trailing commas"),
        Refused(#"{"a":1 "b":2}"#, .unexpectedByte, 7, "',' or '}'"),
        Refused("{a:1}", .unexpectedByte, 1, "a name in quotes"),
        Refused("{1:1}", .unexpectedByte, 1),
        Refused("{'a':1}", .unexpectedByte, 1, "JSON quotes with"),
        Refused("[1] // x", .trailingData, 4, "only white space"),
        Refused("[/* x */]", .unexpectedByte, 1, "no comments"),
        Refused("1 2", .trailingData, 2),
        Refused("{}}", .trailingData, 2),
        Refused("\u{FEFF}1", .unexpectedByte, 0, "byte order mark"),
        Refused("\u{A0}1", .unexpectedByte, 0, "byte 0xC2"),
        Refused("\u{C}1", .unexpectedByte, 0, "byte 0x0C"),
        Refused([0x31, 0x00], .trailingData, 1),
        Refused([0xFE, 0xFF, 0x00, 0x31], .unexpectedByte, 0, "JSON is UTF-8"),
        Refused([0x5B, 0xFF, 0x5D], .unexpectedByte, 1),
        Refused("tru", .unexpectedEnd, 3, "'true'"),
        Refused("trux", .unexpectedByte, 3, "'true' is expected, not 'x'"),
        Refused("True", .unexpectedByte, 0),
        Refused("nul]", .unexpectedByte, 3),
        Refused("falsehood", .trailingData, 5),
        Refused("NaN", .unexpectedByte, 0),
        Refused("Infinity", .unexpectedByte, 0),
    ]

    static let numbers: [Refused] = [
        Refused("-", .invalidNumber, 1, "after '-', not the end of the input"),
        Refused("-x", .invalidNumber, 1),
        Refused("--1", .invalidNumber, 1),
        Refused("-Infinity", .invalidNumber, 1),
        Refused("+1", .invalidNumber, 0, "begins with a digit or '-'"),
        Refused(".5", .invalidNumber, 0),
        Refused("01", .invalidNumber, 1, "leading zeros"),
        Refused("-01", .invalidNumber, 2, "leading zeros"),
        Refused("00", .invalidNumber, 1),
        Refused("1.", .invalidNumber, 2, "after the decimal point"),
        Refused("[1.]", .invalidNumber, 3, "not ']'"),
        Refused("1.e5", .invalidNumber, 2),
        Refused("1e", .invalidNumber, 2, "in the exponent"),
        Refused("1e+", .invalidNumber, 3),
        Refused("1e-x", .invalidNumber, 3),
        Refused("0x1F", .trailingData, 1),
        Refused("1_000", .trailingData, 1),
        Refused("1.2.3", .trailingData, 3),
        Refused("１", .unexpectedByte, 0),
    ]

    static let strings: [Refused] = [
        Refused("\"", .unexpectedEnd, 1, "begins at byte 0"),
        Refused(" \"abc", .unexpectedEnd, 5, "begins at byte 1"),
        Refused("\"\\", .unexpectedEnd, 2),
        Refused("\"\\n", .unexpectedEnd, 3),
        Refused("\"\\\"", .unexpectedEnd, 3),
        Refused("\"\\u12", .unexpectedEnd, 5),
        Refused("\"\\ud83d", .unexpectedEnd, 7),
        Refused("\"\\ud83d\\", .unexpectedEnd, 8),
        Refused("\"\\ud83d\\ude", .unexpectedEnd, 11),
        Refused("\"a\nb\"", .unexpectedByte, 2, "control character byte 0x0A"),
        Refused("\"a\\n\tb\"", .unexpectedByte, 4, "control character byte 0x09"),
        Refused("\"\u{0}\"", .unexpectedByte, 1),
        Refused("\"\u{1F}\"", .unexpectedByte, 1),
        Refused(#""\x41""#, .invalidEscape, 1, "before 'x'"),
        Refused(#""ab\'""#, .invalidEscape, 3),
        Refused(#""\U0041""#, .invalidEscape, 1),
        Refused(#""\u12""#, .invalidEscape, 1, "four hexadecimal digits"),
        Refused(#""\u00g0""#, .invalidEscape, 1, "not 'g'"),
        Refused(#""\u{41}""#, .invalidEscape, 1),
        Refused(#""\uD800""#, .invalidEscape, 1, "\\uD800 stands alone"),
        Refused(#""\uDC00""#, .invalidEscape, 1, "\\uDC00 stands alone"),
        Refused(#""\uD800\uD800""#, .invalidEscape, 1),
        Refused(#""\uD800\n""#, .invalidEscape, 1),
        Refused(#""\uD800x""#, .invalidEscape, 1),
        Refused(#""\uD83D\u0041""#, .invalidEscape, 1),
        Refused(#""\uD83D\uDE00\uDE00""#, .invalidEscape, 13),
        Refused(#""\uD83D\u00z0""#, .invalidEscape, 7),
        Refused(#"{"a":1,"b":2,"a":3}"#, .duplicateName, 13, #"named "a""#),
        Refused(#"{"a":1,"\u0061":3}"#, .duplicateName, 7, #"named "a""#),
        Refused(#"[{"":1,"":1}]"#, .duplicateName, 7),
        Refused("{\"\u{E9}\":1,\"\u{E9}\":1}", .duplicateName, 8),
        Refused("{\"\u{E9}\":1,\"\\u00e9\":1}", .duplicateName, 8),
    ]

    static let encoding: [Refused] = [
        .inString(0x80, says: "byte 0x80 is a continuation byte"),
        .inString(0xBF, says: "continuation byte"),
        .inString(0x61, 0xC3, offset: 2, says: "2 bytes that is cut short"),
        .inString(0xC3, 0x28, says: "cut short"),
        .inString(0xE2, 0x82, says: "3 bytes that is cut short"),
        .inString(0xF0, 0x9F, 0x98, says: "4 bytes that is cut short"),
        .inString(0xC3, 0xA9, 0xC3, 0xC3, 0xA9, offset: 3, says: "cut short"),
        .inString(0xC0, 0x80, says: "overlong"),
        .inString(0xC1, 0xBF, says: "overlong"),
        .inString(0xE0, 0x9F, 0xBF, says: "overlong"),
        .inString(0xF0, 0x8F, 0xBF, 0xBF, says: "overlong"),
        .inString(0xED, 0xA0, 0x80, says: "surrogate"),
        .inString(0xED, 0xBF, 0xBF, says: "surrogate"),
        .inString(0xF4, 0x90, 0x80, 0x80, says: "beyond U+10FFFF"),
        .inString(0xF5, 0x80, 0x80, 0x80, says: "never occurs"),
        .inString(0xFF, says: "never occurs"),
        // After an escape, on the slow path.
        .inString(0x5C, 0x6E, 0xFF, offset: 3, says: "never occurs"),
        // An escape between the halves of a sequence does not join them.
        .inString(0xC3, 0x5C, 0x6E, 0xA9, says: "cut short"),
        // The first of two faults is told: the sequence stands before the wrong escape, control character or end.
        .inString(0xFF, 0x5C, 0x78, says: "never occurs"),
        .inString(0xFF, 0x0A, says: "never occurs"),
        Refused([0x22, 0xE2, 0x82], .invalidUTF8, 1, "cut short"),
        Refused([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], .invalidUTF8, 2),
        Refused([0x22, 0x5C, 0x78, 0xFF, 0x22], .invalidEscape, 1),
        Refused([0x22, 0x5C, 0xFF, 0x22], .invalidEscape, 1),
    ]

    @Test(arguments: structure + numbers + strings + encoding)
    func refusesWithCodeAndPosition(_ expected: Refused) throws {
        let error = try #require(refusal(expected.bytes))
        #expect(error.code == expected.code)
        #expect(error.offset == expected.offset)
        #expect(error.message.contains(expected.says), "\(error.message)")
        #expect(error.line == 1 + expected.bytes.prefix(expected.offset).count { $0 == 0x0A })
    }

    @Test func linesAndColumnsCountFromOneInBytes() throws {
        let error = try #require(refusal("{\r\n  \"é\": 1,\n  \"b\" 2\n}"))
        #expect(error.offset == 20)
        #expect(error.line == 3)
        #expect(error.column == 7)
        #expect(error.code == .unexpectedByte)
        #expect(error.description == "line 3, column 7 (byte 20): ':' is expected after a member's name, not '2'")
        #expect(error == refusal("{\r\n  \"é\": 1,\n  \"b\" 2\n}"))
        let second = try #require(refusal("[\"é\" 1]"))
        #expect(second.column == 7)
        let end = try #require(refusal("[1,\n"))
        #expect((end.offset, end.line, end.column) == (4, 2, 1))
    }

    @Test func messagesQuoteNamesShortAndEscaped() throws {
        let name = String(repeating: "\\n", count: 500)
        let error = try #require(refusal("{\"\(name)\":1,\"\(name)\":1}"))
        #expect(error.code == .duplicateName)
        #expect(error.message.utf8.count < 250)
        #expect(error.message.contains("…"))
        #expect(!error.message.contains("\n"))
    }

    @Test func codesHaveNames() {
        #expect(JSONError.Code.tooDeep.description == "tooDeep")
        #expect(JSONError.Code.tooDeep != .tooManyValues)
    }
}
