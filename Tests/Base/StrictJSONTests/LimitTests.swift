import StrictJSON
import Testing

@Suite struct LimitTests {
    private func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    @Test func depthCountsNestedContainers() throws {
        #expect(refusal(nested(32)) == nil)
        let error = try #require(refusal(nested(33)))
        #expect(error.code == .tooDeep)
        #expect(error.offset == 32)
        #expect(refusal("1", limits(depth: 0)) == nil)
        #expect(refusal("[]", limits(depth: 0))?.code == .tooDeep)
        let objects = try #require(refusal(#"{"a":{"b":{}}}"#, limits(depth: 2)))
        #expect((objects.code, objects.offset) == (.tooDeep, 10))
    }

    @Test func closedContainersNoLongerCount() {
        #expect(refusal("[[],[],{},{},[[]],[{}],{\"a\":[]}]", limits(depth: 3)) == nil)
    }

    @Test func depthStopsAtTheGreatestWhateverIsAsked() {
        #expect(refusal(nested(512), limits(depth: .max)) == nil)
        #expect(refusal(nested(513), limits(depth: .max))?.offset == 512)
        #expect(refusal(String(repeating: "[{\"a\":", count: 1_000_000), limits(depth: .max))?.code == .tooDeep)
    }

    @Test func membersOfOneContainer() throws {
        #expect(refusal("[1,2,3]", limits(members: 3)) == nil)
        #expect(refusal("[[1,2],[3,4],[5,6]]", limits(members: 3)) == nil)
        let elements = try #require(refusal("[1,2,3,4]", limits(members: 3)))
        #expect((elements.code, elements.offset) == (.tooManyMembers, 7))
        #expect(refusal(#"{"a":1,"b":2}"#, limits(members: 2)) == nil)
        let members = try #require(refusal(#"{"a":1,"b":2,"c":3}"#, limits(members: 2)))
        #expect((members.code, members.offset) == (.tooManyMembers, 13))
        #expect(refusal("[1]", limits(members: -1))?.code == .tooManyMembers)
        #expect(refusal("[]", limits(members: 0)) == nil)
    }

    @Test func defaultAllowsTenThousandElements() {
        let zeros = Array(repeating: "0", count: 10_000).joined(separator: ",")
        #expect(refusal("[\(zeros)]") == nil)
        #expect(refusal("[\(zeros),0]")?.code == .tooManyMembers)
    }

    @Test func valuesOfTheWholeDocument() throws {
        #expect(refusal(#"[[1],{"a":2}]"#, limits(values: 5)) == nil)
        let error = try #require(refusal(#"[[1],{"a":2}]"#, limits(values: 4)))
        #expect((error.code, error.offset) == (.tooManyValues, 10))
    }

    @Test(arguments: [1, 15, 16, 17, 18, 500, 10_000])
    func findsADuplicateAmongAnyNumberOfNames(count: Int) throws {
        let names = (0..<count).map { "\"n\($0)\":0" }
        let accepted = "{\(names.joined(separator: ","))}"
        #expect(try JSONReader.parse(accepted).object?.count == count)
        for name in Set([0, count / 2, count - 1]) {
            let start = accepted.dropLast() + ","
            let error = try #require(refusal(start + "\"n\(name)\":1}", limits(members: count + 1)))
            #expect((error.code, error.offset) == (.duplicateName, start.utf8.count))
        }
    }

    /// Quadratic work would take minutes here.
    @Test(.timeLimit(.minutes(1))) func hostileBodiesTakeLinearTime() {
        let large = limits(members: .max, values: .max)
        let names = (0..<50_000).map { "\"n\($0)\":0" }.joined(separator: ",")
        #expect(refusal("{\(names)}", large) == nil)
        #expect(refusal("\"" + String(repeating: "\\u00e9\\n", count: 100_000) + "\"") == nil)
        #expect(refusal(String(repeating: "9", count: 500_000)) == nil)
    }

    /// Swift's own `==` and hash take 6 seconds for each of these names, when optimised; see ByteEquality.swift.
    @Test(.timeLimit(.minutes(1))) func namesOfCombiningMarksTakeLinearTime() throws {
        let marks = String(repeating: "\u{301}\u{327}", count: 80_000)
        let names = (0..<20).map { "\"\(Unicode.Scalar(UInt8(0x61 + $0)))\(marks)\":0" }
        let text = "{\(names.joined(separator: ","))}"
        let value = try JSONReader.parse(text)
        #expect(value.object?["sku"] == nil)
        #expect(value.object?.count == 20)
        let isEqual = value == .object(JSONObject(dictionaryLiteral: ("a\(marks)", 0)))
        #expect(!isEqual)
        #expect(Set([value, value]).count == 1)
    }
}
