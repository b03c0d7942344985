import Determinism
import RateLimiting
import StrictJSON

/// One story that every implementation must tell alike: limits, and steps with a time, an operation, and what is
/// expected. Times are microseconds, which all implementations can count.
public struct RateLimitCase: Sendable, CustomStringConvertible {
    /// What is expected of one limit's verdict; what is nil is not looked at.
    public struct Expectation: Sendable {
        var outcome: RateLimitOutcome?
        var remaining: Int64?
        var granted: Int64?
        /// Microseconds; -1 for none.
        var retry: Int64?
        var next: Int64?
        var reset: Int64?
    }
    /// One step, done `times` times; each time must be as expected, but for the last one's `verdicts`.
    public struct Step: Sendable {
        var at: Int64
        var times: Int
        var operation: RateLimitOperation
        var checks: [RateLimitCheck]
        var isAllowed: Bool?
        var binding: String?
        var verdicts: [Expectation]
    }
    /// What it shows.
    public let name: String
    let steps: [Step]

    /// The name.
    public var description: String { name }

    /// All cases, in the order of their file: see ``RateLimitCaseText``.
    public static func all() throws -> [RateLimitCase] {
        guard let cases = try JSONReader.parse(RateLimitCaseText.all()).array else {
            throw RateLimitCaseError(description: "\(RateLimitCaseText.path) is an array of cases")
        }
        return try cases.map { try CaseReader.readCase($0) }
    }
}

/// A case that cannot be read.
public struct RateLimitCaseError: Error, CustomStringConvertible {
    /// What is wrong with it.
    public let description: String
}

enum CaseReader {
    static func readCase(_ value: JSONValue) throws -> RateLimitCase {
        guard let object = value.object, let name = object["case"]?.string, let definitions = object["limits"]?.object
        else { throw RateLimitCaseError(description: "a case has a name and limits: \(value.serialized())") }
        var limits: [String: RateLimit] = [:]
        for (key, definition) in definitions.members { limits[key] = try limit(key, definition, in: name) }
        let steps = try (object["steps"]?.array ?? []).map { try step($0, limits, in: name) }
        guard !steps.isEmpty else { throw RateLimitCaseError(description: "\(name) has no steps") }
        return RateLimitCase(name: name, steps: steps)
    }

    /// `key` may carry a variant behind a dot: `a.2` is the limit `a` with other numbers.
    private static func limit(_ key: String, _ value: JSONValue, in name: String) throws -> RateLimit {
        guard let object = value.object else { throw RateLimitCaseError(description: "\(name): limit \(key)") }
        func number(_ member: String) -> Int64? { object[member]?.integer }
        func duration(_ member: String) -> Duration? { number(member).map { .microseconds($0) } }
        let algorithm: RateLimitAlgorithm
        if let capacity = number("capacity"), let refill = number("refill"), let period = duration("per") {
            algorithm = .tokenBucket(capacity: capacity, refill: refill, period: period)
        } else if let quota = number("sliding"), let window = duration("window") {
            algorithm = .slidingWindow(quota: quota, window: window)
        } else if let quota = number("fixed"), let window = duration("window") {
            algorithm = .fixedWindow(quota: quota, window: window)
        } else {
            throw RateLimitCaseError(description: "\(name): limit \(key) is of no kind")
        }
        let changes: [String: UsageOnChange] = ["keep": .keep, "scale": .scale, "reset": .reset]
        return try RateLimit(
            String(key.prefix { $0 != "." }), algorithm, blocksFor: duration("block"),
            countsAttempts: object["countsAttempts"]?.bool ?? false, isShadow: object["shadow"]?.bool ?? false,
            onChange: changes[object["onChange"]?.string ?? "keep"] ?? .keep)
    }

    private static func step(
        _ value: JSONValue, _ limits: [String: RateLimit], in name: String
    ) throws -> RateLimitCase.Step {
        guard let object = value.object, let at = object["at"]?.integer else {
            throw RateLimitCaseError(description: "\(name): a step has a time: \(value.serialized())")
        }
        let checks = try (object["checks"]?.array ?? []).map { value in
            guard let check = value.object, let key = check["limit"]?.string, let limit = limits[key] else {
                throw RateLimitCaseError(description: "\(name): a check names a limit: \(value.serialized())")
            }
            var made = RateLimitCheck(
                limit, subject: check["subject"]?.string ?? "", cost: check["cost"]?.integer ?? 1,
                upTo: check["upTo"]?.integer)
            made.adjustment = check["adjustment"]?.integer ?? 0
            return made
        }
        let verdicts = try (object["verdicts"]?.array ?? []).map { try expectation($0, in: name) }
        return RateLimitCase.Step(
            at: at, times: object["times"]?.integer.map(Int.init) ?? 1,
            operation: try operation(object, in: name), checks: checks, isAllowed: object["allowed"]?.bool,
            binding: object["binding"]?.string, verdicts: verdicts)
    }

    private static func operation(_ step: JSONObject, in name: String) throws -> RateLimitOperation {
        switch step["do"]?.string ?? "consume" {
        case "consume": return .consume
        case "peek": return .peek
        case "penalty": return .penalty
        case "reward": return .reward
        case "block": return .block(.microseconds(step["for"]?.integer ?? 0))
        case "reset": return .reset
        case let other: throw RateLimitCaseError(description: "\(name): no operation \(other)")
        }
    }

    private static func expectation(_ value: JSONValue, in name: String) throws -> RateLimitCase.Expectation {
        let outcomes: [String: RateLimitOutcome] = [
            "allowed": .allowed, "refused": .refused, "blocked": .blocked, "never": .never,
        ]
        guard let object = value.object else { throw RateLimitCaseError(description: "\(name): a verdict") }
        var expectation = RateLimitCase.Expectation()
        if let text = object["outcome"]?.string {
            guard let outcome = outcomes[text] else { throw RateLimitCaseError(description: "\(name): \(text)") }
            expectation.outcome = outcome
        }
        (expectation.remaining, expectation.granted) = (object["remaining"]?.integer, object["granted"]?.integer)
        (expectation.retry, expectation.next) = (object["retry"]?.integer, object["next"]?.integer)
        expectation.reset = object["reset"]?.integer
        return expectation
    }
}
