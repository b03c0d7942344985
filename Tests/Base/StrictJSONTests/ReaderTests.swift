import StrictJSON
import Testing

@Suite struct ReaderTests {
    static let accepted: [(String, JSONValue)] = [
        ("null", .null), ("true", true), ("false", false), (" \t\r\n1\n", 1), ("\"\"", ""), ("[]", []), ("{}", [:]),
        ("[ ]", []), ("{ }", [:]), ("[ 1 , 2 ]", [1, 2]), (#"{ "a" : 1 , "b" : [ ] }"#, ["a": 1, "b": []]),
        ("0", 0), ("-0", 0), ("-1", -1), ("10", 10), ("9223372036854775807", .integer(.max)),
        ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number("9223372036854775808")),
        ("-9223372036854775809", .number("-9223372036854775809")),
        ("9999999999999999999", .number("9999999999999999999")),
        ("18446744073709551616", .number("18446744073709551616")),
        ("99999999999999999999999", .number("99999999999999999999999")), ("1.0", .number("1.0")),
        ("-0.0", .number("-0.0")),
        ("1e3", .number("1e3")), ("1E+3", .number("1E+3")), ("0e0", .number("0e0")), ("1.50e-07", .number("1.50e-07")),
        ("1e999", .number("1e999")), ("[1.5,2]", [.number("1.5"), 2]),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"), (#""\ud83d\uDE00""#, "😀"),
        (#""\u0000""#, "\u{0}"), (#""a\u0062c""#, "abc"), (#""\ud7ff\ue000""#, "\u{D7FF}\u{E000}"),
        (#""\udbff\udfff""#, "\u{10FFFF}"), (#""\\u0041""#, "\\u0041"), (#""\uFFFF""#, "\u{FFFF}"),
        ("\"é€😀\u{2028}\u{7F}/\"", "é€😀\u{2028}\u{7F}/"),
        ("\"a string of more than fifteen bytes\\n\"", "a string of more than fifteen bytes\n"),
        ("\"\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\"", "\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}"),
        (#"{"":0,"a":{"a":{"a":null}}}"#, ["": 0, "a": ["a": ["a": .null]]]),
    ]

    @Test(arguments: accepted)
    func accepts(text: String, value: JSONValue) throws {
        let read = try JSONReader.parse(text)
        #expect(read == value)
        #expect(read.canonical() == value.canonical())
        #expect(try JSONReader.parse(read.serialized()) == value)
    }

    @Test func readsFromABufferInPlace() throws {
        let bytes = Array("xx[1,2]yy".utf8)
        let value = try bytes.withUnsafeBufferPointer { buffer in
            try JSONReader.parse(UnsafeBufferPointer(rebasing: buffer[2..<7]))
        }
        #expect(value == [1, 2])
        #expect(throws: JSONError.self) { try JSONReader.parse(UnsafeBufferPointer(start: nil, count: 0)) }
    }

    @Test func keepsTheOrderOfMembers() throws {
        let object = try #require(try JSONReader.parse(#"{"z":1,"a":2,"m":3}"#).object)
        #expect(object.names == ["z", "a", "m"])
        #expect(object.map(\.value) == [1, 2, 3])
    }

    @Test func keepsCanonicallyEquivalentStringsAsTheyCame() throws {
        let value = try JSONReader.parse("[\"\u{E9}\",\"e\u{301}\"]")
        #expect(value.serialized() == "[\"\u{E9}\",\"e\u{301}\"]")
        #expect(Array(value.serialized().utf8) == Array("[\"\u{E9}\",\"e\u{301}\"]".utf8))
    }
}
