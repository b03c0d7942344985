/// How the text of a value is read and checked.
struct ValueFormat<Value: Sendable>: Sendable {
    /// What may be written, for the reference.
    var type: String
    /// What of it this version supports, for the reference.
    var support = "yes"
    var display = ValueDisplay.plain
    var parse: @Sendable (String) throws(ValueComplaint) -> Value
}

extension ValueFormat {
    /// The same, of a setting that nothing reads yet.
    var withoutEffect: ValueFormat {
        var format = self
        format.support = "no effect yet"
        return format
    }
}

/// Why a value is refused and what would be right. Never holds the value itself: it may be a secret.
struct ValueComplaint: Error {
    var message: String

    init(_ message: String) {
        self.message = message
    }

    /// A value of a later version.
    static func notYet(_ what: String, use now: String) -> ValueComplaint {
        ValueComplaint("\(what) is not supported by this version yet; \(now)")
    }
}

extension ValueFormat<Int> {
    static func whole(_ range: ClosedRange<Int>, unit: String = "") -> ValueFormat {
        let limits = "from \(range.lowerBound) to \(range.upperBound)"
        return ValueFormat(type: "whole number \(limits)\(unit)") { text throws(ValueComplaint) in
            let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
            guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(text),
                range.contains(number)
            else { throw ValueComplaint("must be a whole number \(limits)\(unit)") }
            return number
        }
    }
}

extension ValueFormat<Bool> {
    static var bool: ValueFormat {
        ValueFormat(type: "true or false") { text throws(ValueComplaint) in
            switch text.lowercased() {
            case "true", "yes", "on", "1": return true
            case "false", "no", "off", "0": return false
            default: throw ValueComplaint("must be true or false")
            }
        }
    }
}

extension ValueFormat<Duration> {
    static func duration(_ range: ClosedRange<Duration>) -> ValueFormat {
        let limits = "from \(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        return ValueFormat(type: "duration \(limits)") { text throws(ValueComplaint) in
            let duration = try DurationText.parse(text)
            guard range.contains(duration) else { throw ValueComplaint("must be a duration \(limits)") }
            return duration
        }
    }
}

extension ValueFormat where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One word of a set; those of `later` are known but refused.
    static func choice(later: [String]) -> ValueFormat {
        let now = Value.allCases.map(\.rawValue)
        let advice = "use \(now.joined(separator: " or "))"
        let support = now.map { "`\($0)`" } + later.map { "`\($0)` not yet" }
        return ValueFormat(
            type: (now + later).map { "`\($0)`" }.joined(separator: " or "), support: support.joined(separator: ", ")
        ) { text throws(ValueComplaint) in
            if let value = Value(rawValue: text) { return value }
            if later.contains(text) { throw .notYet(text, use: advice) }
            let nearest = NearestName.to(text, in: now).map { "; did you mean \"\($0)\"?" } ?? ""
            throw ValueComplaint("is not known; \(advice)\(nearest)")
        }
    }
}
