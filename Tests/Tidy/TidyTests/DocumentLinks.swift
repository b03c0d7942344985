import Foundation

/// Relative links of the Markdown pages.
extension Rule {
    /// `exists` answers for a path relative to the repository's root; a folder exists when a file stands under it.
    static func documentLinks(exists: @escaping @Sendable (String) -> Bool) -> Rule {
        Rule(name: "document links", reason: "a page links to what is there") { file in
            let isPage = file.path.hasSuffix(".md") && (file.isUnder("docs", "Examples") || !file.path.contains("/"))
            guard isPage else { return [] }
            return links(in: file.text).compactMap { line, target in
                guard let path = resolve(target, from: file.path) else { return nil }
                return exists(path) ? nil : Finding(path: file.path, line: line, detail: "\(target) is not there")
            }
        }
    }

    /// The targets of `[text](target)` and `[name]: target`, fenced code left out.
    static func links(in text: String) -> [(line: Int, target: String)] {
        var isFenced = false
        var found: [(line: Int, target: String)] = []
        for (index, line) in text.lines.enumerated() {
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                isFenced.toggle()
            } else if !isFenced {
                found += targets(in: withoutCode(String(line))).map { (index + 1, $0) }
            }
        }
        return found
    }

    private static func withoutCode(_ line: String) -> String {
        line.replacingOccurrences(of: "`[^`]*`", with: "", options: .regularExpression)
    }

    private static func targets(in line: String) -> [String] {
        let expression = #"\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s*<?([^\s>]+)"#
        guard let regex = try? NSRegularExpression(pattern: expression) else { return [] }
        return regex.matches(in: line, range: NSRange(line.startIndex..., in: line)).compactMap { match in
            [1, 2].lazy.compactMap { Range(match.range(at: $0), in: line) }.first.map { String(line[$0]) }
        }
    }

    /// The path from the root, or nil for an address elsewhere and for a place on the same page.
    static func resolve(_ target: String, from page: String) -> String? {
        let path = target.prefix { $0 != "#" && $0 != "?" }
        guard !path.isEmpty, !target.contains("://"), !target.hasPrefix("mailto:") else { return nil }
        var parts = path.hasPrefix("/") ? [] : page.split(separator: "/").dropLast().map(String.init)
        for part in path.split(separator: "/") where part != "." {
            if part == ".." {
                guard !parts.isEmpty else { return "../" + path }
                parts.removeLast()
            } else {
                parts.append(part.removingPercentEncoding ?? String(part))
            }
        }
        return parts.joined(separator: "/")
    }
}
