import PantryAssembly
import Testing

@Suite("Configuration: the reference in docs/configuration.md")
struct ConfigurationReferenceTests {
    @Test("its table is the schema, no row more and none less")
    func table() throws {
        let lines = try projectFile("docs/configuration.md").split(separator: "\n").filter { $0.hasPrefix("|") }
        let expected = ConfigurationSchema.referenceTable.split(separator: "\n")
        for (line, row) in zip(lines, expected) { #expect(line == row) }
        #expect(lines.count == expected.count)
    }

    @Test("each row has the key's path, variable and default")
    func rows() {
        let rows = ConfigurationSchema.referenceTable.split(separator: "\n").dropFirst(2)
        #expect(rows.count == ConfigurationSchema.entries.count)
        for (row, entry) in zip(rows, ConfigurationSchema.entries) {
            let path = entry.path.split(separator: "*", omittingEmptySubsequences: false).joined(separator: "NAME")
            #expect(row.hasPrefix("| `\(path)` | "))
            #expect(row.contains(entry.environmentName.map { "`\($0)`" } ?? "file only"))
            if let text = entry.defaultText { #expect(row.contains("| `\(text.isEmpty ? "\"\"" : text)` |")) }
        }
    }

    @Test("the default plans in its text are the default plans")
    func plans() throws {
        let text = try projectFile("docs/configuration.md")
        let start = try #require(text.firstRange(of: "```yaml\n"))
        let end = try #require(text[start.upperBound...].firstRange(of: "```"))
        let loaded = try ConfigurationTrial(String(text[start.upperBound..<end.lowerBound])).load()
        #expect(try loaded.configuration.limits == ConfigurationTrial().configuration.limits)
        #expect(loaded.settings.filter { $0.path.hasPrefix("limits.") }.allSatisfy { $0.origin != .builtIn })
    }

    @Test("a variable that the text names exists")
    func variablesInText() throws {
        let known = Set(ConfigurationSchema.entries.compactMap(\.environmentName)).union(
            ConfigurationSchema.otherVariables)
        let names = try projectFile("docs/configuration.md").matches(of: /PANTRY_[A-Z_]*[A-Z]/).map {
            String($0.output)
        }
        #expect(!names.isEmpty)
        for name in names { #expect(known.contains(name), "\(name)") }
        for name in known { #expect(names.contains(name), "\(name)") }
    }

    @Test("names of variables follow the rule")
    func environmentNames() {
        let names = Dictionary(
            uniqueKeysWithValues: ConfigurationSchema.entries.map { ($0.path, $0.environmentName) })
        #expect(names["payments.errorThreshold"] == "PANTRY_PAYMENTS_ERROR_THRESHOLD")
        #expect(names["server.port"] == "PANTRY_SERVER_PORT")
        #expect(names["notifications.allowPrivateTargets"] == "PANTRY_NOTIFICATIONS_ALLOW_PRIVATE_TARGETS")
        #expect(names["shards[].name"] == .some(nil))
        #expect(names["limits.plans"] == .some(nil))
    }
}
