/// Where the states of limits are kept. One decision is one call: it must be atomic over all of its checks.
public protocol RateLimitStore: Sendable {
    /// Decides, and charges all of the request's limits or none of them.
    /// - Throws: ``RateLimitStoreError`` if there is no answer; its code says whether anything can have been charged.
    func decide(_ request: RateLimitRequest) async throws(RateLimitStoreError) -> RateLimitDecision
}

/// Why a store did not decide.
public struct RateLimitStoreError: Error, Hashable, CustomStringConvertible {
    /// What kind of failure.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// It cannot be reached, or refuses to serve: nothing was charged.
        case unavailable
        /// The connection to it was lost before it answered.
        case connectionLost
        /// It did not answer in time.
        case timeout
        /// It has failed too often of late and was not asked.
        case gateClosed
        /// What it answered is not an answer.
        case malformedReply
        /// The caller was cancelled.
        case cancelled
    }
    /// What kind of failure.
    public let code: Code
    /// For people: what happened. Never part of a response.
    public let detail: String

    /// A failure.
    public init(_ code: Code, detail: String = "") { (self.code, self.detail) = (code, detail) }

    /// The code and the detail.
    public var description: String { detail.isEmpty ? code.rawValue : "\(code.rawValue): \(detail)" }

    /// Whether it says something about the store's health; a caller's cancellation does not.
    public var isFailureOfStore: Bool { code != .cancelled && code != .gateClosed }

    /// Whether the request may have been charged all the same.
    public var mayHaveCharged: Bool { code != .unavailable && code != .gateClosed }
}
