import Storage

/// Why PostgreSQL did not do what a batch asked for, and what is known about the effect.
public struct PostgresError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened, as a closed set of codes; ``PostgresError/storage`` says what it means for the caller.
    public enum Code: String, Sendable, Hashable {
        /// The server answered with an error; see ``PostgresError/sqlState``.
        case server
        /// No connection could be made.
        case connect
        /// The connection was lost, or was closed by its owner.
        case connectionLost
        /// The deadline passed.
        case deadline
        /// The caller's task was cancelled.
        case cancelled
        /// The connection has as many requests waiting as it may have.
        case overloaded
        /// The connection is in a state in which it takes no such request, such as a `COPY`.
        case busy
        /// The request is malformed; it was not sent.
        case invalidRequest
        /// What the server sent could not be read.
        case decoding
    }
    /// What happened.
    public let code: Code
    /// What it means in the words of the storage port.
    public let storage: StorageError
    /// The server's error code, where it sent one.
    public let sqlState: SQLState?
    /// The position, from 0, of the statement in its batch that failed, where one is to blame.
    public let statement: Int?
    /// The name of the constraint that was violated, where the server names one.
    public let constraint: String?
    /// Whether the server, or a pooler before it, ended the session with it: its severity was `FATAL` or `PANIC`.
    public let isFatal: Bool

    /// An error with these parts.
    public init(
        _ code: Code, _ storage: StorageError, sqlState: SQLState? = nil, statement: Int? = nil,
        constraint: String? = nil, isFatal: Bool = false
    ) {
        (self.code, self.storage, self.sqlState) = (code, storage, sqlState)
        (self.statement, self.constraint, self.isFatal) = (statement, constraint, isFatal)
    }

    /// The meaning and its reason in words. Never holds a password, nor the values of a row.
    public var description: String { storage.description }
}

extension PostgresError {
    /// Whether what failed may go well when it is done again as a whole: it lost against another transaction, or its
    /// prepared statement was made before a migration.
    var mayGoWellNextTime: Bool {
        guard case .conflict = storage else { return false }
        return sqlState == .serializationFailure || sqlState == .deadlockDetected || isOfStaleStatement
    }

    /// Whether its prepared statement was made before a migration; the connection has forgotten it.
    var isOfStaleStatement: Bool {
        guard case .conflict = storage else { return false }
        return sqlState == .featureNotSupported || sqlState == .unknownPreparedStatement
    }

    /// Whether the session has ended with it, or is about to.
    var endsSession: Bool {
        guard let sqlState else { return true }
        // The one code of its class that the server also gives a session that goes on.
        return isFatal || sqlState.endsSession && sqlState != .protocolViolation
    }

    /// Whether a statement has failed and nothing else: the connection is as good as before.
    var isOfOneStatement: Bool { code == .server && statement != nil && !endsSession }

    /// The same error as that of a commit: nobody knows whether it happened.
    func asUnknownCommit() -> PostgresError {
        PostgresError(
            code, .unknown("the commit got no answer; \(storage.reason)"), sqlState: sqlState, statement: statement,
            isFatal: isFatal)
    }

    /// A commit that stands on its server, and of which its standbys may know nothing.
    static func unreplicated(_ code: Code) -> PostgresError {
        PostgresError(
            code, .unknown("committed on this server, but the wait for its synchronous standbys was broken off"))
    }

    /// The same error, to be tried again.
    func asConflict(_ why: String) -> PostgresError {
        PostgresError(
            code, .conflict("\(why); \(storage.reason)"), sqlState: sqlState, statement: statement,
            constraint: constraint, isFatal: isFatal)
    }

    func at(statement: Int?) -> PostgresError {
        PostgresError(
            code, storage, sqlState: sqlState, statement: statement, constraint: constraint, isFatal: isFatal)
    }

    /// An error that the server sent, from the fields of its message.
    ///
    /// The detail is left out on purpose: it quotes the values of rows.
    static func server(
        sqlState: SQLState, message: String, constraint: String?, hint: String?, server: String, isFatal: Bool = false
    ) -> PostgresError {
        let advice = hint.map { "; hint: \($0)" } ?? ""
        let reason = "“\(server)”: \(message)\(advice) (SQLSTATE \(sqlState))"
        // Where it ended the session, the statement is not to blame.
        let isOfConnection = isFatal && sqlState == .protocolViolation
        return PostgresError(
            .server, isOfConnection ? .unavailable(reason) : sqlState.storageError(reason), sqlState: sqlState,
            constraint: constraint, isFatal: isFatal)
    }
}

extension StorageError {
    /// The reason without the case.
    var reason: String {
        switch self {
        case .unavailable(let reason), .full(let reason), .constraint(let reason), .conflict(let reason),
            .corrupt(let reason), .statement(let reason), .unknown(let reason), .lost(let reason):
            reason
        }
    }
}
