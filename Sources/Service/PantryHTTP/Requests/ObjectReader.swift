import PantryDomain
import StrictJSON

/// Reads the members of one object in a body, and notes whatever is wrong with them.
///
/// A method that returns nil has noted why, or the member is optional and not there. `null` stands for an optional
/// member that is not there.
struct ObjectReader {
    enum Presence {
        case required
        case optional
    }

    private let object: JSONObject
    private let pointer: String
    let problems: FieldProblemList

    /// - Parameter members: the names that the object may have; every other one is noted.
    /// - Returns: nil when the value is no object.
    init?(_ value: JSONValue, at pointer: String, members: [String], _ problems: FieldProblemList) {
        guard case .object(let object) = value else {
            problems.add(pointer, "wrong-type", "an object is expected, not \(value.typeName)")
            return nil
        }
        (self.object, self.pointer, self.problems) = (object, pointer, problems)
        let known = members.count { object[$0] != nil }
        guard known < object.count else { return }
        let list = members.isEmpty ? "none" : members.joined(separator: ", ")
        for member in object where !members.contains(where: { ClientText.areSame($0, member.name) }) {
            problems.add(
                place(ClientText.pointerStep(member.name)), "unknown-member",
                "there is no such member; the members are: \(list)")
        }
    }

    func place(_ name: String) -> String { "\(pointer)/\(name)" }

    /// The member, whatever it is.
    func value(_ name: String) -> JSONValue? { object[name] }

    /// Notes something about a member.
    func note(_ name: String, _ code: String, _ detail: String) { problems.add(place(name), code, detail) }

    // MARK: Members

    func text(_ name: String, _ presence: Presence, _ rule: TextRule) -> String? {
        guard let value = member(name, presence, "a string") else { return nil }
        guard case .string(let text) = value else { return wrongType(name, value, "a string") }
        if let fault = rule.fault(in: text) {
            note(name, fault.code, fault.detail)
            return nil
        }
        return text
    }

    func integer(_ name: String, _ presence: Presence, _ range: ClosedRange<Int64>) -> Int64? {
        let kind = "an integer from \(range.lowerBound) to \(range.upperBound)"
        switch member(name, presence, kind) {
        case nil: return nil
        case .integer(let number)?:
            if range.contains(number) { return number }
            note(name, "out-of-range", "\(number) is not \(kind)")
        case .number(let literal)?:
            if literal.utf8.allSatisfy({ (48...57).contains($0) || $0 == UInt8(ascii: "-") }) {
                note(name, "out-of-range", "the number is not \(kind)")
            } else {
                note(name, "wrong-type", "\(kind) is expected, written without fraction and exponent")
            }
        case let value?: return wrongType(name, value, kind)
        }
        return nil
    }

    /// One of a few words.
    func choice<Choice: RawRepresentable<String>>(
        _ name: String, _ presence: Presence, _ choices: [Choice], code: String = "invalid-value"
    ) -> Choice? {
        guard let word = text(name, presence, .word) else { return nil }
        if let choice = choices.first(where: { ClientText.areSame($0.rawValue, word) }) { return choice }
        note(name, code, "it must be one of: \(choices.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    func sku(_ name: String) -> String? {
        let kind = "a string"
        guard let value = member(name, .required, kind) else { return nil }
        guard case .string(let text) = value else { return wrongType(name, value, kind) }
        guard SKU.isValid(text) else {
            note(name, "invalid-sku", SKU.rule)
            return nil
        }
        return text
    }

    /// `{amount, currency}`, as a price.
    func price(_ name: String, _ presence: Presence) -> Money? {
        guard let value = member(name, presence, "an object with amount and currency"),
            let money = ObjectReader(value, at: place(name), members: ["amount", "currency"], problems)
        else { return nil }
        let amount = money.integer("amount", .required, 1...Money.largestAmount)
        let currency = money.text("currency", .required, .word)
        if let currency, !Money.isCurrency(currency) {
            money.note("currency", "invalid-currency", "a currency is three capital letters (ISO 4217), such as USD")
            return nil
        }
        guard let amount, let currency else { return nil }
        return Money(amount, currency)
    }

    /// An object of the client's own making, as the text that is stored.
    /// - Parameter largest: bytes of its compact form.
    func document(_ name: String, largest: Int = OwnDocument.largest) -> String? {
        guard let value = member(name, .optional, "an object") else { return nil }
        guard case .object(let object) = value else { return wrongType(name, value, "an object") }
        if let fault = OwnDocument.fault(in: object) {
            note(name, fault.code, fault.detail)
            return nil
        }
        let text = value.serialized()
        guard text.utf8.count <= largest else {
            note(name, "too-long", "it may have at most \(largest) bytes as compact JSON")
            return nil
        }
        return text
    }

    func array(_ name: String, _ count: ClosedRange<Int>) -> [JSONValue]? {
        guard let value = member(name, .required, "an array") else { return nil }
        guard case .array(let elements) = value else { return wrongType(name, value, "an array") }
        guard count.contains(elements.count) else {
            let code = elements.count < count.lowerBound ? "too-few" : "too-many"
            note(name, code, "it must have \(count.lowerBound) to \(count.upperBound) elements, not \(elements.count)")
            return nil
        }
        return elements
    }

    // MARK: The parts

    private func member(_ name: String, _ presence: Presence, _ kind: String) -> JSONValue? {
        switch object[name] {
        case let value? where !value.isNull || presence == .required: return value
        case nil where presence == .required:
            note(name, "required", "\(kind) is required here")
            return nil
        default: return nil
        }
    }

    private func wrongType<Value>(_ name: String, _ value: JSONValue, _ kind: String) -> Value? {
        note(name, "wrong-type", "\(kind) is expected, not \(value.typeName)")
        return nil
    }
}

/// The rules for objects that Pantry stores for a client without understanding them.
enum OwnDocument {
    /// Bytes.
    static let largest = 8 * 1024
    /// Events carry the object some levels further down, and whoever reads them limits the depth as well.
    private static let deepest = 16

    /// NUL has no place in PostgreSQL's texts.
    static func fault(in object: JSONObject) -> (code: String, detail: String)? {
        fault(in: .object(object), depth: 1)
    }

    private static func fault(in value: JSONValue, depth: Int) -> (code: String, detail: String)? {
        switch value {
        case .string(let text): return holdsNUL(text)
        case .array where depth > deepest, .object where depth > deepest:
            return ("too-deep", "it may nest arrays and objects at most \(deepest) deep")
        case .array(let elements): return elements.firstNonNil { fault(in: $0, depth: depth + 1) }
        case .object(let object):
            return object.members.firstNonNil { holdsNUL($0.name) ?? fault(in: $0.value, depth: depth + 1) }
        case .null, .bool, .integer, .number: return nil
        }
    }

    private static func holdsNUL(_ text: String) -> (code: String, detail: String)? {
        text.utf8.contains(0) ? ("control-character", "its texts may not hold NUL") : nil
    }
}

extension Sequence {
    fileprivate func firstNonNil<Value>(_ transform: (Element) -> Value?) -> Value? {
        for element in self {
            if let value = transform(element) { return value }
        }
        return nil
    }
}
