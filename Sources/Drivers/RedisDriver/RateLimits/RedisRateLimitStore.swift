import RateLimiting

/// Rate limits in Redis: each decision is one call of `RateLimitScript`, which charges all of its limits or none, by
/// the server's own clock. Keys vanish by themselves when they say nothing any more.
public struct RedisRateLimitStore: RateLimitStore {
    private let client: RedisClient
    private let prefix: String
    private let script = RedisScript(RateLimitScript.text)

    /// - Parameter prefix: what the keys begin with; no braces. `rl:` by default.
    public init(_ client: RedisClient, prefix: String = "rl:") { (self.client, self.prefix) = (client, prefix) }

    /// Decides, in one trip.
    /// - Throws: `RateLimitStoreError`. A call that got no answer in time may have been charged nevertheless.
    public func decide(_ request: RateLimitRequest) async throws(RateLimitStoreError) -> RateLimitDecision {
        try await decide(RateLimitScriptCall(request, prefix: prefix))
    }

    /// Makes the call, which may bring its own clock: for tests of how stores decide.
    public func decide(_ call: RateLimitScriptCall) async throws(RateLimitStoreError) -> RateLimitDecision {
        let reply: [Int64]
        do throws(RedisError) {
            let answer = try await client.eval(script, keys: call.keys, arguments: call.arguments)
            var numbers: [Int64] = []
            for value in try answer.array() { numbers.append(try value.integer()) }
            reply = numbers
        } catch {
            throw RateLimitStoreError(error)
        }
        return try call.decision(from: reply)
    }
}

extension RateLimitStoreError {
    fileprivate init(_ error: RedisError) {
        let code: Code =
            switch error.code {
            case .timeout: .timeout
            case .cancelled: .cancelled
            case .unexpectedReply: .malformedReply
            default: .unavailable
            }
        self.init(code, detail: error.description)
    }
}
