import Testing
import Tracing

@testable import OpenTelemetryTracing

/// Attributes as bytes.
@Suite("AttributeBytes")
struct AttributeBytesTests {
    private struct Named: CustomStringConvertible, Sendable {
        let description: String
    }

    @Test("what was told is read again, of every kind")
    func kinds() {
        let long = String(repeating: "käse ", count: 20_000)
        let told: [(String, SpanAttribute, SpanAttribute)] = [
            ("text", "a", .string("a")), ("empty", "", .string("")), ("", "no name", .string("no name")),
            ("long", .string(long), .string(long)), ("described", .stringConvertible(Named(description: "d")), "d"),
            ("small", .int32(-7), .int64(-7)), ("large", .int64(.min), .int64(.min)),
            ("double", .double(-0.25), .double(-0.25)), ("yes", true, true), ("no", false, false),
            ("texts", .stringArray(["a", "", "ü"]), .stringArray(["a", "", "ü"])),
            ("descriptions", .stringConvertibleArray([Named(description: "x")]), .stringArray(["x"])),
            ("smalls", .int32Array([1, -1]), .int64Array([1, -1])),
            ("larges", .int64Array([.max]), .int64Array([.max])),
            ("doubles", .doubleArray([.infinity, 0]), .doubleArray([.infinity, 0])),
            ("flags", .boolArray([true, false]), .boolArray([true, false])),
            ("nothing", .boolArray([]), .stringArray([])),
        ]
        var attributes = AttributeBytes()
        for (key, attribute, _) in told { attributes.add(key, attribute: attribute) }
        #expect(attributes.count == told.count)
        let read = SpanAttributes(attributes)
        #expect(read.count == told.count)
        for (key, _, expected) in told { #expect(read.get(key) == expected, "\(key)") }
    }

    @Test("of two with one key the later one counts")
    func twice() {
        var attributes = AttributeBytes()
        attributes.add("a", "first")
        attributes.add("b", 1 as Int64)
        attributes.add("a", "second")
        #expect(attributes.count == 3 && SpanAttributes(attributes).get("a") == "second")
    }

    @Test("those of several spans stand one behind the other, and each is read by its number")
    func several() {
        var all = AttributeBytes()
        for span in 0..<5 {
            var own = AttributeBytes()
            for number in 0..<span { own.add("\(span)", Int64(number)) }
            all.append(contentsOf: own)
        }
        #expect(all.count == 10)
        var reader = AttributeBytes.Reader(all)
        for span in 0..<5 {
            let own = reader.read(span)
            #expect(own.map { String(decoding: $0.key, as: UTF8.self) } == Array(repeating: "\(span)", count: span))
        }
        all.removeAll()
        #expect(all.count == 0 && all.list.isEmpty)
    }

    @Test("no more than may be")
    func limit() {
        let many = SpanAttributes(Dictionary(uniqueKeysWithValues: (0..<9).map { ("\($0)", SpanAttribute.int64(1)) }))
        #expect(AttributeBytes(many, limit: 4).count == 4 && AttributeBytes(many).count == 9)
    }
}
