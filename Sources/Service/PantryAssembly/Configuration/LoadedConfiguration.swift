/// A configuration and where each of its values came from.
package struct LoadedConfiguration: Sendable {
    package var configuration: PantryConfiguration
    /// Every key of the schema in its order, each shard's and plan's members among them.
    package var settings: [Setting]
    /// The file that was read, if any, by its absolute path.
    package var file: String?
    /// What an operator should know though it does not stop the start, one line each.
    package var warnings: [String]
}

/// One value and its origin, for `pantry config explain`.
package struct Setting: Sendable, Equatable {
    package var path: String
    /// The value as it was written, `(redacted)` for a secret, nil if the key has none.
    package var value: String?
    package var origin: SettingOrigin

    package init(path: String, value: String?, origin: SettingOrigin) {
        self.path = path
        self.value = value
        self.origin = origin
    }
}

extension Setting: Encodable {
    private enum CodingKeys: String, CodingKey {
        case path, value, origin
    }

    /// Writes `value` as null when there is none, so that every row has the same members.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(path, forKey: .path)
        try container.encode(value, forKey: .value)
        try container.encode(origin, forKey: .origin)
    }
}

extension LoadedConfiguration {
    /// The settings as an aligned table with a header, one line each, for a terminal.
    package var explanation: String {
        let rows =
            [("SETTING", "VALUE", "ORIGIN")]
            + settings.map {
                ($0.path, $0.value.map { $0.isEmpty ? "\"\"" : $0 } ?? "(not set)", $0.origin.description)
            }
        let first = rows.map(\.0.count).max() ?? 0
        // One very long value must not push every origin off the screen.
        let second = min(rows.map(\.1.count).max() ?? 0, 48)
        return rows.map { padded($0.0, to: first) + "  " + padded($0.1, to: second) + "  " + $0.2 }
            .joined(separator: "\n")
    }

    private func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
