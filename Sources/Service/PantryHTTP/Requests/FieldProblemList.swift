import PantryDomain

/// Everything that is wrong with a request's body, as its readers find it: a client gets all of it in one answer.
///
/// A class, because the readers of one body's parts all write to it; it never leaves the decoder.
final class FieldProblemList {
    /// A hostile body must not turn into an answer many times its size.
    static let limit = 1_000

    private(set) var all: [FieldProblem] = []

    var isEmpty: Bool { all.isEmpty }

    func add(_ pointer: String, _ code: String, _ detail: String) {
        if all.count < Self.limit { all.append(FieldProblem(pointer, code, detail)) }
    }

    /// - Throws: ``Refusal/invalid(_:)`` when anything was added.
    func check() throws(Refusal) {
        guard all.isEmpty else { throw .invalid(all) }
    }
}

/// Texts of a client, made fit for a message. Swift compares and counts strings in time that is quadratic in their
/// combining marks, so that nothing here goes by characters.
enum ClientText {
    /// At most 64 code points.
    static func shown(_ text: String) -> String {
        guard text.utf8.count > 64 else { return text }
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(64) { scalars.append(scalar) }
        return scalars.count < text.utf8.count ? String(scalars) + "…" : text
    }

    /// A member's name as a step of a JSON pointer (RFC 6901, section 3), shortened as messages are.
    static func pointerStep(_ name: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in shown(name).unicodeScalars {
            switch scalar {
            case "~": escaped.append(contentsOf: "~0".unicodeScalars)
            case "/": escaped.append(contentsOf: "~1".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    /// Whether both have the same bytes; in linear time, unlike `==`.
    static func areSame(_ text: String, _ other: String) -> Bool {
        text.utf8.count == other.utf8.count && text.utf8.elementsEqual(other.utf8)
    }
}
