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
            let answer = try await client.eval(script, keyCount: call.keyCount) { call.append(to: &$0) }
            let values = try answer.array()
            var numbers: [Int64] = []
            numbers.reserveCapacity(values.count)
            for value in values { numbers.append(try value.integer()) }
            reply = numbers
        } catch {
            throw RateLimitStoreError(error)
        }
        return try call.decision(from: reply)
    }
}

extension RateLimitScriptCall {
    /// Writes keys and arguments as they go over the wire; none becomes a text of its own before.
    fileprivate func append(to command: inout RedisCommand) {
        forEachKey { command.append(utf8: $0.utf8) }
        forEachArgument { argument in
            switch argument {
            case .text(let text): command.append(utf8: text.utf8)
            case .number(let number): command.append(number: number)
            }
        }
    }
}

extension RateLimitStoreError {
    fileprivate init(_ error: RedisError) {
        let code: Code =
            switch (error.code, error.effect) {
            case (.cancelled, _): .cancelled
            case (_, .notSent): .unavailable
            case (.timeout, _): .timeout
            case (.unexpectedReply, _): .malformedReply
            case (_, .unknown): .connectionLost
            case (_, .answered): .unavailable
            }
        self.init(code, detail: error.description)
    }
}
