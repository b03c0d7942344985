/// Where a configuration is read from. Nothing else is looked at, the process environment neither.
package struct ConfigurationSource: Sendable {
    /// A command-line flag that sets a key.
    package struct Flag: Sendable, Equatable {
        /// The flag as the user writes it (`--port`), for messages.
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The flags given, by the path of the key they set (`server.port`).
    package var flags: [String: Flag]
    package var environment: [String: String]
    /// The file of `--config`; without one, `PANTRY_CONFIG` in `environment` names it.
    package var file: String?
    /// What relative paths are under.
    package var workingDirectory: String

    package init(
        flags: [String: Flag] = [:], environment: [String: String] = [:], file: String? = nil, workingDirectory: String
    ) {
        self.flags = flags
        self.environment = environment
        self.file = file
        self.workingDirectory = workingDirectory
    }
}
