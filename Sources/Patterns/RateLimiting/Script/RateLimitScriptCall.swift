import Determinism

/// One call of ``RateLimitScript``: a request as keys and arguments, and its reply as a decision. Pure, so that any
/// client of Redis can carry it: `EVALSHA digest keys.count keys… arguments…`.
public struct RateLimitScriptCall: Sendable, Hashable {
    /// One of the script's arguments; all go as text.
    public enum Argument: Sendable, Hashable {
        /// Letters, or nothing.
        case text(String)
        /// Its digits.
        case number(Int64)
    }
    private let request: RateLimitRequest
    private let prefix: String
    private let now: Int64?

    /// - Parameters:
    ///   - prefix: what the keys begin with, such as `pantry:rl:`; no braces.
    ///   - now: for tests, microseconds in place of the server's clock.
    public init(_ request: RateLimitRequest, prefix: String = "rl:", now: Int64? = nil) {
        (self.request, self.prefix, self.now) = (request, prefix, now)
    }

    /// How many keys there are.
    public var keyCount: Int { request.checks.count }

    /// One for each check, all in one slot of a cluster.
    public var keys: [String] {
        var keys: [String] = []
        keys.reserveCapacity(keyCount)
        forEachKey { keys.append($0) }
        return keys
    }

    /// See ``RateLimitScript``.
    public var arguments: [String] {
        var arguments: [String] = []
        arguments.reserveCapacity(RateLimitScript.headCount + keyCount * RateLimitScript.fieldCount)
        forEachArgument { argument in
            switch argument {
            case .text(let text): arguments.append(text)
            case .number(let number): arguments.append("\(number)")
            }
        }
        return arguments
    }

    /// Hands out ``keys`` one by one.
    public func forEachKey(_ take: (String) -> Void) {
        for check in request.checks { take(Self.key(prefix, request.tenant, check)) }
    }

    /// Hands out ``arguments`` one by one, before they become texts: a client that writes them to its socket needs
    /// none.
    public func forEachArgument(_ take: (Argument) -> Void) {
        var block: Int64 = 0
        if case .block(let duration) = request.operation { block = Self.ticks(duration) }
        take(.number(RateLimitScript.version))
        take(.text(Self.letter(of: request.operation)))
        take(.number(block))
        take(now.map(Argument.number) ?? .text(""))
        for check in request.checks { Self.forEachArgument(of: check, take) }
    }

    /// Reads the script's reply.
    /// - Throws: ``RateLimitStoreError/Code/malformedReply`` for what is not one.
    public func decision(from reply: [Int64]) throws(RateLimitStoreError) -> RateLimitDecision {
        let each = RateLimitScript.readingCount
        guard reply.first == RateLimitScript.version, reply.count == 2 + keyCount * each else {
            throw RateLimitStoreError(.malformedReply, detail: "\(reply.count) integers for \(keyCount) limits")
        }
        var verdicts: [RateLimitVerdict] = []
        verdicts.reserveCapacity(keyCount)
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

    private static func forEachArgument(of check: RateLimitCheck, _ take: (Argument) -> Void) {
        let limit = check.limit.microseconds
        // What is beyond four times the capacity is never admitted or saturates; Redis must be able to count it.
        let most = 4 * limit.capacity
        take(.number(Int64(limit.kind.rawValue)))
        take(.number(limit.capacity))
        take(.number(limit.unit))
        take(.number(limit.rate))
        take(.number(limit.block))
        take(.number((limit.countsAttempts ? 1 : 0) + (check.limit.isShadow ? 2 : 0)))
        take(.number(Int64(limit.onChange.rawValue)))
        take(.number(min(check.cost, most)))
        take(.number(min(check.upTo, most)))
        take(.number(min(max(check.adjustment, -most), most)))
    }

    /// In microseconds, no longer than 100 years: beyond, Redis could not count it.
    private static func ticks(_ duration: Duration) -> Int64 {
        min(max(0, TickResolution.microseconds.ticks(duration)), 100 * 365 * 86_400 * 1_000_000)
    }

    /// `prefix{tenant}:limit:subject`. Braces, colons and percent signs within a name are written as `%7B`, `%7D`,
    /// `%3A` and `%25`, so that two names never make one key and the braces are the tenant's only.
    private static func key(_ prefix: String, _ tenant: String, _ check: RateLimitCheck) -> String {
        var key = ""
        let names = tenant.utf8.count + check.limit.name.utf8.count + check.subject.utf8.count
        key.reserveCapacity(prefix.utf8.count + names + 4)
        key += prefix
        key += "{"
        // An empty tag would spread the keys over all slots.
        if tenant.isEmpty { key += "%" } else { append(escaped: tenant, to: &key) }
        key += "}:"
        append(escaped: check.limit.name, to: &key)
        key += ":"
        append(escaped: check.subject, to: &key)
        return key
    }

    private static func append(escaped name: String, to key: inout String) {
        guard name.utf8.contains(where: { escape(of: $0) != nil }) else { return key += name }
        for scalar in name.unicodeScalars {
            if scalar.isASCII, let escape = escape(of: UInt8(scalar.value)) {
                key += escape
            } else {
                key.unicodeScalars.append(scalar)
            }
        }
    }

    @inline(__always)
    private static func escape(of byte: UInt8) -> String? {
        switch byte {
        case UInt8(ascii: "{"): "%7B"
        case UInt8(ascii: "}"): "%7D"
        case UInt8(ascii: ":"): "%3A"
        case UInt8(ascii: "%"): "%25"
        default: nil
        }
    }
}
