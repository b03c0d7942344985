/// A word (an identifier, a keyword or a number) or a single sign of masked code.
struct SwiftToken: Sendable, Equatable {
    let text: String
    let line: Int
    /// Nothing but white space stands before it on its line.
    let startsLine: Bool

    var isWord: Bool { text.utf8.first.map(Self.isWordByte) ?? false }

    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...0xFF:
            true
        default: false
        }
    }

    static func tokens(of code: String) -> [SwiftToken] {
        let bytes = Array(code.utf8)
        var tokens: [SwiftToken] = []
        var position = 0
        var line = 1
        var startsLine = true
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\n") {
                line += 1
                startsLine = true
                position += 1
            } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r") {
                position += 1
            } else {
                var end = position + 1
                if isWordByte(byte) {
                    while end < bytes.count, isWordByte(bytes[end]) { end += 1 }
                }
                let text = String(decoding: bytes[position..<end], as: UTF8.self)
                tokens.append(SwiftToken(text: text, line: line, startsLine: startsLine))
                startsLine = false
                position = end
            }
        }
        return tokens
    }
}

/// A function, initializer, subscript or computed property with a body, from its first line to its closing brace.
struct FunctionSpan: Sendable, Equatable {
    let name: String
    let firstLine: Int
    let lastLine: Int

    var lines: Int { lastLine - firstLine + 1 }
}

/// Finds functions by their keyword and matches their braces.
struct FunctionScanner {
    private static let newDeclaration: Set<String> = [
        "func", "var", "let", "init", "deinit", "subscript", "case", "associatedtype", "typealias", "static", "class",
        "mutating", "nonmutating", "nonisolated", "public", "package", "internal", "private", "fileprivate", "open",
        "final", "override", "struct", "enum", "actor", "protocol", "extension", "import",
    ]

    private let tokens: [SwiftToken]

    static func spans(in tokens: [SwiftToken]) -> [FunctionSpan] {
        FunctionScanner(tokens: tokens).spans()
    }

    private func spans() -> [FunctionSpan] {
        var spans: [FunctionSpan] = []
        for index in tokens.indices {
            let isMember = index > 0 && tokens[index - 1].text == "."
            guard !isMember, let body = bodyStart(ofDeclarationAt: index), let end = matching(body) else { continue }
            let keyword = tokens[index].text
            let name = keyword == "func" || keyword == "var" ? tokens[index + 1].text : keyword
            spans.append(FunctionSpan(name: name, firstLine: tokens[index].line, lastLine: tokens[end].line))
        }
        return spans
    }

    private func bodyStart(ofDeclarationAt index: Int) -> Int? {
        switch tokens[index].text {
        case "func", "init", "subscript":
            guard let open = nextParenthesis(after: index), let close = matching(open) else { return nil }
            return bodyStart(afterSignatureAt: close)
        case "deinit":
            return index + 1 < tokens.count && tokens[index + 1].text == "{" ? index + 1 : nil
        case "var":
            return propertyBody(after: index)
        default:
            return nil
        }
    }

    /// The parameter list: past the name, an optional mark and generic parameters.
    private func nextParenthesis(after index: Int) -> Int? {
        var position = index + 1
        while position < tokens.count {
            switch tokens[position].text {
            case "(": return position
            case "{", "}": return nil
            default: position += 1
            }
        }
        return nil
    }

    private func bodyStart(afterSignatureAt close: Int) -> Int? {
        var position = close + 1
        while position < tokens.count {
            let token = tokens[position]
            if token.text == "{" { return position }
            if token.text == "}" { return nil }
            if token.startsLine, token.text == "@" || token.text == "#" || Self.newDeclaration.contains(token.text) {
                return nil
            }
            position = (token.text == "(" ? matching(position) ?? position : position) + 1
        }
        return nil
    }

    /// `var name: Type {` on one line; a stored property has an assignment or no brace.
    private func propertyBody(after index: Int) -> Int? {
        var position = index + 1
        while position < tokens.count, !tokens[position].startsLine, tokens[position].text != "=" {
            if tokens[position].text == "{" { return position }
            position += 1
        }
        return nil
    }

    private func matching(_ open: Int) -> Int? {
        let opening = tokens[open].text
        let closing = opening == "(" ? ")" : "}"
        var depth = 0
        for position in open..<tokens.count {
            if tokens[position].text == opening { depth += 1 }
            if tokens[position].text == closing { depth -= 1 }
            if depth == 0 { return position }
        }
        return nil
    }
}
