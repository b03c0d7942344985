import Storage

/// PostgreSQL's five-character error code; its first two characters are the class.
///
/// Source: PostgreSQL 15 documentation, appendix A.
public struct SQLState: Sendable, Hashable, CustomStringConvertible {
    /// The five characters, such as `40P01`.
    public let code: String

    /// A code as the server sends it.
    public init(_ code: String) { self.code = code }

    /// The first two characters.
    public var errorClass: Substring { code.prefix(2) }
    /// The five characters.
    public var description: String { code }

    /// A query was cancelled, by a caller or by `statement_timeout`.
    public static let queryCanceled = SQLState("57014")
    /// A transaction that cannot be put into an order with others.
    public static let serializationFailure = SQLState("40001")
    /// A transaction that waited in a circle.
    public static let deadlockDetected = SQLState("40P01")
    /// A lock that is held by somebody else, for longer than `lock_timeout`.
    public static let lockNotAvailable = SQLState("55P03")
    /// A statement came after the one that made its transaction fail.
    public static let transactionAborted = SQLState("25P02")
    /// A prepared statement that is no longer there.
    public static let unknownPreparedStatement = SQLState("26000")
    /// Among others: a prepared statement whose columns have changed since it was prepared.
    public static let featureNotSupported = SQLState("0A000")
    /// A message that does not fit: of a client's, to a session that goes on, or of a pooler that has lost its server.
    public static let protocolViolation = SQLState("08P01")
    /// The server has no connection left.
    public static let tooManyConnections = SQLState("53300")
    /// The session may only read: a replica, or a primary that has been demoted.
    public static let readOnlyTransaction = SQLState("25006")

    /// Whether the server says with this that it is about to end the session, or has done so.
    public var endsSession: Bool {
        errorClass == "08" || ["57P01", "57P02", "57P03", "57P04", "57P05", "25P03"].contains(code)
    }

    /// What an error with this code means to somebody who only knows the storage port. In all of these nothing was
    /// changed, except for ``Storage/StorageError/unknown(_:)``.
    public func storageError(_ reason: String) -> StorageError {
        switch Self.meanings[code] ?? Self.meaningsOfClasses[errorClass] ?? .unavailable {
        case .unavailable: .unavailable(reason)
        case .full: .full(reason)
        case .constraint: .constraint(reason)
        case .conflict: .conflict(reason)
        case .corrupt: .corrupt(reason)
        case .statement: .statement(reason)
        case .unknown: .unknown(reason)
        }
    }

    private enum Meaning { case unavailable, full, constraint, conflict, corrupt, statement, unknown }

    /// Codes that mean something else than their class.
    private static let meanings: [String: Meaning] = [
        "08P01": .statement,  // protocol_violation: another number of values than the statement has places
        "22003": .constraint,  // numeric_value_out_of_range: SQLite refuses to store it as well
        "25006": .unavailable,  // read_only_sql_transaction: no primary (any more)
        "25P02": .conflict,  // in_failed_sql_transaction: what came before has failed
        "25P03": .unavailable,  // idle_in_transaction_session_timeout
        "40002": .constraint,  // transaction_integrity_constraint_violation
        "40003": .unknown,  // statement_completion_unknown
        "53100": .full,  // disk_full
        "55006": .conflict,  // object_in_use
        "55P03": .conflict,  // lock_not_available: NOWAIT or lock_timeout
        "P0001": .constraint,  // raise_exception: a guard written in PL/pgSQL
        "XX001": .corrupt,  // data_corrupted
        "XX002": .corrupt,  // index_corrupted
    ]

    private static let meaningsOfClasses: [Substring: Meaning] = [
        "03": .statement,  // SQL statement not yet complete
        "08": .unavailable,  // connection exception
        "09": .constraint,  // triggered action exception
        "0A": .statement,  // feature not supported
        "0B": .statement,  // invalid transaction initiation
        "0F": .statement,  // locator exception
        "0L": .statement,  // invalid grantor
        "0P": .statement,  // invalid role specification
        "0Z": .statement,  // diagnostics exception
        "20": .statement,  // case not found
        "21": .statement,  // cardinality violation
        "22": .statement,  // data exception
        "23": .constraint,  // integrity constraint violation
        "24": .statement,  // invalid cursor state
        "25": .statement,  // invalid transaction state
        "26": .statement,  // invalid SQL statement name
        "27": .constraint,  // triggered data change violation
        "28": .unavailable,  // invalid authorization: an operator has to mend it
        "2B": .statement,  // dependent privilege descriptors still exist
        "2D": .statement,  // invalid transaction termination
        "2F": .statement,  // SQL routine exception
        "34": .statement,  // invalid cursor name
        "38": .statement,  // external routine exception
        "39": .statement,  // external routine invocation exception
        "3B": .statement,  // savepoint exception
        "3D": .unavailable,  // invalid catalog name: no such database
        "3F": .statement,  // invalid schema name
        "40": .conflict,  // transaction rollback: serialization failure, deadlock
        "42": .statement,  // syntax error or access rule violation
        "44": .constraint,  // WITH CHECK OPTION violation
        "53": .unavailable,  // insufficient resources: too many connections, out of memory
        "54": .statement,  // program limit exceeded
        "55": .statement,  // object not in prerequisite state
        "57": .unavailable,  // operator intervention: shutdown, cancelled, cannot connect now
        "58": .unavailable,  // system error outside PostgreSQL
        "72": .conflict,  // snapshot too old
        "F0": .unavailable,  // configuration file error
        "HV": .unavailable,  // foreign data wrapper error
        "P0": .statement,  // PL/pgSQL error
        "XX": .unavailable,  // internal error
    ]
}
