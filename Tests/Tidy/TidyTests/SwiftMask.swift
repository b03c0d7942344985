/// Blanks out comments, string contents and regular expressions, so that rules see code only.
///
/// Newlines stay where they are and quotes are kept, so a line of the result is the same line of the source. Code
/// inside an interpolation is code. This is a scanner, not a parser: it understands what the compiler's lexer would, as
/// far as the rules need it.
struct SwiftMask {
    private enum Mode {
        /// `depth` counts open parentheses; an interpolation ends where it would fall below zero.
        case code(depth: Int, isInterpolation: Bool)
        case string(hashes: Int, isMultiline: Bool)
    }

    private let source: [UInt8]
    private var output: [UInt8] = []
    private var position = 0
    private var modes: [Mode] = [.code(depth: 0, isInterpolation: false)]
    /// The last byte of code that was not white space: tells a division from a regular expression.
    private var previous: UInt8 = 0

    static func masked(_ text: String) -> String {
        var mask = SwiftMask(source: Array(text.utf8))
        return mask.run()
    }

    private init(source: [UInt8]) {
        self.source = source
        output.reserveCapacity(source.count)
    }

    private mutating func run() -> String {
        while position < source.count {
            switch modes[modes.count - 1] {
            case .code(let depth, let isInterpolation):
                scanCode(depth: depth, isInterpolation: isInterpolation)
            case .string(let hashes, let isMultiline):
                scanString(hashes: hashes, isMultiline: isMultiline)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    // MARK: Code

    private mutating func scanCode(depth: Int, isInterpolation: Bool) {
        let byte = source[position]
        switch byte {
        case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
            blank(while: { $0 != UInt8(ascii: "\n") })
        case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
            blankBlockComment()
        case UInt8(ascii: "/") where startsRegularExpression():
            blankRegularExpression()
        case UInt8(ascii: "#"), UInt8(ascii: "\""):
            openStringOrKeep()
        case UInt8(ascii: "("):
            modes[modes.count - 1] = .code(depth: depth + 1, isInterpolation: isInterpolation)
            keep()
        case UInt8(ascii: ")") where isInterpolation && depth == 0:
            modes.removeLast()
            blank(1)
        case UInt8(ascii: ")"):
            modes[modes.count - 1] = .code(depth: depth - 1, isInterpolation: isInterpolation)
            keep()
        default:
            keep()
        }
    }

    private mutating func blankBlockComment() {
        var depth = 0
        while position < source.count {
            if source[position] == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                depth += 1
                blank(2)
            } else if source[position] == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
                depth -= 1
                blank(2)
                if depth == 0 { return }
            } else {
                blank(1)
            }
        }
    }

    private mutating func openStringOrKeep() {
        var hashes = 0
        while peek(hashes) == UInt8(ascii: "#") { hashes += 1 }
        guard peek(hashes) == UInt8(ascii: "\"") else { return keep() }
        let isMultiline = peek(hashes + 1) == UInt8(ascii: "\"") && peek(hashes + 2) == UInt8(ascii: "\"")
        for _ in 0..<(hashes + (isMultiline ? 3 : 1)) { keep() }
        modes.append(.string(hashes: hashes, isMultiline: isMultiline))
    }

    /// A bare `/…/` can only follow an opening sign, a comma, an assignment or a colon, and ends on its line.
    private func startsRegularExpression() -> Bool {
        guard "(,=:[{&|!;".utf8.contains(previous) || previous == 0 else { return false }
        guard let next = peek(1), next != UInt8(ascii: " "), next != UInt8(ascii: "\n") else { return false }
        var ahead = position + 1
        while ahead < source.count, source[ahead] != UInt8(ascii: "\n") {
            if source[ahead] == UInt8(ascii: "\\") {
                ahead += 1
            } else if source[ahead] == UInt8(ascii: "/") {
                return true
            }
            ahead += 1
        }
        return false
    }

    private mutating func blankRegularExpression() {
        blank(1)
        while position < source.count, source[position] != UInt8(ascii: "/") {
            blank(source[position] == UInt8(ascii: "\\") ? 2 : 1)
        }
        blank(1)
        previous = UInt8(ascii: "/")
    }

    // MARK: Strings

    private mutating func scanString(hashes: Int, isMultiline: Bool) {
        let byte = source[position]
        if byte == UInt8(ascii: "\\"), hasHashes(hashes, at: 1) {
            if peek(1 + hashes) == UInt8(ascii: "(") {
                blank(2 + hashes)
                previous = UInt8(ascii: "(")
                modes.append(.code(depth: 0, isInterpolation: true))
            } else {
                blank(2 + hashes)
            }
        } else if byte == UInt8(ascii: "\""), closes(hashes: hashes, isMultiline: isMultiline) {
            for _ in 0..<(hashes + (isMultiline ? 3 : 1)) { keep() }
            modes.removeLast()
        } else if byte == UInt8(ascii: "\n"), !isMultiline {
            modes.removeLast()
            keep()
        } else {
            blank(1)
        }
    }

    private func closes(hashes: Int, isMultiline: Bool) -> Bool {
        guard isMultiline else { return hasHashes(hashes, at: 1) }
        return peek(1) == UInt8(ascii: "\"") && peek(2) == UInt8(ascii: "\"") && hasHashes(hashes, at: 3)
    }

    private func hasHashes(_ count: Int, at offset: Int) -> Bool {
        (0..<count).allSatisfy { peek(offset + $0) == UInt8(ascii: "#") }
    }

    // MARK: Output

    private func peek(_ offset: Int) -> UInt8? {
        position + offset < source.count ? source[position + offset] : nil
    }

    private mutating func keep() {
        let byte = source[position]
        output.append(byte)
        if byte != UInt8(ascii: " "), byte != UInt8(ascii: "\n") { previous = byte }
        position += 1
    }

    private mutating func blank(_ count: Int) {
        for _ in 0..<count where position < source.count {
            output.append(source[position] == UInt8(ascii: "\n") ? UInt8(ascii: "\n") : UInt8(ascii: " "))
            position += 1
        }
    }

    private mutating func blank(while condition: (UInt8) -> Bool) {
        while position < source.count, condition(source[position]) { blank(1) }
    }
}
