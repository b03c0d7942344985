// A JSON document as a value.
//
// Numbers: a literal without fraction and exponent that fits Int64 is `.integer`; every other number keeps its literal
// as `.number`, so that no digit is lost and nobody computes with Double by accident. Money and quantities are
// integers. Deliberate: `-0` is `.integer(0)`, since a zero with a sign means nothing in an integer; `-0.0` is
// `.number("-0.0")`.
//
// Equality is that of the parts: `.integer(1)` and `.number("1.0")` differ, strings compare by their UTF-8 bytes
// (unlike Swift's strings; see ByteEquality.swift), objects without regard to order. It agrees with `canonical()`.

/// A JSON value. Reading makes it with `JSONReader`; literals make it in code: `["sku": "A-1", "quantity": 2]`.
public enum JSONValue: Sendable, Hashable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without fraction and exponent that fits 64 bits. `-0` is read as 0.
    case integer(Int64)
    /// Any other number, as its literal: a fraction, an exponent, or too large for `integer`. Writing a text that is
    /// not a JSON number is a programmer's error and traps.
    case number(String)
    /// A string. It may hold U+0000, which some databases refuse.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object.
    case object(JSONObject)

    /// Whether this is `null`.
    public var isNull: Bool { self == .null }

    /// The truth value, or nil if this is not one.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The integer, or nil if this is not an `integer`; a `number` such as `1.0` is none.
    public var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The literal of any number, `integer` or `number`, or nil if this is no number.
    public var numberLiteral: String? {
        switch self {
        case .integer(let value): String(value)
        case .number(let literal): literal
        default: nil
        }
    }

    /// The string, or nil if this is not one.
    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The elements, or nil if this is not an array.
    public var array: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The object, or nil if this is not one.
    public var object: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// What this is, with its article, for messages: "an integer", "a string", "null", …
    public var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The compact text, members in their order.
    public func serialized() -> String {
        var buffer = JSONBuffer(capacity: 256)
        buffer.append(self, sorted: false)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    /// The compact text with the members of every object sorted by the UTF-8 bytes of their names, for hashing
    /// requests.
    ///
    /// Two documents get the same bytes exactly if they differ only in white space, order of members, escapes, and `-0`
    /// against `0`. Unlike RFC 8785 the order is that of UTF-8 (not UTF-16), and `.number` keeps its literal: `1.0` and
    /// `1.00` hash differently. That only refuses a retry that spells its numbers anew; it never confuses two requests.
    public func canonical() -> [UInt8] {
        var buffer = JSONBuffer(capacity: 256)
        buffer.append(self, sorted: true)
        return buffer.bytes
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// `true` or `false`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object. Traps if a name occurs twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(unique: elements)) }
}
