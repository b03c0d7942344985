/// What a text in a body must be like.
struct TextRule: Sendable {
    /// In Unicode scalars, which is what databases count.
    var length: ClosedRange<Int>

    static let name = TextRule(length: 1...200)
    static let category = TextRule(length: 0...100)
    static let reason = TextRule(length: 1...200)
    static let reference = TextRule(length: 0...200)
    /// The name of a saga's step.
    static let step = TextRule(length: 1...100)
    /// An organization's own name for its user.
    static let subject = TextRule(length: 1...255)
    static let plan = TextRule(length: 1...64)
    static let region = TextRule(length: 1...50)
    /// A word of a fixed choice, before it is compared with the choices.
    static let word = TextRule(length: 0...64)

    /// What is wrong with a text: a code, and what would be right.
    func fault(in text: String) -> (code: String, detail: String)? {
        let limits =
            length.lowerBound == 0
            ? "at most \(length.upperBound) characters" : "\(length.lowerBound) to \(length.upperBound) characters"
        // A scalar has at most four bytes: the long ones are out before anybody counts.
        if text.utf8.count > 4 * length.upperBound || text.unicodeScalars.count > length.upperBound {
            return ("too-long", "it may have \(limits)")
        }
        if text.unicodeScalars.count < length.lowerBound { return ("too-short", "it must have \(limits)") }
        if text.unicodeScalars.contains(where: Self.isControl) {
            return ("control-character", "it may not hold control characters, such as a line break or NUL")
        }
        return nil
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }
}
