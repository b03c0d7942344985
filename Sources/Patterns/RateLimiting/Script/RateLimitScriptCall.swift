import Determinism

/// One call of ``RateLimitScript``: a request as keys and arguments, and its reply as a decision. Pure, so that any
/// client of Redis can carry it: `EVALSHA digest keys.count keys… arguments…`.
public struct RateLimitScriptCall: Sendable, Hashable {
    private let request: RateLimitRequest
    /// One for each check, all in one slot of a cluster.
    public let keys: [String]
    /// See ``RateLimitScript``.
    public let arguments: [String]

    /// - Parameters:
    ///   - prefix: what the keys begin with, such as `pantry:rl:`; no braces.
    ///   - now: for tests, microseconds in place of the server's clock.
    public init(_ request: RateLimitRequest, prefix: String = "rl:", now: Int64? = nil) {
        self.request = request
        keys = request.checks.map { Self.key(prefix, request.tenant, $0) }
        var block: Int64 = 0
        if case .block(let duration) = request.operation { block = Self.ticks(duration) }
        var arguments = [
            "\(RateLimitScript.version)", Self.letter(of: request.operation), "\(block)", now.map(String.init) ?? "",
        ]
        arguments.reserveCapacity(RateLimitScript.headCount + keys.count * RateLimitScript.fieldCount)
        for check in request.checks { Self.append(check, to: &arguments) }
        self.arguments = arguments
    }

    /// Reads the script's reply.
    /// - Throws: ``RateLimitStoreError/Code/malformedReply`` for what is not one.
    public func decision(from reply: [Int64]) throws(RateLimitStoreError) -> RateLimitDecision {
        let each = RateLimitScript.readingCount
        guard reply.first == RateLimitScript.version, reply.count == 2 + keys.count * each else {
            throw RateLimitStoreError(.malformedReply, detail: "\(reply.count) integers for \(keys.count) limits")
        }
        var verdicts: [RateLimitVerdict] = []
        verdicts.reserveCapacity(keys.count)
        for (index, check) in request.checks.enumerated() {
            let values = reply[(2 + index * each)..<(2 + (index + 1) * each)]
            let first = values.startIndex
            guard let code = UInt8(exactly: values[first]), let outcome = RateLimitOutcome(rawValue: code),
                values.allSatisfy({ $0 >= 0 })
            else { throw RateLimitStoreError(.malformedReply, detail: "a limit's outcome is \(values[first])") }
            var reading = LimitReading(outcome: outcome)
            (reading.granted, reading.remaining) = (values[first + 1], values[first + 2])
            (reading.wait, reading.next, reading.recovery) = (
                values[first + 3], values[first + 4], values[first + 5]
            )
            verdicts.append(RateLimitVerdict(check.limit, reading, nanosecondsPerTick: 1_000))
        }
        return RateLimitDecision(verdicts)
    }

    private static func letter(of operation: RateLimitOperation) -> String {
        switch operation {
        case .consume: "c"
        case .peek: "k"
        case .penalty: "p"
        case .reward: "r"
        case .block: "b"
        case .reset: "x"
        }
    }

    private static func append(_ check: RateLimitCheck, to arguments: inout [String]) {
        let limit = LimitParameters(check.limit, .microseconds)
        let flags = (limit.countsAttempts ? 1 : 0) + (check.limit.isShadow ? 2 : 0)
        // What is beyond four times the capacity is never admitted or saturates; Redis must be able to count it.
        let most = 4 * limit.capacity
        let numbers = [
            Int64(limit.kind.rawValue), limit.capacity, limit.unit, limit.rate, limit.block, Int64(flags),
            Int64(limit.onChange.rawValue), min(check.cost, most), min(check.upTo, most),
            min(max(check.adjustment, -most), most),
        ]
        for number in numbers { arguments.append("\(number)") }
    }

    /// In microseconds, no longer than 100 years: beyond, Redis could not count it.
    private static func ticks(_ duration: Duration) -> Int64 {
        min(max(0, TickResolution.microseconds.ticks(duration)), 100 * 365 * 86_400 * 1_000_000)
    }

    /// `prefix{tenant}:limit:subject`. Braces, colons and percent signs within a name are written as `%7B`, `%7D`,
    /// `%3A` and `%25`, so that two names never make one key and the braces are the tenant's only.
    private static func key(_ prefix: String, _ tenant: String, _ check: RateLimitCheck) -> String {
        // An empty tag would spread the keys over all slots.
        let tag = tenant.isEmpty ? "%" : escaped(tenant)
        return "\(prefix){\(tag)}:\(escaped(check.limit.name)):\(escaped(check.subject))"
    }

    private static func escaped(_ name: String) -> String {
        guard name.utf8.contains(where: { escapes[$0] != nil }) else { return name }
        return String(
            name.unicodeScalars.map { $0.isASCII ? escapes[UInt8($0.value)] ?? String($0) : String($0) }.joined())
    }

    private static let escapes: [UInt8: String] = [
        UInt8(ascii: "{"): "%7B", UInt8(ascii: "}"): "%7D", UInt8(ascii: ":"): "%3A", UInt8(ascii: "%"): "%25",
    ]
}
