import Foundation

/// One place where a rule is broken.
struct Finding: Sendable, Equatable, CustomStringConvertible {
    let path: String
    let line: Int
    let detail: String

    var description: String { "\(path):\(line): \(detail)" }
}

/// A house rule: a function over one file. What a rule must know about the rest of the repository is bound when it is
/// made.
struct Rule: Sendable, CustomStringConvertible {
    let name: String
    let reason: String
    let check: @Sendable (SourceFile) -> [Finding]

    var description: String { name }

    /// What the rule finds, allowances taken off.
    func findings(in file: SourceFile, allowing allowances: [Allowance] = Allowance.all) -> [Finding] {
        allowances.contains { $0.rule == name && $0.covers(file.path) } ? [] : check(file)
    }

    func findings(path: String, text: String) -> [Finding] {
        findings(in: SourceFile(path: path, text: text), allowing: [])
    }
}

/// A file or folder that a rule does not apply to, and why. All of them stand in `Allowances.swift`.
struct Allowance: Sendable, CustomStringConvertible {
    let rule: String
    /// A file, or a folder with its closing slash.
    let path: String
    let reason: String

    var description: String { "\(rule) in \(path)" }

    func covers(_ candidate: String) -> Bool {
        path.hasSuffix("/") ? candidate.hasPrefix(path) : candidate == path
    }
}

/// A regular expression over masked code or text, with the words that a finding says.
struct Pattern: Sendable {
    let expression: String
    let detail: String

    init(_ expression: String, _ detail: String) {
        self.expression = expression
        self.detail = detail
    }

    func findings(in text: String, of path: String) -> [Finding] {
        guard let regex = try? NSRegularExpression(pattern: expression, options: [.anchorsMatchLines]) else {
            return [Finding(path: path, line: 0, detail: "not a regular expression: \(expression)")]
        }
        let whole = NSRange(text.startIndex..., in: text)
        return regex.matches(in: text, range: whole).map { match in
            let start = Range(match.range, in: text)?.lowerBound ?? text.startIndex
            let line = text[..<start].utf8.count(where: { $0 == UInt8(ascii: "\n") }) + 1
            return Finding(path: path, line: line, detail: detail)
        }
    }
}

extension [Pattern] {
    func findings(in text: String, of path: String) -> [Finding] {
        flatMap { $0.findings(in: text, of: path) }.sorted { $0.line < $1.line }
    }
}
