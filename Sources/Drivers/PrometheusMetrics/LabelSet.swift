/// The labels of one series: valid names, in their order, each once.
struct LabelSet: Sendable, Hashable {
    private(set) var pairs: [(name: String, value: String)]
    /// As it stands between the braces; the series' identity.
    let text: String

    /// - Parameter isHistogram: whether `le` is taken already.
    init(_ dimensions: [(String, String)], isHistogram: Bool) {
        var taken = Set<String>()
        var pairs: [(name: String, value: String)] = []
        for (name, value) in dimensions {
            var valid = MetricName.label(name)
            if isHistogram, valid == "le" { valid = "exported_le" }
            // Two names that become one must not make the page invalid, and neither value may get lost.
            var unique = valid
            var number = 2
            while !taken.insert(unique).inserted {
                unique = "\(valid)_\(number)"
                number += 1
            }
            pairs.append((unique, value))
        }
        self.init(valid: pairs)
    }

    private init(valid pairs: [(name: String, value: String)]) {
        let sorted = pairs.sorted { $0.name < $1.name }
        self.pairs = sorted
        text = sorted.map { "\($0.name)=\"\(Escaping.labelValue($0.value))\"" }.joined(separator: ",")
    }

    /// The series that takes what is over the limit.
    var other: LabelSet { LabelSet(valid: pairs.map { ($0.name, "other") }) }

    static func == (a: Self, b: Self) -> Bool { a.text == b.text }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// How text is made safe for a line.
enum Escaping {
    /// Backslash, quote and line feed.
    static func labelValue(_ text: String) -> String { escaped(text, quotes: true) }

    /// Backslash and line feed; OpenMetrics wants quotes escaped here, too.
    static func help(_ text: String, _ format: ExpositionFormat) -> String {
        escaped(text, quotes: format == .openMetrics)
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        let backslash = UInt8(ascii: "\\"), quote = UInt8(ascii: "\""), lineFeed = UInt8(ascii: "\n")
        guard text.utf8.contains(where: { $0 == backslash || $0 == lineFeed || quotes && $0 == quote }) else {
            return text
        }
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case backslash: bytes += [backslash, backslash]
            case lineFeed: bytes += [backslash, UInt8(ascii: "n")]
            case quote where quotes: bytes += [backslash, quote]
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
