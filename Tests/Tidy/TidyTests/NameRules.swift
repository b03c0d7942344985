/// The names by which other files can use a Swift file, and the words that it uses itself.
struct FileNames: Sendable {
    let path: String
    private(set) var declared: Set<String> = []
    let words: Set<String>
    /// It holds `@main`, a conformance, or a member without a name of its own: other files need not name it.
    private(set) var isUsedWithoutName: Bool

    private static let types: Set<String> = ["struct", "class", "enum", "actor", "protocol", "typealias", "macro"]
    private static let members: Set<String> = ["func", "var", "let", "case"]

    init(_ file: SourceFile) {
        path = file.path
        words = Set(file.tokens.lazy.filter(\.isWord).map(\.text))
        isUsedWithoutName = file.name == "main.swift"
        var depth = 0
        var isInExtension = false
        var isPrivate = false
        for (index, token) in file.tokens.enumerated() {
            if token.startsLine { isPrivate = false }
            switch token.text {
            case "{": depth += 1
            case "}": depth -= 1
            case "private", "fileprivate": isPrivate = true
            case "extension" where depth == 0:
                isInExtension = true
                if Self.isConformance(file.tokens[(index + 1)...]) { isUsedWithoutName = true }
            default:
                let isType = Self.types.contains(token.text)
                if isType, depth == 0 { isInExtension = false }
                guard !isPrivate, depth == 0 || depth == 1 && (isInExtension || isType) else { continue }
                note(at: index, in: file.tokens)
            }
        }
    }

    private mutating func note(at index: Int, in tokens: [SwiftToken]) {
        let previous = index > 0 ? tokens[index - 1].text : ""
        guard previous != ".", index + 1 < tokens.count else { return }
        let next = tokens[index + 1]
        switch tokens[index].text {
        case "main" where previous == "@", "init", "subscript": isUsedWithoutName = true
        case "func" where !next.isWord: isUsedWithoutName = true
        case let word where next.isWord && (Self.types.contains(word) || Self.members.contains(word)):
            declared.insert(next.text)
        default: break
        }
    }

    /// `extension Name: Protocol {`, rather than `extension Name {` or a constraint behind `where`.
    private static func isConformance(_ tokens: ArraySlice<SwiftToken>) -> Bool {
        for token in tokens {
            if token.text == ":" { return true }
            if token.text == "{" || token.text == "where" { return false }
        }
        return false
    }
}

extension Rule {
    /// Every file under Sources declares something that another Swift file names. Approximate: names are compared as
    /// words.
    static func deadFiles(among files: [SourceFile]) -> Rule {
        let names = files.filter(\.isSwift).map(FileNames.init)
        var users: [String: Int] = [:]
        for file in names {
            for word in file.words { users[word, default: 0] += 1 }
        }
        let dead = names.filter { file in
            file.path.hasPrefix("Sources/") && !file.isUsedWithoutName
                && !file.declared.contains { users[$0, default: 0] > 1 }
        }
        let paths = Set(dead.map(\.path))
        return Rule(name: "dead files", reason: "what nothing uses is removed") { file in
            guard paths.contains(file.path) else { return [] }
            return [Finding(path: file.path, line: 1, detail: "declares nothing that another file names")]
        }
    }

    /// A type that is named like its module cannot be qualified from outside.
    static let moduleNames = Rule(name: "module names", reason: "no module is named like a type in it") { file in
        let parts = file.path.split(separator: "/").map(String.init)
        guard file.isSwift, parts.count > 3, parts[0] == "Sources" else { return [] }
        let types: Set<String> = ["struct", "class", "enum", "actor", "protocol", "typealias"]
        return zip(file.tokens, file.tokens.dropFirst()).filter { types.contains($0.text) && $1.text == parts[2] }.map {
            Finding(path: file.path, line: $0.0.line, detail: "a type named like its module \(parts[2])")
        }
    }
}
