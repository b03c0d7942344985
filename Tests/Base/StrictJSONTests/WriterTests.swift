import StrictJSON
import Testing

@Suite struct WriterTests {
    @Test func writesMembersOfEveryKind() {
        var writer = JSONWriter(capacity: 0)
        writer.object { writer in
            writer.member("id", "o-1")
            writer.member("total", Int64(2297))
            writer.member("count", 2)
            writer.member("express", true)
            writer.member("note", nil)
            writer.member("coupon", Optional("TEA"))
            writer.member("parent", Int64?.none)
            writer.member("retries", Int?.some(3))
            writer.member("extra", ["b": [1, .number("1.50")], "a": .null] as JSONValue)
            writer.member("customer", object: { $0.member("name", "Ada") })
            writer.member(
                "lines",
                array: { writer in
                    writer.object { $0.member("sku", "A") }
                    writer.object { $0.member("sku", "B") }
                })
            writer.member("none", array: { _ in })
            writer.member("raw", raw: "{\"x\": 1}")
        }
        let expected =
            #"{"id":"o-1","total":2297,"count":2,"express":true,"note":null,"coupon":"TEA","parent":null,"retries":3,"#
            + #""extra":{"b":[1,1.50],"a":null},"customer":{"name":"Ada"},"lines":[{"sku":"A"},{"sku":"B"}],"#
            + #""none":[],"raw":{"x": 1}}"#
        #expect(writer.string() == expected)
        #expect(writer.bytes == Array(expected.utf8))
        #expect(writer.count == expected.utf8.count)
    }

    @Test func writesElementsOfEveryKind() {
        var writer = JSONWriter()
        writer.array { writer in
            writer.value("a")
            writer.value(nil)
            writer.value(Optional("b"))
            writer.value(1)
            writer.value(Int64.min)
            writer.value(Int64?.none)
            writer.value(false)
            writer.value(.object(["x": 1]))
            writer.value(raw: "[ ]")
            writer.object { _ in }
            writer.array { $0.array { _ in } }
            writer.value(Int64.max)
        }
        #expect(
            writer.string()
                == #"["a",null,"b",1,-9223372036854775808,null,false,{"x":1},[ ],{},[[]],9223372036854775807]"#)
    }

    @Test func writesAPlainValueAndStartsOver() {
        var writer = JSONWriter()
        writer.value("x")
        #expect(writer.string() == "\"x\"")
        writer.removeAll()
        writer.value(0)
        #expect(writer.string() == "0")
        writer.removeAll()
        writer.array { $0.value(1) }
        #expect(writer.string() == "[1]")
    }

    @Test func escapesWhatMustBeAndNothingElse() throws {
        let every = String(String.UnicodeScalarView((0...0x2FF).map { Unicode.Scalar($0)! })) + "\u{2028}😀"
        let text = JSONValue.string(every).serialized()
        #expect(text.hasPrefix(#""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010"#))
        #expect(text.contains("\\u001e\\u001f !\\\"#$"))
        #expect(text.contains("/0123"))
        #expect(text.contains("[\\\\]"))
        #expect(text.hasSuffix("\u{2028}😀\""))
        #expect(text.utf8.count == every.utf8.count + 2 + 2 + 5 + 27 * 5)
        #expect(try JSONReader.parse(text) == .string(every))
        var writer = JSONWriter()
        writer.object { $0.member("a\"\n", "\\") }
        #expect(writer.string() == #"{"a\"\n":"\\"}"#)
        var bytes = JSONWriter()
        bytes.object { $0.member("every", utf8: Array("<\(every)>".utf8).dropFirst().dropLast()) }
        #expect(bytes.string() == "{\"every\":\(text)}")
    }

    @Test(arguments: [0, 1, -1, 9, 10, 99, 100, 12345, Int64.max, .min, .max - 1])
    func writesIntegers(value: Int64) {
        #expect(JSONValue.integer(value).serialized() == "\(value)")
    }

    @Test func misuseTraps() async {
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.member("a", 1)
        }
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.object { $0.value(1) }
        }
        await #expect(processExitsWith: .failure) {
            var writer = JSONWriter()
            writer.value(1)
            writer.value(2)
        }
        await #expect(processExitsWith: .failure) { _ = JSONWriter().bytes }
    }

    #if DEBUG
        @Test func debugBuildsFindWhatTheTypesCannot() async {
            await #expect(processExitsWith: .failure) {
                var writer = JSONWriter()
                writer.object {
                    $0.member("a", 1)
                    $0.member("a", 1)
                }
                _ = writer.bytes
            }
            await #expect(processExitsWith: .failure) {
                var writer = JSONWriter()
                writer.object { $0.member("a", raw: "1,\"b\":2") }
            }
        }
    #endif
}
