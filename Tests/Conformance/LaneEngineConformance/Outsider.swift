import Determinism
import Storage

/// Somebody who reads and writes the rows beside every lane, as another program does: what the suite sets up and
/// checks without the engine that it is about.
protocol Outsider: Sendable {
    /// Makes the tables, and what the suite wants of them: a jar's amount is never below zero.
    func makeTables() async throws
    /// What a newer version's migration does: more columns, another table, an index.
    func growTables() async throws
    /// All jars, by their keys.
    func jars() async throws -> [Jar]
    /// All entries, by their keys.
    func entries() async throws -> [JarEntry]
    /// The version of that jar's row; nil when there is none.
    func version(ofJar number: UInt64) async throws -> Int64?
    /// Stores a new fence; `state` may be one that does not exist.
    func storeFence(organization: Int64, epoch: Int64, state: String) async throws
    /// Changes a jar that is there, and its version.
    func setAmount(ofJar number: UInt64, to amount: Int64) async throws
    /// Deletes a jar.
    func deleteJar(_ number: UInt64) async throws
}

/// Through the slow path of the engine's own database.
struct SQLOutsider: Outsider {
    let dialect: Dialect
    let database: any Database

    func makeTables() async throws {
        try await Migrator(ConformanceSchema.migrations, dialect: dialect).migrate(database, time: SystemTime())
    }
    func growTables() async throws {
        try await Migrator(ConformanceSchema.migrations + [ConformanceSchema.newer], dialect: dialect)
            .migrate(database, time: SystemTime())
    }
    func jars() async throws -> [Jar] {
        try await rows("SELECT \(Jar.table.list("j")) FROM jars j ORDER BY j.id").map { try $0.record() }
    }
    func entries() async throws -> [JarEntry] {
        try await rows("SELECT \(JarEntry.table.list("e")) FROM entries e").map { try $0.record(JarEntry.self) }
            .sorted { $0.key.erased < $1.key.erased }
    }
    func version(ofJar number: UInt64) async throws -> Int64? {
        try await rows("SELECT version FROM jars WHERE id = $1", [Self.id(number)]).first?.integer(0)
    }
    func storeFence(organization: Int64, epoch: Int64, state: String) async throws {
        try await write(
            "INSERT INTO fences VALUES ($1, $2, $3, 1)", [.integer(organization), .integer(epoch), .text(state)])
    }
    func setAmount(ofJar number: UInt64, to amount: Int64) async throws {
        try await write(
            "UPDATE jars SET amount = $1, version = version + 1 WHERE id = $2", [.integer(amount), Self.id(number)])
    }
    func deleteJar(_ number: UInt64) async throws {
        try await write("DELETE FROM jars WHERE id = $1", [Self.id(number)])
    }

    private static func id(_ number: UInt64) -> SQLValue { .uuid(Jar.key(number).erased.id) }
    private func rows(_ text: String, _ parameters: [SQLValue] = []) async throws -> [SQLRow] {
        try await database.read(SQLStatement(text, parameters), .strong)
    }
    private func write(_ text: String, _ parameters: [SQLValue]) async throws {
        try await database.write { _ = try await $0.execute(SQLStatement(text, parameters)) }
    }
}

/// Through the engine's own way for outsiders.
struct MemoryOutsider: Outsider {
    let engine: MemoryLaneEngine

    /// What the tables of the other engines have in SQL: the check, and the suite's selections.
    static let configuration = {
        var configuration = MemoryLaneConfiguration()
        configuration.checks = [MemoryCheck("amount >= 0", of: Jar.self) { $0.amount >= 0 }]
        configuration.selections = [
            MemorySelection(ConformanceSelections.small(1, "", below: 0)) { jar, parameters in
                let amount = try SQLRow(parameters).integer(2)
                return .integer(jar.organization) == parameters[0] && .text(jar.label ?? "") == parameters[1]
                    && jar.amount < amount
            } arrange: { jars, _ in
                jars.sorted { $0.amount < $1.amount }
            },
            MemorySelection(ConformanceSelections.large(0, "")) { jar, parameters in
                let amount = try SQLRow(parameters).integer(0)
                return .text(jar.label ?? "") == parameters[1] && jar.amount > amount
            },
        ]
        return configuration
    }()

    func makeTables() async throws {}
    func growTables() async throws {}
    func jars() async throws -> [Jar] { try engine.records() }
    func entries() async throws -> [JarEntry] { try engine.records() }
    func version(ofJar number: UInt64) async throws -> Int64? { engine.tables.version(Jar.key(number).erased) }
    func storeFence(organization: Int64, epoch: Int64, state: String) async throws {
        try await engine.change {
            try $0.store(
                SQLRow([.integer(organization), .integer(epoch), .text(state), 1]),
                at: FenceRecord.key(organization).erased)
        }
    }
    func setAmount(ofJar number: UInt64, to amount: Int64) async throws {
        try await engine.change { tables in
            guard var jar = try tables.record(Jar.key(number)) else { return }
            jar.amount = amount
            try tables.put(jar)
        }
    }
    func deleteJar(_ number: UInt64) async throws { try await engine.change { _ = $0.remove(Jar.key(number)) } }
}
