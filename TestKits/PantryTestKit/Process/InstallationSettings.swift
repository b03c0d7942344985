/// The settings of an installation under test: sections with plain values, as they stand in the configuration file.
public struct InstallationSettings: Sendable {
    private var sections: [String: [String: String]] = [
        "server": ["host": "127.0.0.1", "port": "0", "drain": "0s", "shutdownTimeout": "10s"],
        // All requests of a test come from one address.
        "limits": ["plans": "{ anonymous: {} }"],
    ]

    /// The list of shards as YAML; the default is one file.
    public var shards: String?
    /// Answers a query on the sandbox provider's books with its rows in JSON; nil where they are in a file of the
    /// installation.
    public var booksQuery: (@Sendable (_ sql: String) async throws -> String)?

    /// Any free port, no time for draining, and no limit for requests without credentials.
    public init() {}

    /// A value as YAML, such as `3s` for `settings["payments", "timeout"]`.
    public subscript(section: String, key: String) -> String? {
        get { sections[section]?[key] }
        set { sections[section, default: [:]][key] = newValue }
    }

    /// The file's text, in YAML's flow style.
    public func yaml() -> String {
        sections.sorted { $0.key < $1.key }.map { section, values in
            let members = values.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
            return "\(section): { \(members.joined(separator: ", ")) }\n"
        }.joined() + (shards.map { "shards: \($0)\n" } ?? "")
    }
}
