/// Durations as the configuration writes them: a whole number and `ms`, `s`, `m` or `h`.
enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000),
    ]

    static func parse(_ text: String) throws(ValueComplaint) -> Duration {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text[digits.endIndex...]
        if text.hasPrefix("-") { throw ValueComplaint("must not be negative") }
        guard !digits.isEmpty else {
            throw ValueComplaint("must be a whole number and ms, s, m or h, such as 500ms or 30s")
        }
        if unit.isEmpty { throw ValueComplaint("has no unit: write \(text)ms, \(text)s, \(text)m or \(text)h") }
        guard let factor = units.first(where: { $0.name == unit })?.milliseconds else {
            let advice = unit.hasPrefix(".") ? "; 1500ms is one and a half seconds" : ""
            throw ValueComplaint("must be a whole number and directly after it ms, s, m or h\(advice)")
        }
        // Int64(_:) is nil for too many digits.
        guard let number = Int64(digits),
            case (let milliseconds, false) = number.multipliedReportingOverflow(by: factor)
        else { throw ValueComplaint("is too long a time") }
        return .milliseconds(milliseconds)
    }

    /// The text of a whole number of milliseconds, in the largest unit that divides it.
    static func format(_ duration: Duration) -> String {
        let parts = duration.components
        let milliseconds = parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000
        if milliseconds == 0 { return "0s" }
        let unit = units.last { milliseconds % $0.milliseconds == 0 } ?? units[0]
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}
