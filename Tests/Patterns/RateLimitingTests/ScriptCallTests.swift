import Determinism
import RateLimiting
import Testing

@Suite("A decision as a call of the script")
struct ScriptCallTests {
    private func request(_ tenant: String, _ subject: String) throws -> RateLimitRequest {
        let limit = try RateLimit.fixedWindow("orders", quota: 100, per: .seconds(60), blocksFor: .seconds(60))
        return RateLimitRequest(.consume, RateLimitKey(tenant, subject), limit, cost: 3)
    }

    @Test func keysShareTheTenantsTag() throws {
        #expect(RateLimitScriptCall(try request("acme", "k1"), prefix: "p:").keys == ["p:{acme}:orders:k1"])
        #expect(RateLimitScriptCall(try request("a}b:{%", "k:1")).keys == ["rl:{a%7Db%3A%7B%25}:orders:k%3A1"])
        #expect(RateLimitScriptCall(try request("", "")).keys == ["rl:{%}:orders:"])
    }

    @Test func argumentsAreAsDocumented() throws {
        let call = RateLimitScriptCall(try request("acme", "k1"), now: 5)
        #expect(
            call.arguments == [
                "1", "c", "0", "5", "3", "100", "1", "60000000", "60000000", "0", "0", "3", "3", "0",
            ])
    }

    @Test func costsThatRedisCannotCountAreCut() throws {
        let limit = try RateLimit.tokenBucket("a", capacity: 10, refill: 1)
        var request = RateLimitRequest(.block(.nanoseconds(Int64.max)), RateLimitKey("t"), limit, cost: .max)
        request.operation = .block(.nanoseconds(Int64.max))
        let call = RateLimitScriptCall(request)
        #expect(call.arguments[2] == "3153600000000000")
        #expect(call.arguments[11] == "40")
    }

    @Test func replyBecomesADecision() throws {
        let call = RateLimitScriptCall(try request("acme", "k1"))
        let decision = try call.decision(from: [1, 99, 1, 0, 2, 5_000_000, 5_000_000, 5_000_000])
        #expect(!decision.isAllowed)
        #expect(decision.binding.remaining == 2)
        #expect(decision.retryAfter == .seconds(5))
        #expect(decision.binding.quota == 100)
        #expect(decision.binding.window == .seconds(60))
    }

    @Test(arguments: [
        [], [2, 99, 1, 0, 2, 5, 5, 5], [1, 99, 1, 0, 2, 5, 5], [1, 99, 4, 0, 2, 5, 5, 5], [1, 99, 1, 0, -2, 5, 5, 5],
        [1, 99, 300, 0, 2, 5, 5, 5],
    ])
    func whatIsNoReplyIsRefused(reply: [Int64]) throws {
        let call = RateLimitScriptCall(try request("acme", "k1"))
        #expect(throws: RateLimitStoreError.self) { try call.decision(from: reply) }
    }
}
