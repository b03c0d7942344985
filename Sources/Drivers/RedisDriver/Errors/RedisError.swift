/// Why a command has no result, and what is known about its effect. Holds no password and no argument of a command.
public struct RedisError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened, as a closed set of codes.
    public enum Code: String, Sendable, Hashable {
        /// The server answered with an error; see ``RedisError/server``.
        case server
        /// No connection could be made.
        case connect
        /// The connection was lost.
        case connectionLost
        /// The command's time was up.
        case timeout
        /// The caller's task was cancelled.
        case cancelled
        /// As many commands wait as may wait.
        case overloaded
        /// The client was closed.
        case closed
        /// The command cannot be sent as it is; nothing was sent.
        case invalidRequest
        /// The answer is of another type than was asked for.
        case unexpectedReply
        /// What came from the server is not the protocol; the connection was closed.
        case protocolViolation
    }
    /// What is known about the effect.
    public enum Effect: String, Sendable, Hashable {
        /// The server cannot have executed it. It is safe to send it again.
        case notSent
        /// The server answered. A plain command that failed has changed nothing; a script may have done a part.
        case answered
        /// Sent, and no answer came: it may have been executed, or may yet be.
        case unknown
    }
    /// What happened.
    public let code: Code
    /// What is known about the effect.
    public let effect: Effect
    /// In words.
    public let reason: String
    /// The server's answer, where it is the cause.
    public let server: RedisServerError?

    /// An error with these parts.
    public init(_ code: Code, _ effect: Effect, _ reason: String, server: RedisServerError? = nil) {
        (self.code, self.effect, self.reason, self.server) = (code, effect, reason, server)
    }

    /// Whether it can be sent again without doing it twice.
    public var isSafeToRepeat: Bool { effect == .notSent }

    /// The reason, and what is known about the effect.
    public var description: String {
        switch effect {
        case .notSent: "\(reason) (not sent)"
        case .answered: reason
        case .unknown: "\(reason) (it may have been executed)"
        }
    }

    /// The same for a command of which less, or more, is known.
    func with(_ effect: Effect) -> RedisError { RedisError(code, effect, reason, server: server) }

    static func answered(_ error: RedisServerError) -> RedisError {
        RedisError(.server, .answered, error.message, server: error)
    }
}
