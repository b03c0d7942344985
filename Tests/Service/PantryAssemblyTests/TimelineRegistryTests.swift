import Determinism
import Foundation
import PantryDomain
import ReplicaRouting
import SQLiteDriver
import Storage
import Testing

@testable import PantryAssembly

/// What a registry of timelines must do, wherever it is kept.
@Suite("Timelines in the control database")
struct TimelineRegistryTests {
    private static let first = TimelineRecord(systemIdentifier: .max, timeline: Timeline(1), primary: "db-1:5432")
    private static let second = TimelineRecord(systemIdentifier: .max, timeline: Timeline(2), primary: "db-2:5432")
    private static let rival = TimelineRecord(systemIdentifier: .max, timeline: Timeline(2), primary: "db-3:5432")

    private func withRegistry(_ body: (any TimelineRegistry, any TimelineRegistry) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("timelines-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let time = SystemTime()
        let database = try SQLiteDatabase.open(
            SQLiteConfiguration(name: "control", path: folder.appendingPathComponent("control.db").path), time: time)
        _ = try await Migrator(ControlSchema.migrations, dialect: .sqlite).migrate(database, time: time)
        try await body(
            ControlTimelineRegistry(control: database, shard: "a", time: time),
            ControlTimelineRegistry(control: database, shard: "b", time: time))
        try database.close()
    }

    private func check(_ registry: any TimelineRegistry) async throws {
        #expect(try await registry.current() == nil)
        #expect(try await registry.advance(from: Self.second, to: Self.first) == nil, "another stands: none")
        #expect(try await registry.advance(from: nil, to: Self.first) == Self.first)
        #expect(try await registry.advance(from: nil, to: Self.rival) == Self.first, "only the first is the first")
        #expect(try await registry.advance(from: Self.first, to: Self.second) == Self.second)
        #expect(try await registry.advance(from: Self.first, to: Self.rival) == Self.second, "who comes too late hears")
        #expect(try await registry.current() == Self.second)
    }

    @Test("compare-and-set, as in memory")
    func compareAndSet() async throws {
        try await check(InMemoryTimelineRegistry())
        try await withRegistry { one, other in
            try await check(one)
            #expect(try await other.current() == nil, "each shard has its own")
            try await check(other)
        }
    }

    @Test("of many servers that saw a promotion at once, one registers its primary")
    func race() async throws {
        try await withRegistry { registry, _ in
            _ = try await registry.advance(from: nil, to: Self.first)
            let standing = try await withThrowingTaskGroup(of: TimelineRecord?.self) { group in
                for index in 0..<32 {
                    group.addTask {
                        try await registry.advance(from: Self.first, to: index % 2 == 0 ? Self.second : Self.rival)
                    }
                }
                var seen: Set<TimelineRecord?> = []
                for try await record in group { seen.insert(record) }
                return seen
            }
            #expect(standing.count == 1)
            #expect(try await registry.current() == standing.first ?? nil)
        }
    }

    @Test("a control database that does not answer is told apart from one that knows nothing")
    func away() async throws {
        try await withRegistry { registry, _ in
            let gone = ControlTimelineRegistry(control: Gone(), shard: "a", time: SystemTime())
            await #expect(throws: TimelineRegistryFailure.self) { try await gone.current() }
            await #expect(throws: TimelineRegistryFailure.self) { try await gone.advance(from: nil, to: Self.first) }
        }
    }
}

/// A database that is away.
private struct Gone: Database {
    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult { throw .unavailable("gone") }
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value { throw StorageError.unavailable("gone") }
}
