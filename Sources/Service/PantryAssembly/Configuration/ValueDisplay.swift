/// How a value may be shown to people and logs.
enum ValueDisplay: Sendable {
    case plain
    /// Without passwords and tokens inside.
    case url
    case secret

    static let redacted = "(redacted)"

    /// The text to show: one line, not endless, and nothing secret.
    func text(of value: String) -> String {
        switch self {
        case .secret: value.isEmpty ? "" : Self.redacted
        case .plain: Self.printable(value)
        case .url: Self.printable(Self.withoutCredentials(value))
        }
    }

    /// Whether the value holds a secret: any text that is one, and a URL with a password.
    func holdsSecret(_ value: String) -> Bool {
        switch self {
        case .plain: return false
        case .secret: return !value.isEmpty
        case .url:
            guard let scheme = value.firstRange(of: "://") else { return false }
            let rest = value[scheme.upperBound...]
            let credentials = rest.lastIndex(of: "@").map { rest[..<$0] } ?? ""
            return credentials.contains(":") || rest.contains("password=")
        }
    }

    /// Escapes what would break the line or the terminal, and cuts a long text.
    static func printable(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars.prefix(120) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return value.unicodeScalars.count > 120 ? text + "…" : text
    }

    /// Query parameters that hold no secret.
    private static let harmlessParameters: Set<String> = ["pooler", "sslmode", "verify"]

    /// Takes out user, password and parameters. Of a text that is no URL it shows nothing that might be a password.
    private static func withoutCredentials(_ value: String) -> String {
        guard let scheme = value.firstRange(of: "://") else {
            if value.hasPrefix("sqlite:") { return value }
            let isHarmless = !value.contains { "@=?&;".contains($0) || $0.isWhitespace }
            return isHarmless ? value : redacted
        }
        var rest = value[scheme.upperBound...]
        var query: Substring?
        // A password may hold an unescaped / or ?, so the last @ counts.
        let credentials = rest.lastIndex(of: "@")
        if let credentials {
            // One behind a ? may be a parameter's, and what follows it the rest of a password.
            if rest[..<credentials].contains(where: { "?#".contains($0) }) {
                return "\(value[..<scheme.upperBound])\(redacted)"
            }
            rest = rest[rest.index(after: credentials)...]
        }
        if let mark = rest.firstIndex(where: { $0 == "?" || $0 == "#" }) {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        var text = value[..<scheme.upperBound] + (credentials == nil ? "" : redacted + "@") + rest
        if let query { text += "?" + withoutValues(query) }
        return String(text)
    }

    private static func withoutValues(_ query: Substring) -> String {
        query.split(separator: "&", omittingEmptySubsequences: false)
            .map { parameter in
                let name = parameter.prefix { $0 != "=" }
                return harmlessParameters.contains(String(name)) ? String(parameter) : "\(name)=\(redacted)"
            }
            .joined(separator: "&")
    }
}
