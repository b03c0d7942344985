import Storage

/// Whether the control database and the shards belong together. A file that was lost and came back empty, or that was
/// copied in from elsewhere, must not be served as if nothing had ever been in it; worse, numbers would be given out
/// again, and a new organization would find the rows of the old one.
enum OrganizationPlacement {
    /// What does not fit, in sentences; none if all is well. May run beside a server that makes organizations.
    static func faults(_ databases: [Installation.NamedDatabase]) async throws -> [String] {
        guard let control = databases.first(where: { $0.role == .control })?.database else { return [] }
        var faults: [String] = []
        for shard in databases where shard.role == .shard {
            let active = try await numbers(
                control, "SELECT number FROM organizations WHERE state = 'active' AND shard = $1", [.text(shard.name)])
            let fences = try await numbers(shard.database, "SELECT organization FROM fences")
            // Read once more: what was made in between is known by now.
            let known = try await numbers(control, "SELECT number FROM organizations")
            if let lost = words(active.subtracting(fences)) {
                faults.append(
                    "database “\(shard.name)” does not have \(lost), which the control database has placed there; is "
                        + "its file empty, or another one? Restore it from a backup")
            }
            if let stray = words(fences.subtracting(known)) {
                faults.append(
                    "database “\(shard.name)” has \(stray), which the control database does not know; is that one "
                        + "empty, or another one? Restore it from a backup")
            }
        }
        return faults
    }

    /// Organizations whose shard is none of the configured ones, in sentences: their requests are refused. A shard that
    /// was given another name in the configuration is such a case.
    static func homeless(_ databases: [Installation.NamedDatabase]) async throws -> [String] {
        guard let control = databases.first(where: { $0.role == .control })?.database else { return [] }
        let names = Set(databases.filter { $0.role == .shard }.map(\.name))
        let rows = try await control.read(
            SQLStatement("SELECT DISTINCT shard FROM organizations WHERE state = 'active' ORDER BY shard"), .strong)
        var sentences: [String] = []
        for shard in try rows.map({ try $0.text(0) }) where !names.contains(shard) {
            let there = try await numbers(
                control, "SELECT number FROM organizations WHERE state = 'active' AND shard = $1", [.text(shard)])
            guard let lost = words(there) else { continue }
            sentences.append(
                "the configuration has no shard “\(shard)”, where the control database has placed \(lost); configured "
                    + "are \(names.sorted().joined(separator: ", ")). A shard keeps the name that it had at first")
        }
        return sentences
    }

    private static func numbers(
        _ database: any Database, _ text: String, _ parameters: [SQLValue] = []
    ) async throws -> Set<Int64> {
        Set(try await database.read(SQLStatement(text, parameters), .strong).map { try $0.integer(0) })
    }

    private static func words(_ numbers: Set<Int64>) -> String? {
        guard !numbers.isEmpty else { return nil }
        let shown = numbers.sorted().prefix(5).map { String($0) }.joined(separator: ", ")
        return "\(numbers.count) organization\(numbers.count == 1 ? "" : "s") (number \(shown)"
            + (numbers.count > 5 ? ", …)" : ")")
    }
}
