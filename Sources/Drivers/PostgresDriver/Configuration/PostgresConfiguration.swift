import Determinism

/// Where a PostgreSQL database is and how to talk to it. Usually read from a URL with ``init(url:)``.
///
/// Its descriptions never hold the password.
public struct PostgresConfiguration: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// A server to try.
    public struct Host: Sendable, Hashable, CustomStringConvertible {
        /// A name, an address, or the folder of a Unix socket (which begins with `/`).
        public var name: String
        /// The port; also part of a Unix socket's name.
        public var port: Int

        /// A server to try.
        public init(_ name: String, port: Int = 5432) { (self.name, self.port) = (name, port) }

        /// Whether it is a Unix socket's folder.
        public var isSocket: Bool { name.hasPrefix("/") }
        /// As it stands in a URL.
        public var description: String { name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)" }
    }
    /// Whether the connection is encrypted and the server's certificate is checked; see libpq's `sslmode`.
    public enum TLSMode: String, Sendable, CaseIterable {
        /// Never encrypted.
        case disable
        /// Encrypted only if the server insists.
        case allow
        /// Encrypted if the server can. Protects against nobody who can change packets.
        case prefer
        /// Encrypted, to whomever it is.
        case require
        /// Encrypted, and the certificate is signed by one of `sslrootcert`.
        case verifyCA = "verify-ca"
        /// Encrypted, signed, and made for the host's name.
        case verifyFull = "verify-full"
    }
    /// Which servers of the list will do.
    public enum SessionAttributes: String, Sendable, CaseIterable {
        /// The first that takes the connection.
        case any
        /// One that takes writes.
        case readWrite = "read-write"
        /// One that does not.
        case readOnly = "read-only"
        /// One that is not a standby.
        case primary
        /// A standby.
        case standby
        /// A standby, or else any.
        case preferStandby = "prefer-standby"
    }
    /// What stands between the driver and the server.
    public enum Pooler: String, Sendable, CaseIterable {
        /// Nothing, or a pooler that keeps a server for each session.
        case session
        /// A pooler such as PgBouncer that hands out a server for each transaction: the driver then prepares no
        /// statements and sets nothing for the session.
        case transaction
    }

    /// What a ``PostgresDatabase`` asks of a primary before it writes there.
    public enum Durability: String, Sendable, CaseIterable {
        /// `fsync` is on, and `synchronous_commit` is not off: what was acknowledged outlives a crash of the machine.
        case required
        /// Whatever the server does. What was acknowledged may be gone after a crash.
        case relaxed
    }

    /// The servers, in the order in which they are tried.
    public var hosts: [Host]
    /// The role.
    public var user: String
    /// The password, if one is needed.
    public var password: String?
    /// The database.
    public var database: String
    /// Whether the connection is encrypted. `prefer` as in libpq.
    public var tls = TLSMode.prefer
    /// A file with the certificates that are trusted.
    public var rootCertificateFile: String?
    /// The client's own certificate and its key.
    public var (certificateFile, keyFile): (String?, String?)
    /// Whether SCRAM is bound to the TLS channel: `disable`, `prefer` (the default) or `require`.
    public var channelBinding = "prefer"
    /// Which servers will do.
    public var sessionAttributes = SessionAttributes.any
    /// Whether a pooler stands between.
    public var pooler = Pooler.session
    /// What is asked of a primary.
    public var durability = Durability.required
    /// What the server shows in `pg_stat_activity`.
    public var applicationName = "pantry"
    /// The longest time for one server to accept a connection, its name's resolution included.
    public var connectTimeout: Duration = .seconds(5)
    /// The longest time that sent data may stay unacknowledged by the other side's kernel; Linux only.
    public var userTimeout: Duration = .seconds(10)
    /// How long a connection is idle before its other side is probed.
    public var keepaliveIdle: Duration = .seconds(30)
    /// The time between two probes.
    public var keepaliveInterval: Duration = .seconds(5)
    /// How many probes may go unanswered.
    public var keepaliveCount = 3
    /// The longest time for a statement, kept by the server; nil for no limit. Not set through a transaction pooler.
    public var statementTimeout: Duration? = .seconds(30)
    /// The longest wait for a lock, kept by the server; nil for no limit. Not set through a transaction pooler.
    public var lockTimeout: Duration?
    /// How long a transaction may stay open without a statement, kept by the server; nil for no limit. Not set through
    /// a transaction pooler.
    public var idleInTransactionTimeout: Duration? = .seconds(30)
    /// More settings of the session, such as `["jit": "off"]`. Not set through a transaction pooler.
    public var sessionSettings: [String: String] = [:]
    /// The longest wait for a request's answer where the caller gives no deadline.
    public var requestTimeout: Duration = .seconds(30)
    /// How long a cancelled request may go on before its connection is closed.
    public var drainTimeout: Duration = .seconds(2)
    /// How many statements a connection keeps prepared; 0 for none, as through a transaction pooler.
    public var preparedStatementLimit = 256
    /// How many statements may be sent and not answered on one connection.
    public var statementsInFlightLimit = 4_096
    /// How many bytes may be sent and not answered on one connection. A single larger batch goes alone.
    public var bytesInFlightLimit = 8 << 20
    /// How many batches may wait to be sent on one connection; more are refused.
    public var waitingLimit = 8_192
    /// How many bytes of batches may wait to be sent on one connection; more are refused.
    public var waitingBytesLimit = 64 << 20
    /// How many reads of several callers go out under one Sync.
    public var sharedReadLimit = 128
    /// How many such groups of reads are on their way at the same time on one connection.
    public var sharedReadGroupLimit = 2
    /// Called with each notice and warning of the server, in the connection's lock: hand it on, do not work there.
    public var noticeObserver: (@Sendable (_ severity: String, _ message: String) -> Void)?

    /// A database on these servers.
    public init(hosts: [Host] = [Host("localhost")], user: String, password: String? = nil, database: String) {
        (self.hosts, self.user, self.password, self.database) = (hosts, user, password, database)
    }

    /// Checks what can be checked without connecting.
    /// - Throws: ``PostgresConfigurationError``, which says what would be right.
    public func validate() throws(PostgresConfigurationError) {
        if hosts.isEmpty { throw .init("there is no host; at least one is needed") }
        for host in hosts {
            if host.name.isEmpty { throw .init("a host has no name") }
            if !(1...65_535).contains(host.port) { throw .init("a port is \(host.port), not one of 1 to 65535") }
        }
        for (name, text) in [("user", user), ("database", database), ("application_name", applicationName)] {
            if text.utf8.contains(0) { throw .init("\(name) holds the character U+0000") }
        }
        if password?.utf8.contains(0) ?? false { throw .init("the password holds the character U+0000") }
        if user.isEmpty { throw .init("there is no user; write it as in postgres://USER@HOST/DATABASE") }
        if database.isEmpty { throw .init("there is no database; write it as in postgres://USER@HOST/DATABASE") }
        if !["disable", "prefer", "require"].contains(channelBinding) {
            throw .init("channel_binding is “\(channelBinding)”, not one of disable, prefer, require")
        }
        if (certificateFile == nil) != (keyFile == nil) {
            throw .init("sslcert and sslkey belong together, and only one of them is given")
        }
        let durations: [(String, Duration?)] = [
            ("connect_timeout", connectTimeout), ("tcp_user_timeout", userTimeout), ("keepalives_idle", keepaliveIdle),
            ("keepalives_interval", keepaliveInterval), ("statement_timeout", statementTimeout),
            ("lock_timeout", lockTimeout), ("idle_in_transaction_session_timeout", idleInTransactionTimeout),
            ("request_timeout", requestTimeout), ("drain_timeout", drainTimeout),
        ]
        for case (let name, let duration?) in durations
        where duration < .milliseconds(1) || duration > .milliseconds(Int32.max) {
            throw .init("\(name) is \(duration), not between 1 ms and 24 days")
        }
        let counts = [
            ("keepalives_count", keepaliveCount, 1), ("the limit of prepared statements", preparedStatementLimit, 0),
            ("the limit of statements in flight", statementsInFlightLimit, 1),
            ("the limit of bytes in flight", bytesInFlightLimit, 1), ("the limit of waiting batches", waitingLimit, 1),
            ("the limit of waiting bytes", waitingBytesLimit, 1), ("the limit of shared reads", sharedReadLimit, 1),
            ("the limit of groups of shared reads", sharedReadGroupLimit, 1),
        ]
        for (name, count, least) in counts where count < least {
            throw .init("\(name) is \(count), and must be at least \(least)")
        }
    }

    /// The connection's target without the password.
    public var description: String {
        "postgres://\(user)@\(hosts.map(\.description).joined(separator: ","))/\(database)"
    }
    /// The connection's target without the password.
    public var debugDescription: String { description }
    /// Shows no more than the description does: `dump` and interpolation go through here.
    public var customMirror: Mirror { Mirror(self, children: ["target": description]) }

    var machineLimits: PipelineLimits {
        var limits = PipelineLimits()
        limits.statements = statementsInFlightLimit
        limits.bytes = bytesInFlightLimit
        limits.waiting = waitingLimit
        limits.waitingBytes = waitingBytesLimit
        limits.readsInGroup = sharedReadLimit
        limits.readGroups = sharedReadGroupLimit
        limits.drain = drainTimeout
        limits.preparedStatements = pooler == .transaction ? 0 : preparedStatementLimit
        return limits
    }
}

/// A configuration that cannot be used, and what would be right.
public struct PostgresConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason. Never holds a password.
    public let description: String

    /// An error with this reason.
    public init(_ description: String) { self.description = description }
}
