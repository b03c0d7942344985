/// What the schema says about one key, whatever its type.
package struct SchemaEntry: Sendable, Equatable {
    /// `server.port`; in lists `shards[].name`, under names chosen by the user `limits.plans.*.orders.points`.
    package var path: String
    /// What may be written.
    package var type: String
    /// The default as it would be written; nil if there is none.
    package var defaultText: String?
    /// Whether the key must be there wherever its list entry or mapping is.
    package var isRequired = false
    package var isSecret = false
    /// Whether the value is a list, in a variable or a flag separated by commas.
    package var isList = false
    package var meaning: String
    /// What of it this version supports.
    package var support: String

    /// Whether only the file can set it.
    package var isFileOnly: Bool { path.hasPrefix("shards") || path.hasPrefix("limits.plans") }

    /// The variable that sets it; nil if only the file can.
    package var environmentName: String? { isFileOnly ? nil : EnvironmentName.of(path: path) }

    /// The type without Markdown, for messages.
    var plainType: String { type.filter { $0 != "`" } }

    /// The last word of the path, which is the key's name in the file.
    var name: String { path.split(separator: ".").last.map(String.init) ?? path }
}

/// A key of the schema with the type of its value.
struct SettingKey<Value: Sendable>: Sendable {
    var entry: SchemaEntry
    /// The value when nobody gives one.
    var fallback: Value
    var display: ValueDisplay
    /// Reads the value's texts: exactly one, or any number for a list.
    var parse: @Sendable ([String]) throws(ValueComplaint) -> Value

    /// A key with one value; `text` is its default, which must be right.
    init(_ path: String, _ format: ValueFormat<Value>, default text: String, _ meaning: String) {
        let fallback: Value
        do {
            fallback = try format.parse(text)
        } catch {
            preconditionFailure("The schema's default of \(path) \(error.message)")
        }
        self.init(path, format, fallback: fallback, defaultText: text, meaning)
    }

    /// A key with one value and a default that no text could give.
    init(_ path: String, _ format: ValueFormat<Value>, fallback: Value, defaultText: String? = nil, _ meaning: String) {
        entry = SchemaEntry(
            path: path, type: format.type, defaultText: defaultText, isSecret: format.display == .secret,
            meaning: meaning, support: format.support)
        self.fallback = fallback
        display = format.display
        parse = { texts throws(ValueComplaint) in try format.parse(texts[0]) }
    }

    /// A key with a list of values, by default none.
    static func list<Element: Sendable>(
        _ path: String, of format: ValueFormat<Element>, support: String? = nil, _ meaning: String
    ) -> SettingKey where Value == [Element] {
        var key = SettingKey(
            path, ValueFormat(type: "list: \(format.type)", support: support ?? format.support) { _ in [] },
            fallback: [], defaultText: "[]", meaning)
        key.entry.isList = true
        key.entry.isSecret = format.display == .secret
        key.display = format.display
        key.parse = { texts throws(ValueComplaint) in
            var elements: [Element] = []
            for text in texts { elements.append(try format.parse(text)) }
            return elements
        }
        return key
    }

    /// The same key, which must be there.
    func required() -> SettingKey {
        var key = self
        key.entry.isRequired = true
        key.entry.defaultText = nil
        return key
    }
}
