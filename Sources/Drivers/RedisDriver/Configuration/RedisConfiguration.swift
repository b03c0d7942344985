import Determinism

/// Where a Redis server is and how to talk to it. Usually read from a URL with ``init(url:)``.
///
/// Its descriptions never hold the password.
public struct RedisConfiguration: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the server listens.
    public enum Endpoint: Sendable, Hashable {
        /// A name or an address, and a port.
        case host(String, port: Int)
        /// The path of a Unix socket.
        case socket(String)
    }
    /// What commands do while the server cannot be reached.
    public enum Unreachable: String, Sendable, CaseIterable {
        /// Fail at once, from the first failed attempt to connect on until one succeeds.
        case fail
        /// Wait for a connection, up to their own timeout.
        case wait
    }

    /// The server.
    public var endpoint: Endpoint
    /// The user of the access control list; nil for the default user.
    public var user: String?
    /// The password, if one is needed.
    public var password: String?
    /// The number of the database.
    public var database = 0
    /// How the connection is encrypted; nil for not at all. Not for a Unix socket.
    public var tls: RedisTLS?
    /// What the server shows in `CLIENT LIST`; nil for nothing. Without blanks.
    public var clientName: String? = "pantry"
    /// How many connections a client has.
    public var connectionCount = 2
    /// The longest wait for a command's answer where the call gives none, the time to wait for its turn included.
    public var commandTimeout: Duration = .seconds(5)
    /// The longest time to make a connection: name, TCP, TLS, password, and the server's loading of its data.
    public var connectTimeout: Duration = .seconds(5)
    /// How long after a command's time its answer may be missing, with no other answer coming either, before the
    /// connection is closed.
    public var stallTimeout: Duration = .seconds(3)
    /// What commands do while the server cannot be reached.
    public var unreachable = Unreachable.fail
    /// The bound of the first wait between two attempts to connect; it doubles with each failure, and the wait is drawn
    /// evenly between zero and the bound.
    public var reconnectBase: Duration = .milliseconds(50)
    /// The largest bound of a wait between two attempts.
    public var reconnectLimit: Duration = .seconds(5)
    /// How many commands may be sent and not answered on one connection.
    public var inFlightLimit = 4_096
    /// How many commands may wait for one connection beside those; more are refused.
    public var waitingLimit = 16_384
    /// How many bytes of commands may wait for one connection; more are refused.
    public var waitingByteLimit = 64 << 20
    /// How many groups of commands, each sent with one system call, may be unanswered on one connection before what is
    /// asked gathers for the next one.
    public var groupLimit = 2
    /// How many bytes one answer may take; with a larger one the connection is closed. Redis' own limit for a value is
    /// 512 MiB.
    public var replyByteLimit = 513 << 20
    /// Whether commands that wait at the server (`BLPOP`, `XREAD … BLOCK`) are sent. They keep everybody behind them
    /// waiting: only for a client of their own.
    public var allowsBlockingCommands = false
    /// How long a connection is idle before its other side is probed.
    public var keepaliveIdle: Duration = .seconds(30)
    /// The longest time that sent data may stay unacknowledged by the other side's kernel; Linux only.
    public var userTimeout: Duration = .seconds(10)
    /// How long a subscription's connection may be silent before the server is asked whether it is there.
    public var subscriptionProbeInterval: Duration = .seconds(10)

    /// The server of this machine, at Redis' own port.
    public init() { self.init(.host("127.0.0.1", port: 6379)) }

    /// That server.
    public init(_ endpoint: Endpoint, user: String? = nil, password: String? = nil, database: Int = 0) {
        (self.endpoint, self.user, self.password, self.database) = (endpoint, user, password, database)
    }

    /// Checks that the values make sense, and that the files of ``tls`` can be used.
    /// - Throws: ``RedisConfigurationError`` that names the one that does not.
    public func validate() throws(RedisConfigurationError) {
        switch endpoint {
        case .host(let name, let port):
            if name.isEmpty { throw .init("the server has no name") }
            guard (1...65_535).contains(port) else { throw .init("the port \(port) is not from 1 to 65535") }
        case .socket(let path):
            guard path.hasPrefix("/") else { throw .init("the path of the socket does not begin with /") }
            if tls != nil { throw .init("a Unix socket has no TLS; it does not leave the machine") }
        }
        try tls?.validate()
        if user != nil, password == nil { throw .init("there is a user and no password") }
        if database < 0 { throw .init("the database \(database) is below 0") }
        if let clientName, clientName.utf8.contains(where: { !(0x21...0x7E).contains($0) }) {
            throw .init("the client's name “\(clientName)” has blanks, or letters beyond ASCII")
        }
        guard (1...64).contains(connectionCount) else { throw .init("connectionCount is not from 1 to 64") }
        let durations = [
            ("commandTimeout", commandTimeout), ("connectTimeout", connectTimeout), ("stallTimeout", stallTimeout),
            ("reconnectBase", reconnectBase), ("reconnectLimit", reconnectLimit), ("keepaliveIdle", keepaliveIdle),
            ("userTimeout", userTimeout), ("subscriptionProbeInterval", subscriptionProbeInterval),
        ]
        for (name, value) in durations where value <= .zero { throw .init("\(name) is \(value), not above zero") }
        let counts = [
            ("inFlightLimit", inFlightLimit), ("waitingLimit", waitingLimit), ("waitingByteLimit", waitingByteLimit),
            ("groupLimit", groupLimit), ("replyByteLimit", replyByteLimit),
        ]
        for (name, value) in counts where value < 1 { throw .init("\(name) is \(value), not above zero") }
        // Last, because it reads files.
        _ = try tlsContext()
    }

    /// The server, as it stands in a URL.
    var target: String {
        switch endpoint {
        case .host(let name, let port): name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)"
        case .socket(let path): path
        }
    }
    /// Server and database, without the password.
    public var description: String {
        "\(tls == nil ? "redis" : "rediss")://\(user.map { "\($0)@" } ?? "")\(target)/\(database)"
    }
    /// Server and database, without the password.
    public var debugDescription: String { description }
    /// Server and database, without the password.
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }

    /// What all connections' TLS has in common; nil without TLS. Reads the files.
    func tlsContext() throws(RedisConfigurationError) -> TLSContext? {
        guard let tls, case .host(let name, _) = endpoint else { return nil }
        return try TLSContext(tls, host: name)
    }

    var pipelineLimits: PipelineLimits {
        var limits = PipelineLimits()
        (limits.inFlight, limits.waiting) = (inFlightLimit, waitingLimit)
        (limits.waitingBytes, limits.groups) = (waitingByteLimit, groupLimit)
        (limits.stall, limits.waitsWhileUnreachable) = (stallTimeout, unreachable == .wait)
        return limits
    }
    var linkLimits: ReconnectMachine.Limits {
        var limits = ReconnectMachine.Limits()
        // The connector keeps the time; the machine's is for a resolver that does not come back.
        limits.connectTimeout = connectTimeout + .seconds(1)
        (limits.backoffBase, limits.backoffLimit) = (reconnectBase, reconnectLimit)
        return limits
    }
}

/// A configuration or URL that makes no sense, and why. Never holds the password.
public struct RedisConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    public let description: String

    init(_ description: String) { self.description = description }
}
