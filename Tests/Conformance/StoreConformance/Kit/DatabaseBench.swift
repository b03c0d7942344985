import Determinism
import Storage
import Testing

/// One database, opened by two servers.
struct DatabaseBench: Sendable {
    let dialect: Dialect
    let first: OpenedDatabase
    let second: OpenedDatabase

    static func with(_ body: (DatabaseBench) async throws -> Void) async throws {
        let engine = try #require(Engine.current)
        let place = try await engine.place()
        let bench = DatabaseBench(
            dialect: engine.dialect, first: try place.open(time: SystemTime()),
            second: try place.open(time: SystemTime()))
        let result = await bench.result(of: body)
        for database in [bench.first, bench.second] { await database.close() }
        try result.get()
    }
    private func result(of body: (DatabaseBench) async throws -> Void) async -> Result<Void, any Error> {
        do { return .success(try await body(self)) } catch { return .failure(error) }
    }

    /// Makes tables from templates.
    func make(_ templates: String...) async throws {
        try await Migrator([Migration(1, "tables", templates)], dialect: dialect).migrate(first, time: SystemTime())
    }
    func rows(_ text: String, _ parameters: [SQLValue] = []) async throws -> [SQLRow] {
        try await first.read(SQLStatement(text, parameters), .strong)
    }
    func number(_ text: String, _ parameters: [SQLValue] = []) async throws -> Int64 {
        try #require(await rows(text, parameters).first).integer(0)
    }
    @discardableResult
    func execute(_ text: String, _ parameters: [SQLValue] = []) async throws -> [SQLRow] {
        try await first.write { try await $0.execute(SQLStatement(text, parameters)) }
    }
    /// The error of a statement that must fail, in a transaction of its own.
    func failure(_ text: String, _ parameters: [SQLValue] = []) async throws -> StorageError.Kind? {
        do {
            try await execute(text, parameters)
            return nil
        } catch let error as StorageError { return error.kind }
    }
    /// The error of a read that must fail.
    func readFailure(_ text: String, _ parameters: [SQLValue] = []) async throws -> StorageError.Kind? {
        do {
            _ = try await rows(text, parameters)
            return nil
        } catch let error as StorageError { return error.kind }
    }
}

extension StorageError {
    /// The case without its words, which are the engine's own.
    enum Kind: Sendable { case unavailable, full, constraint, conflict, corrupt, statement, unknown, lost }

    var kind: Kind {
        switch self {
        case .unavailable: .unavailable
        case .full: .full
        case .constraint: .constraint
        case .conflict: .conflict
        case .corrupt: .corrupt
        case .statement: .statement
        case .unknown: .unknown
        case .lost: .lost
        }
    }
}
