/// Finds anchors in YAML text without parsing it.
enum AnchorScan {
    /// The place of the first `&name` that is outside comments and quotations.
    static func firstAnchor(in text: String) -> FilePosition? {
        var line = 1
        var column = 0
        var previous: Unicode.Scalar = "\n"
        var quote: Unicode.Scalar?
        var isComment = false
        let scalars = Array(text.unicodeScalars)
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            let next = index + 1 < scalars.count ? scalars[index + 1] : "\n"
            column += 1
            if scalar == "\n" {
                line += 1
                column = 0
                isComment = false
            } else if isComment {
                isComment = !isBreak(scalar)
            } else if let open = quote {
                if (open == "\"" && scalar == "\\") || (open == "'" && scalar == "'" && next == "'") {
                    // an escaped character, unless it is the line's end, which must still be counted
                    if next != "\n" {
                        index += 1
                        column += 1
                    }
                } else if scalar == open {
                    quote = nil
                }
            } else if scalar == "#" && isSpace(previous) {
                isComment = true
            } else if startsToken(after: previous) {
                if scalar == "&" && !isSpace(next) { return FilePosition(line: line, column: column) }
                if scalar == "\"" || scalar == "'" { quote = scalar }
            }
            previous = scalar
            index += 1
        }
        return nil
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t" || isBreak(scalar)
    }

    /// YAML 1.1 has more line breaks than most files use.
    private static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalar)
    }

    private static func startsToken(after previous: Unicode.Scalar) -> Bool {
        isSpace(previous) || previous == "[" || previous == "{" || previous == "," || previous == ":"
    }
}
