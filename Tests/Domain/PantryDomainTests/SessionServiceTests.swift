import Determinism
import DeterminismTestKit
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

/// Sessions on two servers over one store, whose shard can go away.
struct SessionPlace: Sendable {
    let registry: Registry
    /// The shard's database as sessions are read from it.
    let shard: ControlDouble
    let first: SessionService
    let second: SessionService

    var time: ManualTime { registry.store.time }

    static func with(
        _ limits: SessionCache.Limits = SessionCache.Limits(), _ body: (SessionPlace) async throws -> Void
    ) async throws {
        try await Registry.with { registry in
            let inner = registry.server.shard
            let shard = ControlDouble(inner.database)
            let random = SeededRandom(seed: 5)
            let organizations = OrganizationService(
                database: registry.control, lane: registry.store.controlLane,
                shards: ShardDirectory([
                    Shard(name: inner.name, database: shard, lane: inner.lane, sagas: inner.sagas)
                ]), plans: ["standard", "trial"],
                secrets: try await FleetSecrets.load(
                    registry.store.control, time: registry.store.time, random: random),
                time: registry.store.time, random: random)
            func service() -> SessionService {
                SessionService(
                    organizations: organizations, positions: NoSessionPositions(), cache: SessionCache(limits),
                    time: registry.store.time, random: random)
            }
            for name in ["One", "Two"] { _ = try await registry.create(name) }
            let (first, second) = (service(), service())
            try await body(SessionPlace(registry: registry, shard: shard, first: first, second: second))
        }
    }

    func context(_ organization: Int64 = 0) async throws -> TenantContext {
        try await registry.service.context(
            for: organization, traceparent: nil, deadline: time.instant() + .seconds(5))
    }

    func create(
        _ subject: String = "ann", role: Role = .read, attributes: String? = nil, latestEnd: Timestamp? = nil,
        of organization: Int64 = 0, key: String? = nil
    ) async throws -> JSONObject {
        let request = key.map { RequestKey(route: "sessions:create", key: $0, fingerprint: subject) }
        let kept = try await first.create(
            SessionRequest(subject: subject, role: role, attributes: attributes, latestEnd: latestEnd), key: request,
            in: try await context(organization))
        return try #require(try JSONReader.parse(kept.answer.document).object)
    }
    func token(_ subject: String = "ann", of organization: Int64 = 0) async throws -> String {
        try #require(try await create(subject, of: organization)["token"]?.string)
    }
    func end(_ token: String, on service: SessionService) async throws {
        let session = try #require(try await service.authenticate(token))
        _ = try await service.end(session.reference, key: nil, in: try await context(session.organization))
    }
}

@Suite struct SessionServiceTests {
    @Test func aSessionIsKnownEverywhereAndItsSecretIsStoredNowhere() async throws {
        try await SessionPlace.with { place in
            let made = try await place.create(
                "ann", role: .write, attributes: #"{"a":1}"#, of: 1, key: "k")
            let token = try #require(made["token"]?.string)
            for service in [place.first, place.second] {
                let session = try #require(try await service.authenticate(token))
                #expect(session.organization == 1 && session.role == .write && session.subject == "ann")
                #expect(session.id.description == made["id"]?.string && session.attributes == #"{"a":1}"#)
            }
            #expect(try await place.create("ann", role: .write, attributes: #"{"a":1}"#, of: 1, key: "k") == made)
            let secret = try #require(token.split(separator: ".").last)
            for text in ["SELECT document FROM idempotency_keys", "SELECT digest FROM sessions"] {
                #expect(try await !place.registry.store.text(text).contains(secret), "\(text)")
            }
            #expect(try await place.registry.store.number("SELECT COUNT(*) FROM sessions") == 1)
            #expect(try await place.registry.store.findings() == [])
        }
    }

    @Test func wrongTokensAreNobodys() async throws {
        try await SessionPlace.with { place in
            let token = try await place.token()
            let parts = token.split(separator: ".").map(String.init)
            let other = try await place.token("bob").split(separator: ".").map(String.init)
            for wrong in [
                "", "ses_", parts[0], token + "x", String(token.dropLast()), "\(parts[0]).\(parts[1]).",
                "\(parts[0]).\(parts[1]).\(other[2])", "\(parts[0]).00.\(parts[2])", "\(parts[0]).+0.\(parts[2])",
                "\(parts[0]).1.\(parts[2])", token.replacing("ses_", with: "key_"), token.uppercased(),
            ] {
                #expect(try await place.first.authenticate(wrong) == nil, "\(wrong)")
            }
            #expect(try await place.first.authenticate(token) != nil, "nobody has driven it out")
        }
    }

    @Test func memoryServesForFiveSecondsAndNoLonger() async throws {
        try await SessionPlace.with { place in
            let token = try await place.token()
            _ = try await place.first.authenticate(token)
            let before = place.shard.readCount
            place.time.advance(by: .milliseconds(4_999))
            place.shard.isAway(true)
            #expect(try await place.first.authenticate(token) != nil)
            #expect(place.shard.readCount == before)
            place.time.advance(by: .milliseconds(1))
            await #expect(throws: Refusal.shardUnavailable("the shard cannot be read at this moment")) {
                try await place.first.authenticate(token)
            }
            await #expect(throws: Refusal.self, "never heard of") { try await place.second.authenticate(token) }
            place.shard.isAway(false)
            #expect(try await place.first.authenticate(token) != nil)
        }
    }

    @Test func anEndIsHeardOfAtOnceHereAndWithinTheBoundElsewhere() async throws {
        try await SessionPlace.with { place in
            let token = try await place.token()
            _ = try await place.second.authenticate(token)
            place.time.advance(by: .seconds(3))
            try await place.end(token, on: place.first)
            #expect(try await place.first.authenticate(token) == nil)
            let session = try #require(try await place.second.authenticate(token), "a copy of 3 s ago")
            let again = try await place.second.stored(session.reference)
            #expect(again == nil, "its shard knows")
            place.time.advance(by: .seconds(2))
            #expect(try await place.second.authenticate(token) == nil)
            place.time.advance(by: .seconds(60))
            #expect(try await place.first.authenticate(token) == nil)
        }
    }

    @Test func whatWasReadBeforeAnEndIsNotRememberedBehindIt() async throws {
        try await SessionPlace.with { place in
            let token = try await place.token()
            let (gate, service) = (Gate(), place.first)
            let session = try #require(try await place.second.authenticate(token))
            place.shard.holdNextAnswer(at: gate)
            async let early = service.authenticate(token)
            await eventually("it has read") { gate.waitingCount == 1 }
            _ = try await service.end(session.reference, key: nil, in: try await place.context())
            gate.open()
            #expect(try await early != nil, "it came before")
            #expect(try await service.authenticate(token) == nil)
        }
    }

    @Test func oneAsksForAll() async throws {
        try await SessionPlace.with { place in
            let token = try await place.token()
            let (gate, service, before) = (Gate(), place.first, place.shard.readCount)
            place.shard.holdNextAnswer(at: gate)
            let known = try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask { try await service.authenticate(token) != nil }
                await eventually("the first asks") { gate.waitingCount == 1 }
                for _ in 0..<20 { group.addTask { try await service.authenticate(token) != nil } }
                gate.open()
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(known == 21 && place.shard.readCount == before + 1)
        }
    }

    @Test func unknownTokensAreAskedForOnceInFiveSeconds() async throws {
        try await SessionPlace.with { place in
            let token = try await place.token()
            try await place.end(token, on: place.second)
            let before = place.shard.readCount
            for _ in 0..<10 { #expect(try await place.first.authenticate(token) == nil) }
            #expect(place.shard.readCount == before + 1)
            // A number without an organization, and with the right slot.
            var mint = IdentifierMint(seed: 1, slot: Slot.of(organization: 99))
            let made = SessionSecret(
                id: mint.next(at: place.time.now()), organization: 99, bits: [UInt8](repeating: 1, count: 32))
            let asked = place.registry.control.readCount
            for _ in 0..<10 { #expect(try await place.first.authenticate(made.text) == nil) }
            #expect(place.registry.control.readCount == asked + 1 && place.shard.readCount == before + 1)
            place.time.advance(by: .seconds(5))
            _ = try await place.first.authenticate(token)
            #expect(place.shard.readCount == before + 2)
        }
    }

    @Test func sessionsExpireAndAreForgotten() async throws {
        try await SessionPlace.with { place in
            let made = try await place.create()
            let token = try #require(made["token"]?.string)
            let end = try #require(made["expiresAt"]?.string.flatMap { Timestamp(rfc3339: $0) })
            let short = try await place.create("bob", latestEnd: place.time.now() + .seconds(60))
            let shortToken = try #require(short["token"]?.string)
            place.time.advance(by: .milliseconds(59_900))
            #expect(try await place.first.authenticate(shortToken) != nil)
            place.time.advance(by: .milliseconds(100))
            #expect(try await place.first.authenticate(shortToken) == nil, "though it is in memory")
            place.time.advance(by: .seconds(24 * 3_600 - 61))
            #expect(try await place.first.authenticate(token) != nil)
            place.time.advance(by: .seconds(1))
            #expect(try await place.first.authenticate(token) == nil && place.time.now() >= end)
            let shard = place.registry.store.shard
            #expect(try await SessionSchema.forget(expiredBefore: end, limit: 10, in: shard) == 1, "the short one")
            let later = end + .milliseconds(1)
            #expect(try await SessionSchema.forget(expiredBefore: later, limit: 10, in: shard) == 1)
            #expect(try await SessionSchema.forget(expiredBefore: later, limit: 10, in: shard) == 0)
            #expect(try await place.registry.store.number("SELECT COUNT(*) FROM sessions") == 0)
        }
    }

    @Test func aSessionEndsNoLaterThanTheOneThatMadeIt() async throws {
        try await SessionPlace.with { place in
            let limit = place.time.now() + .seconds(10)
            let made = try await place.create(latestEnd: limit)
            #expect(made["expiresAt"]?.string == limit.rfc3339)
            // Its maker has ended since it was looked at.
            let late = try await place.create("bob", latestEnd: place.time.now() + .seconds(-1))
            #expect(try await place.first.authenticate(try #require(late["token"]?.string)) == nil)
        }
    }

    @Test func endingIsRepeatable() async throws {
        try await SessionPlace.with { place in
            let token = try await place.token()
            let session = try #require(try await place.second.authenticate(token)).reference
            for service in [place.first, place.second, place.second] {
                let kept = try await service.end(session, key: nil, in: try await place.context())
                #expect(kept.answer.kind == .noContent)
            }
            #expect(try await place.registry.store.number("SELECT version FROM sessions") == 2, "changed once")
        }
    }
}
