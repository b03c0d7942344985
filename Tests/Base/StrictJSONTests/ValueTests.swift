import StrictJSON
import Testing

@Suite struct ValueTests {
    @Test func accessorsAnswerTheirKindOnly() {
        let values: [JSONValue] = [.null, true, 7, .number("1.5"), "x", [1], ["a": 1]]
        #expect(values.map(\.isNull) == [true, false, false, false, false, false, false])
        #expect(values.map(\.bool) == [nil, true, nil, nil, nil, nil, nil])
        #expect(values.map(\.integer) == [nil, nil, 7, nil, nil, nil, nil])
        #expect(values.map(\.numberLiteral) == [nil, nil, "7", "1.5", nil, nil, nil])
        #expect(values.map(\.string) == [nil, nil, nil, nil, "x", nil, nil])
        #expect(values.map(\.array) == [nil, nil, nil, nil, nil, [1], nil])
        #expect(values.map(\.object) == [nil, nil, nil, nil, nil, nil, ["a": 1]])
        let names = ["null", "a boolean", "an integer", "a number", "a string", "an array", "an object"]
        #expect(values.map(\.typeName) == names)
    }

    @Test func objectSetsReplacesAndRemoves() {
        var object: JSONObject = ["b": 1, "a": 2]
        object["b"] = "new"
        object["c"] = .null
        #expect(object.names == ["b", "a", "c"])
        #expect(object["b"] == "new")
        #expect(object["c"] == JSONValue.null)
        #expect(object["d"] == nil)
        object["a"] = nil
        object["d"] = nil
        #expect(object.names == ["b", "c"])
        #expect(object.count == 2)
        #expect(!object.isEmpty)
        #expect(JSONObject().isEmpty)
    }

    @Test func equalityAndHashIgnoreTheOrderOfMembers() {
        let one: JSONValue = ["x": 0, "a": 1, "b": ["c": 2, "d": 3]]
        let other: JSONValue = ["x": 0, "b": ["d": 3, "c": 2], "a": 1]
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one != ["x": 0, "a": 1, "b": ["c": 2, "d": 4]])
        #expect(one != ["x": 0, "a": 1])
        #expect(JSONObject(dictionaryLiteral: ("a", 1), ("b", 2)) != ["b": 1, "a": 2])
        #expect(JSONObject(dictionaryLiteral: ("a", 1), ("b", 2)).hashValue != JSONObject().hashValue)
        #expect(JSONObject(dictionaryLiteral: ("a", 1), ("b", 2)) != ["a": 1, "c": 2])
        #expect(JSONValue.integer(1) != .number("1.0"))
    }

    @Test func stringsAndNamesCompareByBytes() throws {
        #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
        #expect(JSONValue.string("\u{E9}") == .string("\u{E9}"))
        let object = try #require(try JSONReader.parse("{\"\u{E9}\":1,\"e\u{301}\":2}").object)
        #expect(object["\u{E9}"] == 1)
        #expect(object["e\u{301}"] == 2)
        #expect(object != ["\u{E9}": 2, "e\u{301}": 1])
        #expect(object == ["e\u{301}": 2, "\u{E9}": 1])
        #expect(object.hashValue == (["e\u{301}": 2, "\u{E9}": 1] as JSONObject).hashValue)
        #expect(JSONValue.array(["ab", "c"]).hashValue != JSONValue.array(["a", "bc"]).hashValue)
        let long = String(repeating: "x", count: 40)
        #expect(JSONValue.string(long + "a") != .string(long + "b"))
        #expect(JSONValue.number("1.5") != .string("1.5"))
    }

    @Test func canonicalSortsByTheBytesOfTheNames() throws {
        // U+FF5E sorts after U+1F600 in UTF-16, before it in UTF-8; "é" as two scalars begins with an "e".
        let text =
            "{\"\u{1F600}\":1,\"\u{FF5E}\":2,\"b\":{\"z\":[{\"y\":1,\"x\":2}],\"\":0},\"e\u{301}\":3,\"f\":4,\"B\":5}"
        let expected =
            "{\"B\":5,\"b\":{\"\":0,\"z\":[{\"x\":2,\"y\":1}]},\"e\u{301}\":3,\"f\":4,\"\u{FF5E}\":2,\"\u{1F600}\":1}"
        let value = try JSONReader.parse(text)
        #expect(value.canonical() == Array(expected.utf8))
        #expect(Array(value.serialized().utf8) == Array(text.utf8))
    }

    @Test func canonicalIgnoresSpaceEscapesAndOrderOnly() throws {
        let one = try JSONReader.parse(#" { "a" : "\u0041\/" , "b" : -0 } "#).canonical()
        #expect(try JSONReader.parse(#"{"b":0,"a":"A/"}"#).canonical() == one)
        #expect(try JSONReader.parse(#"{"b":"0","a":"A/"}"#).canonical() != one)
        #expect(try JSONReader.parse("1.0").canonical() != JSONReader.parse("1.00").canonical())
        #expect(try JSONReader.parse("[1,2]").canonical() != JSONReader.parse("[2,1]").canonical())
    }

    @Test func programmersErrorsTrap() async {
        await #expect(processExitsWith: .failure) { _ = JSONValue.number("1,5").serialized() }
        await #expect(processExitsWith: .failure) { _ = JSONValue.number("").canonical() }
        await #expect(processExitsWith: .failure) { _ = ["a": 1, "a": 2] as JSONObject }
    }
}
