import Determinism
import PantryDomain
import Sagas
import Storage
import StrictJSON
import Testing

@testable import PantryHTTP

/// Sagas of several shards, some of which are away.
@Suite("Routes: sagas of several shards", .timeLimit(.minutes(2)))
struct RoutesShardedSagaTests {
    private struct Home {
        var shop: PantryClient
        var number: Int64
        var id: String
        /// Of its one order.
        var saga: String
    }

    /// Runs `body` with a shop on each of two shards, by the shard's name, each with one order.
    private func withTwoShards(
        _ body: @Sendable (TestPantry, [String: Home], _ away: Box<Set<String>>) async throws -> Void
    ) async throws {
        let away = Box<Set<String>>([])
        let shards = TestShards(count: 2, database: { DistantDatabase(name: $0, inner: $1, away: away) })
        try await withPantry(shards: shards) { pantry in
            var homes: [String: Home] = [:]
            for _ in 0..<64 where homes.count < 2 {
                let shop = try await pantry.shop()
                let own = try await shop.get("/v1/organization")
                let (shard, id) = (try own.text("shard"), try own.text("id"))
                if homes[shard] != nil { continue }
                #expect(try await shop.order(key: "k").status == 201)
                let listed = try await pantry.asOperator.get("/ops/sagas?organization=\(id)")
                let saga = try #require(listed.items.first?.object?["id"]?.string, "\(listed.response.body)")
                let number = try #require(own["number"]?.integer)
                homes[shard] = Home(shop: shop, number: number, id: id, saga: saga)
            }
            #expect(homes.keys.sorted() == ["shard-0", "shard-1"])
            try await body(pantry, homes, away)
        }
    }

    private func sagas(_ reply: PantryReply) -> Set<String> {
        Set(reply.items.compactMap { $0.object?["id"]?.string })
    }

    @Test("a shard that is away was the end of the list, whatever the others had")
    func lists() async throws {
        try await withTwoShards { pantry, homes, away in
            let all = try await pantry.asOperator.get("/ops/sagas")
            #expect(all.status == 200 && all["unreachable"] == [])
            #expect(sagas(all) == Set(homes.values.map(\.saga)))
            for (name, home) in homes {
                away.set([name])
                let rest = try await pantry.asOperator.get("/ops/sagas")
                #expect(rest.status == 200, "\(rest.response.body)")
                #expect(rest["unreachable"] == JSONValue.array([.string(name)]))
                #expect(sagas(rest) == Set(homes.filter { $0.key != name }.values.map(\.saga)))
                for (other, stranger) in homes {
                    let own = try await pantry.asOperator.get("/ops/sagas?organization=\(stranger.id)")
                    #expect(own.status == (other == name ? 503 : 200), "\(own.response.body)")
                }
                #expect(try await home.shop.get("/v1/orders").code == "shard-unavailable")
            }
            away.set(["shard-0", "shard-1"])
            let none = try await pantry.asOperator.get("/ops/sagas")
            #expect(none.status == 503 && none.code == "shard-unavailable" && none.header("Retry-After") != nil)
        }
    }

    @Test("a saga is found although another shard that it might be on is away, and not said to be nowhere")
    func finding() async throws {
        try await withTwoShards { pantry, homes, away in
            let home = try #require(homes["shard-0"])
            let slot = Slot.of(organization: home.number)
            // An organization whose sagas' ids look the same, and which has been moved to the other shard.
            var twin = home.number + 1
            while Slot.of(organization: twin) != slot { twin += 1 }
            let time = SystemTime()
            let id = UUIDv7(time: time.now(), slot: slot, random: 7)
            let statement = SQLStatement(
                """
                INSERT INTO organizations (number, id, name, created_at, plan, shard, epoch, state, version)
                VALUES ($1, $2, 'Twin', $3, 'standard', 'shard-1', 2, 'active', 1)
                """, [.integer(twin), .uuid(id), .integer(time.now().microseconds)])
            _ = try await pantry.control.write { try await $0.execute(statement) }

            let (path, nowhere) = ("/ops/sagas/\(home.saga)", "/ops/sagas/\(SagaID(id))")
            let harmless: [Set<String>] = [[], ["shard-1"]]
            for missing in harmless {
                away.set(missing)
                #expect(try await pantry.asOperator.get(path).status == 200, "without \(missing)")
                let refused = try await pantry.asOperator.send("POST", "\(path)/retry", #"{"reason":"x"}"#)
                #expect(refused.code == "invalid-transition", "it has ended: \(refused.response.body)")
            }
            for missing in ["shard-0", "shard-1"] {
                away.set([missing])
                #expect(try await pantry.asOperator.get(nowhere).status == 503, "without \(missing)")
            }
            away.set(["shard-0"])
            #expect(try await pantry.asOperator.get(path).code == "shard-unavailable")
            away.set([])
            #expect(try await pantry.asOperator.get(nowhere).status == 404)
        }
    }
}

/// A shard's database that cannot be read while `away` names it.
private struct DistantDatabase: Database {
    let name: String
    let inner: any Database
    let away: Box<Set<String>>

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        if away.value.contains(name) { throw .unavailable("\(name) is away") }
        return try await inner.read(statements, consistency, for: organization)
    }
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value { try await inner.write(body) }
}
