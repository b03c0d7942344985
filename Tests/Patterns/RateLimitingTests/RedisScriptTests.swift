import Determinism
import Foundation
import RateLimiting
import RateLimitingTestKit
import Testing

@Suite("The script in a real redis-server", .enabled(if: RedisServer.isInstalled, "this needs redis-server"))
struct RedisScriptTests {
    @Test func tellsTheCases() async throws {
        let server = try await RedisServer()
        let digest = try server.load()
        let runner = RateLimitCaseRunner { request, microseconds in
            let now = 1_700_000_000_000_000 + microseconds
            return try server.decide(RateLimitScriptCall(request, now: now), digest: digest)
        }
        for aCase in try RateLimitCase.all() {
            let problems = try await runner.problems(of: aCase)
            #expect(problems == [])
        }
    }

    @Test("decides as the machines do in microseconds, to the microsecond", arguments: 0..<20)
    func agreesWithTheMachines(seed: UInt64) async throws {
        let server = try await RedisServer()
        let digest = try server.load()
        var schedule = try RandomSchedule(seed: seed, resolution: .microseconds)
        var model = MachineModel(.microseconds)
        for step in 0..<3_000 {
            let (request, now) = schedule.next()
            let expected = model.decide(request, now: now)
            let actual = try server.decide(RateLimitScriptCall(request, now: now), digest: digest)
            guard actual == expected else {
                Issue.record("seed \(seed), step \(step), \(request) at \(now): \(actual), not \(expected)")
                return
            }
        }
    }

    @Test func goesByTheServersClockAndLetsKeysVanish() async throws {
        let server = try await RedisServer()
        let digest = try server.load()
        // The key lives for a second: a busy machine is to find it first.
        let limit = try RateLimit.tokenBucket("a", capacity: 2, refill: 2, per: .seconds(2))
        let request = RateLimitRequest(.consume, RateLimitKey("t"), limit)
        let call = RateLimitScriptCall(request)
        #expect(try server.decide(call, digest: digest).isAllowed)
        guard case .integer(let count) = try server.command(["EXISTS", call.keys[0]]) else {
            Issue.record("not a number")
            return
        }
        #expect(count == 1)
        let left = try server.command(["PTTL", call.keys[0]])
        guard case .integer(let milliseconds) = left else {
            Issue.record("not a number")
            return
        }
        #expect((1...1_001).contains(milliseconds))
        let time = SystemTime()
        let deadline = time.instant() + .seconds(10)
        var isGone = false
        while !isGone, time.instant() < deadline {
            guard case .integer(let count) = try server.command(["EXISTS", call.keys[0]]) else {
                Issue.record("not a number")
                return
            }
            isGone = count == 0
        }
        #expect(isGone)
    }

    @Test func refusalsAndPeeksWriteNothing() async throws {
        let server = try await RedisServer()
        let digest = try server.load()
        let limit = try RateLimit.tokenBucket("a", capacity: 1, refill: 1, per: .seconds(3_600))
        let other = try RateLimit.tokenBucket("b", capacity: 5, refill: 1, per: .seconds(3_600))
        let request = RateLimitRequest(.consume, tenant: "t", [RateLimitCheck(limit), RateLimitCheck(other)])
        let call = RateLimitScriptCall(request, now: 1_700_000_000_000_000)
        _ = try server.decide(call, digest: digest)
        let before = try call.keys.map { try server.command(["GET", $0]) }.map { "\($0)" }
        for _ in 0..<10 { #expect(try !server.decide(call, digest: digest).isAllowed) }
        var peek = request
        peek.operation = .peek
        _ = try server.decide(RateLimitScriptCall(peek, now: 1_700_000_000_000_000), digest: digest)
        #expect(try call.keys.map { try server.command(["GET", $0]) }.map { "\($0)" } == before)
    }
}
