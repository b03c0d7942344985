import Foundation
import StrictJSON

/// SplitMix64 (Steele, Lea, Flood 2014): a small generator with a seed, so that a failing case can be run again.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The error a document is refused with, or nil if it is accepted.
func refusal(_ bytes: [UInt8], _ limits: JSONLimits = JSONLimits()) -> JSONError? {
    do throws(JSONError) {
        _ = try JSONReader.parse(bytes, limits: limits)
        return nil
    } catch {
        return error
    }
}

func refusal(_ text: String, _ limits: JSONLimits = JSONLimits()) -> JSONError? {
    refusal(Array(text.utf8), limits)
}

func limits(depth: Int = 32, members: Int = 10_000, values: Int = 100_000) -> JSONLimits {
    var limits = JSONLimits()
    limits.depth = depth
    limits.members = members
    limits.values = values
    return limits
}

/// Foundation's reading of a document, or nil if it refuses.
func readByFoundation(_ bytes: [UInt8]) -> Any? {
    try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
}

/// Whether Foundation's value has the same content as ours. Strings are compared by their bytes.
func isEqual(_ ours: JSONValue, _ theirs: Any) -> Bool {
    switch ours {
    case .null: return theirs is NSNull
    case .bool(let value): return (theirs as? NSNumber)?.boolValue == value
    case .integer(let value): return (theirs as? NSNumber)?.int64Value == value
    case .number(let literal):
        guard let value = Double(literal), let other = (theirs as? NSNumber)?.doubleValue else { return false }
        // Foundation keeps some numbers as decimals, and turns those into a Double that may be off by a few units.
        return abs(value - other) <= abs(value) * 1e-14
    case .string(let text): return (theirs as? String).map { $0.utf8.elementsEqual(text.utf8) } ?? false
    case .array(let elements):
        guard let others = theirs as? [Any], others.count == elements.count else { return false }
        return zip(elements, others).allSatisfy { isEqual($0, $1) }
    case .object(let object):
        guard let others = theirs as? [String: Any], others.count == object.count else { return false }
        return object.allSatisfy { name, value in others[name].map { isEqual(value, $0) } ?? false }
    }
}

/// Makes random documents: every kind of value, all lengths of UTF-8, escapes, edge integers.
struct RandomDocuments {
    var random: SplitMix64

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
    }

    mutating func value(depth: Int = 4) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 10 : 6), using: &random) {
        case 0: .null
        case 1: .bool(Bool.random(using: &random))
        case 2: .integer(integer())
        case 3: .number(fraction())
        case 4, 5: .string(string())
        case 6, 7: .array((0..<Int.random(in: 0..<6, using: &random)).map { _ in value(depth: depth - 1) })
        default: .object(object(depth: depth))
        }
    }

    private mutating func object(depth: Int) -> JSONObject {
        var object = JSONObject()
        // Now and then more members than are compared one by one.
        let isLarge = Int.random(in: 0..<20, using: &random) == 0
        for _ in 0..<Int.random(in: 0..<(isLarge ? 40 : 6), using: &random) {
            object[string()] = value(depth: isLarge ? 0 : depth - 1)
        }
        return object
    }

    private mutating func integer() -> Int64 {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: [0, 1, -1, .max, .min, .max - 1, .min + 1].randomElement(using: &random)!
        case 1: Int64.random(in: .min ... .max, using: &random)
        default: Int64.random(in: -1000...1000, using: &random)
        }
    }

    private mutating func fraction() -> String {
        let value = Double(Int64.random(in: -1_000_000...1_000_000, using: &random)) / 1024 + 0.5 / 1024
        return Bool.random(using: &random) ? "\(value)" : "\(value)E\(Int.random(in: -30...30, using: &random))"
    }

    mutating func string() -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0..<12, using: &random) {
            let range: ClosedRange<UInt32> =
                switch Int.random(in: 0..<12, using: &random) {
                case 0: 0x00...0x1F
                case 1: 0x22...0x22
                case 2: 0x5C...0x5C
                case 3: 0x7F...0x7FF
                case 4: 0x2028...0x2029
                case 5: 0xE000...0xFFFF
                case 6: 0x1_0000...0x10_FFFF
                default: 0x20...0x7E
                }
            text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: range, using: &random))!)
        }
        return text
    }
}
