extension ConfigurationSchema {
    /// The table of all keys in `docs/configuration.md`, in Markdown.
    package static var referenceTable: String {
        let header = [
            "| Key | Environment | Type | Default | Meaning | Supported |",
            "|---|---|---|---|---|---|",
        ]
        return (header + entries.map(referenceRow)).joined(separator: "\n") + "\n"
    }

    private static func referenceRow(_ entry: SchemaEntry) -> String {
        let standard: String =
            if entry.isRequired { "required" } else if let text = entry.defaultText { code(text) } else { "none" }
        let cells = [
            code(entry.path.replacing("*", with: "NAME")), entry.environmentName.map(code) ?? "file only",
            entry.type + (entry.isSecret ? " (secret)" : ""), standard, entry.meaning, entry.support,
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    private static func code(_ text: String) -> String { "`\(text.isEmpty ? "\"\"" : text)`" }
}
