/// Everything that is wrong with a configuration; the server does not start.
package struct ConfigurationProblems: Error, Sendable, Equatable {
    /// At least one, the file's in the order of its lines, then those of variables and flags.
    package var problems: [Problem]

    package struct Problem: Sendable, Equatable {
        package var place: SettingOrigin
        /// The key, such as `server.port` or `shards[0].name`; empty if the problem is not a key's.
        package var path: String
        /// The value as it may be shown: never a secret, and nil if there is none or it must not be shown.
        package var value: String?
        /// What is wrong and what would be right.
        package var message: String
    }
}

extension ConfigurationProblems: CustomStringConvertible {
    /// One line for each problem.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

extension ConfigurationProblems.Problem: CustomStringConvertible {
    /// `pantry.yaml:3:9: server.port: "80800": must be a whole number from 0 to 65535`
    package var description: String {
        var parts = [place.description]
        if !path.isEmpty { parts.append(path) }
        if let value { parts.append("\"\(value)\"") }
        return (parts + [message]).joined(separator: ": ")
    }
}
