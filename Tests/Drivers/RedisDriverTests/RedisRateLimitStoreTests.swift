import Determinism
import DeterminismTestKit
import RateLimiting
import RateLimitingTestKit
import RedisDriver
import RedisTestKit
import SocketReactor
import Testing

/// Rate limits in a real Redis, through the driver.
@Suite("Redis: rate limits", .timeLimit(.minutes(2)))
struct RedisRateLimitStoreTests {
    private func withStore(
        over wire: Wire = .plain, _ body: (RedisServer, RedisClient, RedisRateLimitStore) async throws -> Void
    ) async throws {
        try await RedisServer.with(wire.options) { server in
            let reactor = try Reactor(time: SystemTime())
            defer { reactor.stop() }
            var configuration = try RedisConfiguration(url: server.url())
            configuration.commandTimeout = .seconds(30)
            let client = try RedisClient(configuration, on: reactor)
            defer { client.close() }
            try await body(server, client, RedisRateLimitStore(client))
        }
    }

    @Test(arguments: Wire.allCases)
    func decidesAsEveryStoreDoes(over wire: Wire) async throws {
        try await withStore(over: wire) { _, client, store in
            for aCase in try RateLimitCase.all() {
                try await client.send(RedisCommand("FLUSHALL"))
                let runner = RateLimitCaseRunner { request, now in
                    try await store.decide(RateLimitScriptCall(request, now: now))
                }
                #expect(try await runner.problems(of: aCase) == [], "\(aCase)")
            }
        }
    }

    @Test(arguments: Wire.allCases)
    func manyTasksNeverGetMoreThanThereIs(over wire: Wire) async throws {
        try await withStore(over: wire) { _, _, store in
            let limit = try RateLimit.fixedWindow("requests", quota: 1_000, per: .seconds(3_600))
            let admitted = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<32 {
                    group.addTask {
                        var admitted = 0
                        for _ in 0..<50 {
                            let request = RateLimitRequest(tenant: "org", [RateLimitCheck(limit)])
                            if try await store.decide(request).isAllowed { admitted += 1 }
                        }
                        return admitted
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(admitted == 1_000)
        }
    }

    @Test func scriptIsSentAgainToAServerThatForgotIt() async throws {
        try await withStore { _, client, store in
            let limit = try RateLimit.tokenBucket("requests", capacity: 100, refill: 10)
            let request = RateLimitRequest(tenant: "org", [RateLimitCheck(limit)])
            #expect(try await store.decide(request).binding.remaining == 99)
            try await client.send(RedisCommand("SCRIPT", "FLUSH"))
            #expect(try await store.decide(request).isAllowed)
        }
    }

    @Test func lostServerIsAnErrorWithACode() async throws {
        try await withStore { server, _, store in
            let limit = try RateLimit.tokenBucket("requests", capacity: 100, refill: 10)
            let request = RateLimitRequest(tenant: "org", [RateLimitCheck(limit)])
            _ = try await store.decide(request)
            try await server.kill9()
            let error = await #expect(throws: RateLimitStoreError.self) { try await store.decide(request) }
            // It depends on whether the loss was noticed before the call was sent.
            let codes: [RateLimitStoreError.Code?] = [.unavailable, .connectionLost]
            #expect(codes.contains(error?.code), "\(String(describing: error))")
        }
    }
}
