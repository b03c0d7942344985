import Determinism
import PantryDomain
import Storage
import StrictJSON
import Synchronization
import Testing

@testable import PantryHTTP

/// The operator's writes are answered with tokens as everybody's are, and the operator's reads take them.
@Suite("Routes: the operator's consistency tokens", .timeLimit(.minutes(2)))
struct RoutesOperatorTokenTests {
    private static let header = "Pantry-Consistency-Token"

    /// What the token of an answer asks of a read of that organization.
    private func asked(
        by reply: PantryReply, _ pantry: TestPantry, organization number: Int64 = 0
    ) async throws -> ReadConsistency {
        let token = try #require(reply.header(Self.header), "\(reply.status) \(reply.response.body)")
        let services = pantry.services
        let context = try await services.organizations.context(
            for: number, traceparent: nil, deadline: services.time.instant() + .seconds(5))
        return try services.tokens.consistency(token, in: context)
    }

    /// Whether a token stands for a commit between these places of the log.
    private func stands(_ consistency: ReadConsistency, behind start: UInt64, upTo end: UInt64) -> Bool {
        guard case .atLeast(let position) = consistency else { return false }
        return position.timeline == TestLog.timeline && position.offset > start && position.offset <= end
    }

    /// A shop's saga that waits for an operator, as the path of its routes.
    private func stuckSaga(_ pantry: TestPantry, _ shop: PantryClient) async throws -> String {
        #expect(try await shop.order(key: "k").status == 202)
        let saga = try await eventuallySome {
            try await pantry.asOperator.get("/ops/sagas?status=stuck").items.first?.object?["id"]?.string
        }
        return "/ops/sagas/\(saga)"
    }

    @Test("a new organization's token stands for the commit that told its shard of it")
    func creation() async throws {
        let log = TestLog()
        try await withPantry(shards: TestShards(engine: { LoggedEngine($0, log) })) { pantry in
            let before = log.end
            let made = try await pantry.asOperator.send("POST", "/v1/organizations", #"{"name":"One"}"#, key: "k")
            #expect(made.status == 201)
            let wanted = try await asked(by: made, pantry)
            #expect(stands(wanted, behind: before, upTo: log.end), "\(wanted) is not behind \(before)")
            // What a repeat finds done may have been done elsewhere: the primary knows.
            let again = try await pantry.asOperator.send("POST", "/v1/organizations", #"{"name":"One"}"#, key: "k")
            #expect(again.isReplay && again.response.body == made.response.body)
            #expect(try await asked(by: again, pantry) == .strong)

            let admin = pantry.client(try made.text("apiKey"))
            let header = "\(Self.header): \(try #require(made.header(Self.header)))"
            #expect(try await admin.get("/v1/products", headers: [header]).status == 200)
        }
    }

    @Test("what is written to the control database alone asks no shard for anything")
    func control() async throws {
        try await withPantry { pantry in
            let (admin, other) = (try await pantry.organization(), try await pantry.organization())
            let (asOperator, own) = (pantry.asOperator, try await admin.get("/v1/organization").text("id"))
            let key = try await asOperator.send("POST", "/ops/organizations/\(own)/keys", #"{"role":"read"}"#)
            let id = try key.text("id")
            let answers = [
                try await asOperator.send("PATCH", "/v1/organizations/\(own)", #"{"plan":"trial"}"#), key,
                try await asOperator.send("DELETE", "/ops/organizations/\(own)/keys/\(id)"),
            ]
            #expect(answers.map(\.status) == [200, 201, 204])
            for answer in answers {
                #expect(try await asked(by: answer, pantry) == .eventual, "\(answer.status)")
                let header = "\(Self.header): \(try #require(answer.header(Self.header)))"
                #expect(try await admin.get("/v1/keys", headers: [header]).status == 200)
                #expect(try await other.get("/v1/keys", headers: [header]).code == "malformed-request")
            }
        }
    }

    @Test("a decision about a saga is answered with a token of its own commit, and so is a repeat of it")
    func decision() async throws {
        let log = TestLog()
        try await withPantry(
            checkoutWait: .milliseconds(400), attemptLimit: 1, shards: TestShards(engine: { LoggedEngine($0, log) }),
            provider: { _ in SilentProvider() }
        ) { pantry in
            let path = try await stuckSaga(pantry, try await pantry.shop())
            let before = log.end
            let body = #"{"reason":"the provider is back","step":"charge"}"#
            let retried = try await pantry.asOperator.send("POST", "\(path)/retry", body, key: "r")
            #expect(retried.status == 200, "\(retried.response.body)")
            let wanted = try await asked(by: retried, pantry)
            #expect(stands(wanted, behind: before, upTo: log.end), "\(wanted) is not behind \(before)")
            let again = try await pantry.asOperator.send("POST", "\(path)/retry", body, key: "r")
            #expect(again.isReplay)
            let wantedAgain = try await asked(by: again, pantry)
            #expect(stands(wantedAgain, behind: before, upTo: log.end), "\(wantedAgain) is not behind \(before)")
            let refused = try await pantry.asOperator.send("POST", "\(path)/compensate", #"{"reason":"x"}"#)
            #expect(refused.status == 409 && refused.header(Self.header) == nil, "what is refused has written nothing")
        }
    }

    @Test("the operator's reads take a token of the organization that they are about, and no other")
    func reads() async throws {
        try await withPantry(
            checkoutWait: .milliseconds(400), attemptLimit: 1, provider: { _ in SilentProvider() }
        ) { pantry in
            let (shop, other) = (try await pantry.shop(), try await pantry.organization())
            let path = try await stuckSaga(pantry, shop)
            let own = try await shop.get("/v1/organization").text("id")
            let foreign = try await other.get("/v1/organization").text("id")
            let retried = try await pantry.asOperator.send("POST", "\(path)/retry", #"{"reason":"x","step":"charge"}"#)
            let header = "\(Self.header): \(try #require(retried.header(Self.header)))"
            for place in [
                path, "/ops/sagas?organization=\(own)", "/ops/organizations/\(own)/keys", "/v1/organizations/\(own)",
            ] {
                #expect(try await pantry.asOperator.get(place, headers: [header]).status == 200, "\(place)")
                for wrong in [[header, header], ["\(Self.header): x"]] {
                    let refused = try await pantry.asOperator.get(place, headers: wrong)
                    #expect(refused.status == 400 && refused.code == "malformed-request", "\(place) \(wrong)")
                }
            }
            #expect(try await shop.get("/v1/orders", headers: [header]).status == 200)
            for place in [
                "/ops/sagas?organization=\(foreign)", "/ops/organizations/\(foreign)/keys",
                "/v1/organizations/\(foreign)",
            ] {
                let refused = try await pantry.asOperator.get(place, headers: [header])
                #expect(refused.status == 400 && refused.code == "malformed-request", "\(place)")
            }
            // These are about nobody in particular, and come from the primary with or without one.
            for place in ["/ops/sagas", "/v1/organizations"] {
                #expect(try await pantry.asOperator.get(place, headers: [header]).status == 200, "\(place)")
                let refused = try await pantry.asOperator.get(place, headers: ["\(Self.header): x"])
                #expect(refused.status == 400 && refused.code == "malformed-request", "\(place)")
            }
        }
    }

    @Test("a decision that was lost in a failover is not shown as one that was never made")
    func lost() async throws {
        let (log, isLost) = (TestLog(), Box(false))
        let shards = TestShards(
            engine: { LoggedEngine($0, log) }, database: { FailedOverDatabase(inner: $1, isLost: isLost) })
        try await withPantry(
            checkoutWait: .milliseconds(400), attemptLimit: 1, shards: shards, provider: { _ in SilentProvider() }
        ) { pantry in
            let shop = try await pantry.shop()
            let path = try await stuckSaga(pantry, shop)
            let own = try await shop.get("/v1/organization").text("id")
            let retried = try await pantry.asOperator.send("POST", "\(path)/retry", #"{"reason":"x","step":"charge"}"#)
            let header = "\(Self.header): \(try #require(retried.header(Self.header)))"
            let places = [path, "/ops/sagas?organization=\(own)"]
            for place in places {
                #expect(try await pantry.asOperator.get(place, headers: [header]).status == 200, "\(place)")
            }
            isLost.set(true)
            for place in places {
                let refused = try await pantry.asOperator.get(place, headers: [header])
                #expect(refused.status == 409 && refused.code == "write-lost", "\(place): \(refused.response.body)")
                #expect(try await pantry.asOperator.get(place).status == 200, "\(place)")
            }
        }
    }
}

/// How many batches the shards' lanes have ended.
private final class TestLog: Sendable {
    static let timeline: UInt32 = 3
    private let length = Atomic<UInt64>(0)

    var end: UInt64 { length.load(ordering: .acquiring) }
    func grow() -> UInt64 { length.add(1, ordering: .acquiringAndReleasing).newValue }
}

/// An engine that has no log says how long a made-up one is when a batch has ended.
private struct LoggedEngine: LaneEngine {
    private let inner: any LaneEngine
    private let log: TestLog

    init(_ inner: any LaneEngine, _ log: TestLog) { (self.inner, self.log) = (inner, log) }

    func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        inner.run(batch) { [log] ending in
            var ending = ending
            ending.position = CommitPosition(timeline: TestLog.timeline, offset: log.grow())
            whenEnded(ending)
        }
    }
}

/// A database whose primary lacks, while `isLost` says so, whatever anybody has a position of.
private struct FailedOverDatabase: Database {
    let inner: any Database
    let isLost: Box<Bool>

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        if case .atLeast = consistency, isLost.value { throw .lost("it was not replicated") }
        return try await inner.read(statements, consistency, for: organization)
    }
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value { try await inner.write(body) }
}
