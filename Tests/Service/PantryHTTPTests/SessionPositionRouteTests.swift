import Determinism
import PantryDomain
import Storage
import Synchronization
import Testing

@testable import PantryHTTP

/// What is written in a session is noted before it is answered, and its reads ask for that.
@Suite("Routes: positions of sessions", .timeLimit(.minutes(2)))
struct SessionPositionRouteTests {
    private static let product = #"{"sku":"TEA","name":"Tea","unitPrice":{"amount":1,"currency":"USD"}}"#

    private func withSession(
        _ role: String = "write", _ body: @Sendable (Bench, PantryClient, TestPantry) async throws -> Void
    ) async throws {
        let bench = Bench()
        let shards = TestShards(
            engine: { NumberedEngine(inner: $0, bench: bench) },
            database: { WatchedDatabase(inner: $1, bench: bench) })
        try await withPantry(shards: shards, positions: bench) { pantry in
            let admin = try await pantry.organization()
            let made = try await admin.send("POST", "/v1/sessions", #"{"subject":"ann","role":"\#(role)"}"#)
            #expect(made.status == 201)
            #expect(bench.noted.map(\.token) == [made.header("Pantry-Consistency-Token")], "its own beginning")
            #expect(bench.notedFor == [try made.text("id")])
            try await body(bench, pantry.client(try made.text("token")), pantry)
        }
    }

    @Test("a session's writes are noted with their positions, those of keys are not")
    func writes() async throws {
        try await withSession { bench, user, pantry in
            let before = bench.end
            let made = try await user.send("POST", "/v1/products", Self.product)
            #expect(made.status == 201)
            let noted = try #require(bench.noted.last)
            #expect(bench.noted.count == 2 && noted.token == made.header("Pantry-Consistency-Token"))
            let position = try #require(noted.position)
            #expect(before < position && position <= bench.end && noted.epoch == 1)
            #expect(bench.noted[0] < noted)
            // A refusal that has written nothing has no token.
            #expect(try await user.send("POST", "/v1/products", Self.product).status == 409)
            #expect(try await user.get("/v1/products").status == 200)
            #expect(bench.noted.count == 2)
            // An answer that is no success may have written.
            _ = try await user.send("PUT", "/v1/stock/TEA", #"{"onHand":1}"#, key: "count")
            let short = #"{"items":[{"sku":"TEA","quantity":2}]}"#
            let refused = try await user.send("POST", "/v1/orders", short, key: "o")
            #expect(refused.status == 409 && refused.code == "out-of-stock")
            #expect(bench.noted.last?.token == refused.header("Pantry-Consistency-Token"))
            let rows = #"{"sku":"MILK","name":"Milk","unitPrice":{"amount":1,"currency":"USD"}}"#
            let imported = try await user.harness.exchange(
                request(
                    "POST", "/v1/product-imports",
                    [
                        "Authorization: Bearer \(try #require(user.credential))",
                        "Content-Type: application/x-ndjson",
                    ], body: rows))
            #expect(imported.status == 200)
            #expect(bench.noted.last?.token == imported["Pantry-Consistency-Token"])
        }
    }

    @Test("a session's reads ask for what was noted, unless the request says how fresh it is to be")
    func reads() async throws {
        try await withSession { bench, user, pantry in
            let made = try await user.send("POST", "/v1/products", Self.product)
            let token = try #require(made.header("Pantry-Consistency-Token"))
            let position = try #require(bench.noted.last?.position)
            let own = "Pantry-Consistency-Token: \(token)"
            for (freshness, path, headers, expected, isAsked) in [
                (SessionFreshness.any, "", [], ReadConsistency.eventual, true),
                (.strong, "", [], .strong, true), (.token(token), "", [], .atLeast(position), true),
                (.token("nonsense"), "", [], .strong, true),
                (.strong, "?consistency=eventual", [], .eventual, false),
                (.any, "?consistency=strong", [], .strong, false), (.any, "", [own], .atLeast(position), false),
            ] as [(SessionFreshness, String, [String], ReadConsistency, Bool)] {
                bench.answer(with: freshness)
                let asked = bench.questions
                let read = try await user.get("/v1/products/TEA\(path)", headers: headers)
                #expect(read.status == 200 && bench.lastRead == expected, "\(freshness) \(path) \(headers)")
                #expect(bench.questions == asked + (isAsked ? 1 : 0))
            }
            let asked = bench.questions
            let made2 = try await pantry.asOperator.send("POST", "/v1/organizations", #"{"name":"Other"}"#)
            #expect(try await pantry.client(try made2.text("apiKey")).get("/v1/products").status == 200)
            #expect(bench.questions == asked, "a key has no session")
        }
    }

    @Test("a session is told once that what it had written was lost in a failover")
    func lost() async throws {
        try await withSession { bench, user, _ in
            let made = try await user.send("POST", "/v1/products", Self.product)
            let token = try #require(made.header("Pantry-Consistency-Token"))
            bench.answer(with: .token(token))
            bench.losesPositions(true)
            // A token that a client sends is the client's to drop.
            let own = "Pantry-Consistency-Token: \(token)"
            #expect(try await user.get("/v1/products/TEA", headers: [own]).code == "write-lost")
            #expect(bench.forgotten == 0)
            #expect(try await user.get("/v1/products/TEA").code == "write-lost")
            #expect(bench.forgotten == 1)
            #expect(try await user.get("/v1/products/TEA").status == 200)
        }
    }

    @Test("while its shard is away a session that nobody remembers is 503, not 401")
    func away() async throws {
        try await withSession { bench, user, _ in
            bench.isAway(true)
            let reply = try await user.get("/v1/sessions/current")
            #expect(reply.status == 503 && reply.code == "shard-unavailable" && reply.header("Retry-After") == "1")
            bench.isAway(false)
            #expect(try await user.get("/v1/sessions/current").status == 200)
            bench.isAway(true)
            #expect(try await user.get("/v1/sessions/current").status == 200, "it is remembered")
        }
    }
}

/// Positions that are only written down, and a shard that can be away or lose what was written.
private final class Bench: SessionPositions {
    private struct State {
        var noted: [(position: SessionPosition, session: SessionReference)] = []
        var freshness = SessionFreshness.any
        var questions = 0
        var forgotten = 0
        var lastRead: ReadConsistency?
        var length: UInt64 = 0
        var isAway = false
        var losesPositions = false
    }
    private let state = Mutex(State())

    var noted: [SessionPosition] { state.withLock { $0.noted.map(\.position) } }
    var notedFor: [String] { state.withLock { $0.noted.map { $0.session.id.description } } }
    var questions: Int { state.withLock { $0.questions } }
    var forgotten: Int { state.withLock { $0.forgotten } }
    var lastRead: ReadConsistency? { state.withLock { $0.lastRead } }
    /// Where the shard's log ends.
    var end: CommitPosition { state.withLock { CommitPosition(timeline: 3, offset: $0.length) } }

    func answer(with freshness: SessionFreshness) { state.withLock { $0.freshness = freshness } }
    func isAway(_ value: Bool) { state.withLock { $0.isAway = value } }
    func losesPositions(_ value: Bool) { state.withLock { $0.losesPositions = value } }
    func grow() -> CommitPosition {
        state.withLock { state in
            state.length += 1
            return CommitPosition(timeline: 3, offset: state.length)
        }
    }
    func read(_ consistency: ReadConsistency) throws(StorageError) {
        let (isAway, isLost) = state.withLock { state in
            // Sessions themselves are looked up at the primary, before.
            state.lastRead = consistency
            return (state.isAway, state.losesPositions)
        }
        if isAway { throw .unavailable("away") }
        if case .atLeast = consistency, isLost { throw .lost("it was not replicated") }
    }

    func note(_ position: SessionPosition, of session: SessionReference) async {
        state.withLock { $0.noted.append((position, session)) }
    }
    func freshness(of session: SessionReference) async -> SessionFreshness {
        state.withLock { state in
            state.questions += 1
            return state.freshness
        }
    }
    func forget(_ session: SessionReference) async {
        state.withLock { state in
            state.forgotten += 1
            state.freshness = .strong
        }
    }
}

/// An engine that has no log says how long a made-up one is when a batch has ended.
private struct NumberedEngine: LaneEngine {
    let inner: any LaneEngine
    let bench: Bench

    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        inner.run(batch) { [bench] ending in
            var ending = ending
            ending.position = bench.grow()
            whenEnded(ending)
        }
    }
}

private struct WatchedDatabase: Database {
    let inner: any Database
    let bench: Bench

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        try bench.read(consistency)
        return try await inner.read(statements, consistency, for: organization)
    }
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value { try await inner.write(body) }
}
