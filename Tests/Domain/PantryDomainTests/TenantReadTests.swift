import Determinism
import DeterminismTestKit
import Storage
import Testing

@testable import PantryDomain

/// Whose reads the database is told of.
@Suite struct TenantReadTests {
    /// A shard's database that notes for whom it is read.
    private struct NotingDatabase: Database {
        let inner: any Database
        let organizations = Notes<Int64?>()

        func read(
            _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
        ) async throws(StorageError) -> ReadResult {
            organizations.note(organization)
            return try await inner.read(statements, consistency, for: organization)
        }
        func write<Value: Sendable>(
            _ body: @Sendable (any Transaction) async throws -> Value
        ) async throws -> Value { try await inner.write(body) }
    }

    @Test func anOrganizationsReadsAreMadeInItsName() async throws {
        try await withStore { store in
            let database = NotingDatabase(inner: store.shard)
            let shard = Shard(name: "shard-0", database: database, lane: store.lane, sagas: store.nobody)
            for number in [Int64(0), 41] {
                let shop = try await Shop.open(in: store, number: number)
                let context = TenantContext(
                    shard: shard, caller: shop.caller, now: store.time.now(),
                    deadline: store.time.instant() + .seconds(20))
                _ = try await context.read([SQLStatement("SELECT 1")], .strong)
                _ = try await context.read([SQLStatement("SELECT 1")], .eventual)
            }
            #expect(database.organizations.all == [0, 0, 41, 41])
        }
    }
}
