import Determinism

/// Something did not come true within its deadline.
public struct PollTimeout: Error, CustomStringConvertible {
    /// What was waited for.
    public let what: String
    /// How long.
    public let limit: Duration

    /// `what` did not come true within `limit`.
    public init(what: String, limit: Duration) { (self.what, self.limit) = (what, limit) }

    /// What was waited for, and how long.
    public var description: String { "waited \(limit) in vain for \(what)" }
}

/// Waiting for something outside this process: asks again and again, up to a deadline. A sleep of a fixed length would
/// be slow on a fast machine and wrong on a slow one.
public enum Poll {
    /// Asks `probe` until it returns a value.
    /// - Parameters:
    ///   - what: what is waited for, for the error's text.
    ///   - limit: how long to go on asking.
    ///   - pause: the time between two questions.
    /// - Throws: ``PollTimeout``, or what `probe` throws.
    public static func until<Value>(
        _ what: String, within limit: Duration = .seconds(10), every pause: Duration = .milliseconds(10),
        _ probe: () async throws -> Value?
    ) async throws -> Value {
        let time = SystemTime()
        let deadline = time.instant() + limit
        while true {
            if let value = try await probe() { return value }
            guard time.instant() < deadline else { throw PollTimeout(what: what, limit: limit) }
            try await time.sleep(for: pause)
        }
    }

    /// Asks `probe` until it is true.
    /// - Throws: ``PollTimeout``, or what `probe` throws.
    public static func untilTrue(
        _ what: String, within limit: Duration = .seconds(10), every pause: Duration = .milliseconds(10),
        _ probe: () async throws -> Bool
    ) async throws {
        try await until(what, within: limit, every: pause) { try await probe() ? () : nil }
    }

    /// Asks `probe` until its answer has not changed for `quiet`, and returns that answer.
    /// - Throws: ``PollTimeout`` when it goes on changing, or what `probe` throws.
    public static func untilQuiet<Value: Equatable>(
        _ what: String, for quiet: Duration, within limit: Duration = .seconds(10),
        every pause: Duration = .milliseconds(10), _ probe: () async throws -> Value
    ) async throws -> Value {
        let time = SystemTime()
        var latest = try await probe()
        var since = time.instant()
        return try await until(what, within: limit, every: pause) {
            let value = try await probe()
            if value != latest { (latest, since) = (value, time.instant()) }
            return since + quiet < time.instant() ? latest : nil
        }
    }
}
