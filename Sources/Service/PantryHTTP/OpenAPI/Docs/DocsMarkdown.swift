/// The part of CommonMark that the descriptions use: paragraphs, lists, `code` and **bold**.
enum DocsMarkdown {
    static func html(_ text: String?) -> HTML {
        guard let text, !text.isEmpty else { return .nothing }
        var blocks: [HTML] = []
        var paragraph: [Substring] = []
        var items: [[Substring]] = []
        func flush() {
            if !items.isEmpty { blocks.append(list(items)) }
            if !paragraph.isEmpty { blocks.append("<p>\(inline(paragraph.joined(separator: " ")))</p>") }
            (paragraph, items) = ([], [])
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty {
                flush()
            } else if line.hasPrefix("- ") {
                if !paragraph.isEmpty { flush() }
                items.append([line.dropFirst(2)])
            } else if !items.isEmpty, line.hasPrefix("  ") {
                items[items.count - 1].append(line.dropFirst(2))
            } else {
                if !items.isEmpty { flush() }
                paragraph.append(line)
            }
        }
        flush()
        return blocks.joined()
    }

    private static func list(_ items: [[Substring]]) -> HTML {
        "<ul>\(items.map { "<li>\(inline($0.joined(separator: " ")))</li>" as HTML }.joined())</ul>"
    }

    /// `code` and **bold** in one line of text.
    static func inline(_ text: String) -> HTML {
        // Every other part stands between two signs.
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated().map { index, part -> HTML in
            if index % 2 == 1 { return "<code>\(String(part))</code>" }
            return String(part).split(separator: "**", omittingEmptySubsequences: false).enumerated().map {
                $0 % 2 == 1 ? "<strong>\(String($1))</strong>" as HTML : "\(String($1))" as HTML
            }.joined()
        }.joined()
    }
}
