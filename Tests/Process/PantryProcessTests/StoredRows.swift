import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// What is stored, asked beside the server with the `sqlite3` program.
enum StoredRows {
    static let shard = "shard-0.db"
    static let provider = "sandbox-provider.db"

    /// The rows of a query.
    static func query(_ file: String, in directory: URL, _ sql: String) async throws -> [JSONObject] {
        let output = try await run(["-json", "-readonly", "-cmd", ".timeout 5000", path(file, directory), sql])
        // Without rows it prints nothing at all.
        if output.isEmpty { return [] }
        var limits = JSONLimits()
        (limits.members, limits.values) = (10_000_000, 100_000_000)
        return try JSONReader.parse(output, limits: limits).array?.compactMap(\.object) ?? []
    }

    /// For each table of a file its number of rows and a digest of all that is in them.
    static func digests(_ file: String, in directory: URL) async throws -> [String: String] {
        let names = try await query(
            file, in: directory, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).compactMap { $0["name"]?.string }
        try #require(!names.isEmpty, "\(file) has no tables")
        var digests: [String: String] = [:]
        for name in names {
            let count = try await query(file, in: directory, "SELECT COUNT(*) AS rows FROM \"\(name)\"")
            // The pattern's blank is a wildcard of LIKE; no two tables differ in that place only.
            let digest = String(
                decoding: try await run([
                    "-readonly", "-cmd", ".timeout 5000", path(file, directory), ".sha3sum \(name)",
                ]), as: UTF8.self
            ).trimmingCharacters(in: .whitespacesAndNewlines)
            try #require(digest.count >= 32, "no digest of \(file) \(name): \(digest)")
            digests[name] = "\(count.first?["rows"]?.integer ?? -1) rows, \(digest)"
        }
        return digests
    }

    private static func path(_ file: String, _ directory: URL) -> String { directory.appendingPathComponent(file).path }

    private static func run(_ arguments: [String]) async throws -> [UInt8] {
        let result = try await Program.run("/usr/bin/env", ["sqlite3"] + arguments, within: .seconds(300))
        try #require(result.exit.isSuccess, "sqlite3 \(arguments): \(result.errors)")
        return result.output
    }
}

extension JSONObject {
    /// A number that has to be there.
    func number(_ name: String) -> Int64 { self[name]?.integer ?? .min }
    /// A text that has to be there.
    func text(_ name: String) -> String { self[name]?.string ?? "" }
}

/// The first entries in which two dictionaries differ: a readable form of `==`.
func differences<Key: Hashable & Comparable, Value: Equatable>(
    _ found: [Key: Value], _ expected: [Key: Value]
) -> [String] {
    Set(found.keys).union(expected.keys).sorted().filter { found[$0] != expected[$0] }.prefix(5).map {
        "\($0): \(found[$0].map { "\($0)" } ?? "nothing") instead of \(expected[$0].map { "\($0)" } ?? "nothing")"
    }
}
