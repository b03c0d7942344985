import Determinism
import DeterminismTestKit
import Storage
import StrictJSON
import Synchronization
import Testing

@testable import PantryDomain

/// A control database that can go away, and that can be slow to answer.
final class ControlDouble: Database {
    private let inner: any Database
    private let away = Atomic(false)
    private let reads = Atomic(0)
    private let holding = Mutex<Gate?>(nil)

    init(_ inner: any Database) { self.inner = inner }

    var readCount: Int { reads.load(ordering: .relaxed) }
    func isAway(_ value: Bool) { away.store(value, ordering: .relaxed) }
    /// The next read is made at once and answered once the gate opens.
    func holdNextAnswer(at gate: Gate) { holding.withLock { $0 = gate } }

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        reads.wrappingAdd(1, ordering: .relaxed)
        if away.load(ordering: .relaxed) { throw .unavailable("away") }
        let result = try await inner.read(statements, consistency, for: organization)
        let gate = holding.withLock { gate in
            defer { gate = nil }
            return gate
        }
        await gate?.pass()
        return result
    }
    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value { try await inner.write(body) }
}

/// The organizations of a store, with a shard behind them.
struct Registry: Sendable {
    let store: Store
    let control: ControlDouble
    let server: Server
    let service: OrganizationService

    func create(_ name: String, plan: String? = nil, key: String? = nil) async throws -> JSONObject {
        let request = key.map { RequestKey(route: "organizations:create", key: $0, fingerprint: name) }
        let kept = try await service.create(name: name, plan: plan, region: nil, key: request)
        return try #require(try JSONReader.parse(kept.answer.document).object)
    }
    func newKey(_ role: Role, of organization: Int64 = 0, key: String? = nil) async throws -> JSONObject {
        let request = key.map { RequestKey(route: "keys:create", key: $0, fingerprint: role.rawValue) }
        let kept = try await service.createKey(organization: organization, role: role, key: request)
        return try #require(try JSONReader.parse(kept.answer.document).object)
    }
    func count(_ table: String) async throws -> Int64 {
        try await store.number("SELECT COUNT(*) FROM \(table)", in: .control)
    }

    static func with(_ body: (Registry) async throws -> Void) async throws {
        try await withStore { store in
            let registry = try await open(store)
            try await body(registry)
            try await registry.server.stop()
        }
    }
    /// - Parameter hasLostShard: whether there is a second shard, which takes no writes.
    static func open(_ store: Store, seed: UInt64 = 1, hasLostShard: Bool = false) async throws -> Registry {
        let control = ControlDouble(store.control)
        let provider = SandboxProvider(lane: store.booksLane, time: store.time)
        let server = Server(store, provider: provider)
        let random = SeededRandom(seed: seed)
        var shards = [server.shard]
        if hasLostShard {
            let lane = WriteLane(engine: store.shard, time: store.time)
            lane.stop()
            shards.append(Shard(name: "shard-1", database: store.shard, lane: lane, sagas: server.shard.sagas))
        }
        let service = OrganizationService(
            database: control, lane: store.controlLane, shards: ShardDirectory(shards),
            plans: ["standard", "trial"],
            secrets: try await FleetSecrets.load(store.control, time: store.time, random: random),
            time: store.time, random: random)
        return Registry(store: store, control: control, server: server, service: service)
    }
}

@Suite struct OrganizationServiceTests {
    private func refusal(_ body: @Sendable () async throws -> Void) async -> Refusal? {
        do {
            try await body()
            return nil
        } catch {
            let refusal = error as? Refusal
            if refusal == nil { Issue.record("not a refusal: \(error)") }
            return refusal
        }
    }

    @Test func anOrganizationIsNumberedKnownToItsShardAndHasAnAdminKey() async throws {
        try await Registry.with { registry in
            let (first, second) = (try await registry.create("One"), try await registry.create("Two", plan: "trial"))
            #expect(first["number"] == 0 && second["number"] == 1)
            #expect(first["plan"] == "standard" && second["plan"] == "trial" && first["shard"] == "shard-0")
            let secret = try #require(second["apiKey"]?.string)
            let credential = try #require(try await registry.service.authenticate(secret))
            #expect(credential.organization == 1 && credential.role == .admin)
            let context = try await registry.service.context(
                for: 1, traceparent: nil, deadline: registry.store.time.instant())
            #expect(context.caller.organizationID.description == second["id"]?.string)
            let fences = "SELECT COUNT(*) FROM fences WHERE state = 'active' AND epoch = 1"
            #expect(try await registry.store.number(fences) == 2)
            let kept = try await registry.store.rows("SELECT digest FROM api_keys", in: .control).map { try $0.text(0) }
            #expect(kept.allSatisfy { !secret.contains($0) })
        }
    }

    @Test func aRepeatGivesTheSameKey() async throws {
        try await Registry.with { registry in
            let first = try await registry.create("One", key: "k")
            let again = try await registry.create("One", key: "k")
            #expect(first == again && first["apiKey"] != nil)
            #expect(try await registry.count("organizations") == 1)
            let document = try await registry.store.text("SELECT document FROM idempotency_keys", in: .control)
            #expect(!document.contains(try #require(first["apiKey"]?.string)), "sealed")
            #expect(await refusal { _ = try await registry.create("Other", key: "k") } == .keyReused)
            let made = try await registry.newKey(.write, key: "k2")
            #expect(try await registry.newKey(.write, key: "k2") == made)
            #expect(try await registry.count("api_keys") == 2)
        }
    }

    @Test func plansMustBeConfigured() async throws {
        try await Registry.with { registry in
            guard case .invalid(let problems) = await refusal({ _ = try await registry.create("One", plan: "gold") })
            else {
                Issue.record("there is no such plan")
                return
            }
            #expect(problems.map(\.code) == ["unknown-plan"])
            #expect(try await registry.count("organizations") == 0)
            let id = try #require(OrganizationID(try await registry.create("One")["id"]?.string ?? ""))
            _ = try await registry.service.organization(0)
            _ = try await registry.service.setPlan(id, plan: "trial", key: nil)
            #expect(try await registry.service.organization(0).plan == "trial", "at once, though it was in memory")
            let unknown = OrganizationID(UUIDv7(high: 1, low: 2))
            guard
                case .notFound = await refusal({
                    _ = try await registry.service.setPlan(unknown, plan: "trial", key: nil)
                })
            else {
                Issue.record("there is no such organization")
                return
            }
        }
    }

    @Test func aCreationThatWasCutOffIsFinishedByTheNextServer() async throws {
        try await withStore { store in
            let first = try await Registry.open(store)
            first.server.shard.lane.stop()
            // Its shard takes no writes; the answer holds the only key, so it comes nevertheless.
            let made = try await first.create("One", key: "k")
            #expect(try await first.count("organizations") == 1)
            let state = "SELECT state FROM organizations"
            #expect(try await store.text(state, in: .control) == "provisioning")
            let now = store.time.instant()
            let early = await refusal { _ = try await first.service.context(for: 0, traceparent: nil, deadline: now) }
            guard case .overloaded = early else {
                Issue.record("it is not open for business")
                return
            }
            try await first.server.stop()

            let second = try await Registry.open(store, seed: 2)
            try await second.service.finishProvisioning()
            #expect(try await store.text(state, in: .control) == "active")
            let replayed = try await second.create("One", key: "k")
            #expect(replayed == made)
            let secret = try #require(replayed["apiKey"]?.string)
            #expect(try await second.service.authenticate(secret)?.organization == 0)
            try await second.service.finishProvisioning()
            #expect(try await store.number("SELECT version FROM fences") == 1, "done twice, it is done once")
            try await second.server.stop()
        }
    }

    /// One shard was away, and no organization that was made after one of its own came into being on the others.
    @Test func aShardThatIsAwayHoldsUpOnlyItsOwnOrganizations() async throws {
        try await withStore { store in
            let registry = try await Registry.open(store, hasLostShard: true)
            var homes: [String?] = []
            while !homes.contains("shard-1") || homes.last == "shard-1" {
                homes.append(try await registry.create("Shop \(homes.count)")["shard"]?.string)
            }
            #expect(homes.count < 20)
            let lost = await refusal { try await registry.service.finishProvisioning() }
            #expect(lost != nil, "it says that one is not finished")
            for (number, home) in homes.enumerated() {
                let heard = await refusal {
                    _ = try await registry.service.context(
                        for: Int64(number), traceparent: nil, deadline: store.time.instant())
                }
                #expect((heard == nil) == (home == "shard-0"), "\(number) on \(home ?? "")")
            }
            try await registry.server.stop()
        }
    }

    @Test func aRevokedKeyIsOutAtOnce() async throws {
        try await Registry.with { registry in
            _ = try await registry.create("One")
            _ = try await registry.create("Two")
            let made = try await registry.newKey(.read)
            let (text, id) = (try #require(made["apiKey"]?.string), try #require(APIKeyID(made["id"]?.string ?? "")))
            #expect(try await registry.service.authenticate(text)?.role == .read)
            guard
                case .notFound = await refusal({
                    _ = try await registry.service.revokeKey(organization: 1, id: id, key: nil)
                })
            else {
                Issue.record("another organization's key")
                return
            }
            #expect(try await registry.service.authenticate(text) != nil)
            _ = try await registry.service.revokeKey(organization: 0, id: id, key: nil)
            #expect(try await registry.service.authenticate(text) == nil)
            registry.store.time.advance(by: .seconds(60))
            #expect(try await registry.service.authenticate(text) == nil)
            guard
                case .notFound = await refusal({
                    _ = try await registry.service.revokeKey(organization: 0, id: id, key: nil)
                })
            else {
                Issue.record("revoked already")
                return
            }
        }
    }

    @Test func wrongKeysAreNobodys() async throws {
        try await Registry.with { registry in
            let text = try #require(try await registry.create("One")["apiKey"]?.string)
            for wrong in ["", "key", text + "x", String(text.dropLast()), text.replacing("key_", with: "ses_")] {
                #expect(try await registry.service.authenticate(wrong) == nil, "\(wrong)")
            }
            let other = APIKeySecret(id: APIKeyID(UUIDv7(high: 1, low: 2)), random: SeededRandom(seed: 1))
            #expect(try await registry.service.authenticate(other.text) == nil)
            #expect(try await registry.service.authenticate(text) != nil)
        }
    }

    @Test func memoryServesForFiveSecondsAndWhileTheControlDatabaseIsAway() async throws {
        try await Registry.with { registry in
            let text = try #require(try await registry.create("One")["apiKey"]?.string)
            let time = registry.store.time
            func use() async throws {
                #expect(try await registry.service.authenticate(text) != nil)
                _ = try await registry.service.context(for: 0, traceparent: nil, deadline: time.instant())
            }
            try await use()
            let before = registry.control.readCount
            time.advance(by: .milliseconds(4_999))
            try await use()
            #expect(registry.control.readCount == before)
            time.advance(by: .milliseconds(1))
            try await use()
            #expect(registry.control.readCount == before + 2)
            registry.control.isAway(true)
            time.advance(by: .seconds(3_600))
            try await use()
            let stranger = APIKeySecret(id: APIKeyID(UUIDv7(high: 1, low: 2)), random: SeededRandom(seed: 1))
            guard
                case .shardUnavailable = await refusal({
                    _ = try await registry.service.authenticate(stranger.text)
                }), case .shardUnavailable = await refusal({ _ = try await registry.service.organization(7) })
            else {
                Issue.record("what is not in memory cannot be known")
                return
            }
            registry.control.isAway(false)
            try await use()
            guard case .notFound = await refusal({ _ = try await registry.service.organization(7) }) else {
                Issue.record("there is no organization 7")
                return
            }
        }
    }

    @Test func listsArePaged() async throws {
        try await Registry.with { registry in
            for name in ["One", "Two", "Three"] { _ = try await registry.create(name) }
            let first = try await registry.service.list(after: nil, limit: 2)
            #expect(first.items.count == 2 && first.next == "1")
            let second = try await registry.service.list(after: 1, limit: 2)
            #expect(second.items.count == 1 && second.next == nil)
            #expect(!first.items[0].contains("apiKey"))
            for role in Role.allCases { _ = try await registry.newKey(role) }
            let keys = try await registry.service.keys(organization: 0, after: nil, limit: 3)
            let rest = try await registry.service.keys(
                organization: 0, after: APIKeyID(try #require(keys.next)), limit: 3)
            #expect(keys.items.count == 3 && rest.items.count == 1 && rest.next == nil)
            #expect(try await registry.service.keys(organization: 9, after: nil, limit: 3).items.isEmpty)
        }
    }

    @Test func memoryIsBounded() {
        let cache = ControlCache()
        let now = Instant(nanoseconds: 0)
        func record(_ number: Int) -> APIKeyRecord {
            APIKeyRecord(
                id: APIKeyID(UUIDv7(high: 1, low: UInt64(number))), organization: 1, role: .read, digest: "",
                now: Timestamp(microseconds: 0))
        }
        for number in 0..<ControlCache.capacity { cache.remember(record(number), at: now, since: cache.generation) }
        #expect(cache.key(record(0).id) != nil)
        cache.remember(record(-1 + ControlCache.capacity + 1), at: now, since: cache.generation)
        #expect(cache.key(record(0).id) == nil && cache.key(record(ControlCache.capacity).id) != nil)
        cache.forget(record(ControlCache.capacity).id)
        #expect(cache.key(record(ControlCache.capacity).id) == nil)
    }
}
