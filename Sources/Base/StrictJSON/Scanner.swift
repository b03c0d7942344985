// The reader's state, and the parts of the grammar that hold others: document, value, array, object.
//
// Every function starts at its first byte and leaves `at` behind its last one. The buffer is read unchecked when
// optimised, so each access stands behind a comparison with `end`.

struct Scanner {
    let bytes: UnsafeBufferPointer<UInt8>
    let end: Int
    let memberLimit: Int
    var at = 0
    var depthLeft: Int
    var valuesLeft: Int

    /// Where a value is due; only the messages differ.
    enum Place {
        case document, element, firstElement, member

        var expected: String {
            switch self {
            case .document: "a JSON value is expected"
            case .element: "a value is expected after the comma"
            case .firstElement: "a value or ']' is expected"
            case .member: "a value is expected after the colon"
            }
        }
    }

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: JSONLimits) {
        self.bytes = bytes
        end = bytes.count
        memberLimit = limits.members
        depthLeft = min(limits.depth, JSONLimits.greatestDepth)
        valuesLeft = limits.values
    }

    mutating func document() throws(JSONError) -> JSONValue {
        skipSpace()
        let result = try value(.document)
        skipSpace()
        guard at == end else {
            let found = Byte.shown(bytes[at])
            throw failure(.trailingData, "only white space may follow the document's value, not \(found)")
        }
        return result
    }

    @inline(__always)
    mutating func skipSpace() {
        while at < end {
            let byte = bytes[at]
            guard byte <= Byte.space else { return }
            guard
                byte == Byte.space || byte == Byte.lineFeed || byte == Byte.carriageReturn || byte == Byte.tab
            else { return }
            at += 1
        }
    }

    mutating func value(_ place: Place) throws(JSONError) -> JSONValue {
        guard at < end else { throw failure(.unexpectedEnd, "the input ends where \(place.expected)") }
        guard valuesLeft > 0 else { throw failure(.tooManyValues, "the document has more values than allowed") }
        valuesLeft -= 1
        switch bytes[at] {
        case Byte.quote: return .string(try string())
        case Byte.openBrace: return try object()
        case Byte.openBracket: return try array()
        case Byte.minus, Byte.zero...Byte.nine: return try number()
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw noValue(place)
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for index in 0..<word.utf8CodeUnitCount {
            guard at < end else { throw failure(.unexpectedEnd, "the input ends within '\(word)'") }
            guard bytes[at] == word.utf8Start[index] else { throw unexpected("'\(word)' is expected") }
            at += 1
        }
        return value
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        try enter()
        at += 1
        skipSpace()
        var elements: [JSONValue] = []
        if at < end, bytes[at] == Byte.closeBracket {
            at += 1
            depthLeft += 1
            return .array(elements)
        }
        while true {
            if elements.count >= memberLimit, at < end {
                throw failure(.tooManyMembers, "the array has more than the \(memberLimit) elements allowed")
            }
            elements.append(try value(elements.isEmpty ? .firstElement : .element))
            skipSpace()
            guard at < end else { throw failure(.unexpectedEnd, "the input ends where ',' or ']' is expected") }
            let byte = bytes[at]
            guard byte == Byte.comma || byte == Byte.closeBracket else { throw unexpected("',' or ']' is expected") }
            at += 1
            if byte == Byte.closeBracket { break }
            skipSpace()
        }
        depthLeft += 1
        return .array(elements)
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        try enter()
        at += 1
        skipSpace()
        if at < end, bytes[at] == Byte.closeBrace {
            at += 1
            depthLeft += 1
            return .object(JSONObject())
        }
        var members: [(name: String, value: JSONValue)] = []
        members.reserveCapacity(6)
        var names = NameSet()
        while true {
            let name = try memberName(isFirst: members.isEmpty, members, &names)
            skipSpace()
            guard at < end else { throw failure(.unexpectedEnd, "the input ends where ':' is expected") }
            guard bytes[at] == Byte.colon else { throw unexpected("':' is expected after a member's name") }
            at += 1
            skipSpace()
            members.append((name, try value(.member)))
            skipSpace()
            guard at < end else { throw failure(.unexpectedEnd, "the input ends where ',' or '}' is expected") }
            let byte = bytes[at]
            guard byte == Byte.comma || byte == Byte.closeBrace else { throw unexpected("',' or '}' is expected") }
            at += 1
            if byte == Byte.closeBrace { break }
            skipSpace()
        }
        depthLeft += 1
        return .object(JSONObject(checked: members))
    }

    @inline(__always)
    private mutating func memberName(
        isFirst: Bool, _ members: [(name: String, value: JSONValue)], _ names: inout NameSet
    ) throws(JSONError) -> String {
        let expected: StaticString =
            isFirst ? "a name in quotes or '}' is expected" : "a name in quotes is expected after the comma"
        guard at < end else { throw failure(.unexpectedEnd, "the input ends where \(expected)") }
        guard bytes[at] == Byte.quote else { throw unexpected("\(expected)") }
        guard members.count < memberLimit else {
            throw failure(.tooManyMembers, "the object has more than the \(memberLimit) members allowed")
        }
        let start = at
        let name = try string()
        guard names.insert(name, members) else {
            at = start
            throw failure(.duplicateName, "the object already has a member named \(shownName(name)); names must differ")
        }
        return name
    }

    @inline(__always)
    private mutating func enter() throws(JSONError) {
        guard depthLeft > 0 else { throw failure(.tooDeep, "arrays and objects are nested deeper than allowed") }
        depthLeft -= 1
    }
}
