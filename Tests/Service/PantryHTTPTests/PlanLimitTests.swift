import Determinism
import DeterminismTestKit
import HTTPTypes
import PantryDomain
import RateLimiting
import StrictJSON
import Synchronization
import Testing

@testable import PantryHTTP

/// Which limits an organization has: those of its plan, as the server that answers knows it.
@Suite("Routes: an organization's plan and its limits", .timeLimit(.minutes(1)))
struct PlanLimitTests {
    private let time = ManualTime()
    private let route = Route(.get, "/v1/orders/{id}", access: .organization(.read)) { echo($0) }

    /// Plans with these quotas, which block those who exceed them.
    private func limits(_ quotas: [String: Int64], _ store: InMemoryRateLimitStore) throws -> RequestLimits {
        let time = time
        let plans = try quotas.mapValues { quota in
            RequestLimits.Plan(
                requests: try .fixedWindow(
                    "requests", quota: quota, per: .seconds(60), blocksFor: .seconds(60)),
                orders: nil)
        }
        return RequestLimits(
            plans: plans, anonymous: nil, form: .current, decide: { store.decision(for: $0, at: time.instant()) })
    }

    /// A second server over the same control database, which remembers organizations by itself.
    private func withAnotherServer(
        of pantry: TestPantry, _ limits: RequestLimits, _ clock: LaterTime,
        _ body: @Sendable (Harness) async throws -> Void
    ) async throws {
        let random = SystemRandom()
        // It writes nothing, so that any lane will do.
        let organizations = OrganizationService(
            database: pantry.control, lane: pantry.shard.lane, shards: ShardDirectory([pantry.shard]),
            plans: ["standard", "trial"],
            secrets: try await FleetSecrets.load(pantry.control, time: clock, random: random), time: clock,
            random: random)
        try await withServer(
            [route],
            authenticator: PantryAuthenticator(
                organizations: organizations,
                sessions: SessionService(organizations: organizations, time: clock, random: random),
                operatorToken: ""),
            limits: limits, body)
    }

    @Test("a plan given by PATCH limits at once where it was given, and on every server 5 s later, without a restart")
    func change() async throws {
        let limits = try limits(["standard": 3, "trial": 5], try InMemoryRateLimitStore(time: time))
        let clock = LaterTime()
        try await withPantry(limits: limits) { pantry in
            let made = try await pantry.asOperator.send("POST", "/v1/organizations", #"{"name":"Grocer"}"#)
            let place = "/v1/organizations/\(try made.text("id"))"
            let here = pantry.client(try made.text("apiKey"))
            try await withAnotherServer(of: pantry, limits, clock) { server in
                let there = PantryClient(harness: server, credential: here.credential)
                for _ in 0..<2 { #expect(try await here.get("/v1/organization").status == 200) }
                #expect(try await there.get("/v1/orders/1").status == 200)
                #expect(try await here.get("/v1/organization").code == "rate-limited")
                #expect(try await there.get("/v1/orders/1").code == "rate-limited")

                let patched = try await pantry.asOperator.send("PATCH", place, #"{"plan":"trial"}"#)
                #expect(patched.status == 200)
                let first = try await here.get("/v1/organization")
                #expect(first.status == 200, "it begins with all of it, blocked or not")
                #expect(first.header("RateLimit") == #""requests";r=4;t=60"#)
                clock.leap(by: .seconds(5))
                let second = try await there.get("/v1/orders/1")
                #expect(second.status == 200 && second.header("RateLimit") == #""requests";r=3;t=60"#)

                let back = try await pantry.asOperator.send("PATCH", place, #"{"plan":"standard"}"#)
                #expect(back.status == 200)
                let old = try await here.get("/v1/organization")
                #expect(old.status == 429 && old.header("Retry-After") == "60", "what was used of it is used")
            }
        }
    }

    @Test("a plan that is not in the configuration has the limits of standard, or none if there is no such plan")
    func fallback() async throws {
        let organization = #"{"name":"Grocer","plan":"trial"}"#
        let standard = try limits(["standard": 2], try InMemoryRateLimitStore(time: time))
        try await withPantry(limits: standard) { pantry in
            let made = try await pantry.asOperator.send("POST", "/v1/organizations", organization)
            let admin = pantry.client(try made.text("apiKey"))
            let first = try await admin.get("/v1/organization")
            #expect(first.status == 200 && first["plan"] == "trial")
            #expect(first.header("RateLimit") == #""requests";r=1;t=60"#)
            #expect(try await admin.get("/v1/organization").status == 200)
            #expect(try await admin.get("/v1/organization").status == 429)
        }
        let other = try limits(["burst": 2], try InMemoryRateLimitStore(time: time))
        try await withPantry(limits: other) { pantry in
            let made = try await pantry.asOperator.send("POST", "/v1/organizations", organization)
            let admin = pantry.client(try made.text("apiKey"))
            for _ in 0..<5 {
                let answer = try await admin.get("/v1/organization")
                #expect(answer.status == 200 && answer.header("RateLimit") == nil)
            }
        }
    }

    @Test("servers with different numbers for a plan do not begin each other's count anew")
    func alternation() async throws {
        let store = try InMemoryRateLimitStore(time: time)
        let (old, new) = (try limits(["tight": 3], store), try limits(["tight": 20], store))
        try await withServer([route], limits: old) { first in
            try await withServer([route], limits: new) { second in
                let clients = [try first.client(), try second.client()]
                var admitted = [0, 0]
                for number in 0..<80 {
                    let answer = try await clients[number % 2].exchange(
                        get("/v1/orders/1", "Authorization: Bearer reader"))
                    if answer.status == 200 { admitted[number % 2] += 1 }
                }
                #expect(admitted == [3, 20], "each its own limit, together the sum of both")
            }
        }
    }
}

/// The machine's clock, put forward by a test.
private final class LaterTime: TimeSource {
    private let ahead = Mutex(Duration.zero)

    func leap(by duration: Duration) { ahead.withLock { $0 += duration } }

    func now() -> Timestamp { SystemTime().now() }
    func instant() -> Instant { SystemTime().instant() + ahead.withLock { $0 } }
    func sleep(until deadline: Instant) async throws {
        try await SystemTime().sleep(for: deadline - instant())
    }
}
