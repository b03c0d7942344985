import Determinism
import SocketReactor

extension PostgresConfiguration {
    /// Reads `postgres://user:password@host1:5432,host2/database?option=value&…`, or the same with `postgresql://`.
    ///
    /// Every part may be percent-encoded, and what stands for itself must be: `@`, `:`, `/`, `?`, `#` and `%` in a
    /// password. A Unix socket's folder is a host that begins with `%2F`. The options are those of libpq that the
    /// driver passes on, those of the server's session timeouts, `pooler` and `durability`.
    /// - Throws: ``PostgresConfigurationError``, which never quotes the URL: it may hold a password.
    public init(url: String) throws(PostgresConfigurationError) {
        do throws(ServerURL.Fault) {
            let parts = try PostgresURLParts(url)
            self.init(hosts: parts.hosts, user: parts.user, password: parts.password, database: parts.database)
            for (name, value) in parts.options { try apply(name, value) }
        } catch { throw .init(error.reason) }
        try validate()
    }

    private static let optionNames = [
        "application_name", "channel_binding", "connect_timeout", "drain_timeout", "durability",
        "idle_in_transaction_session_timeout", "keepalives_count", "keepalives_idle", "keepalives_interval",
        "lock_timeout", "pooler", "request_timeout", "sslcert", "sslkey", "sslmode", "sslrootcert",
        "statement_timeout", "target_session_attrs", "tcp_user_timeout",
    ]

    private mutating func apply(_ name: String, _ value: String) throws(ServerURL.Fault) {
        switch name {
        case "application_name": applicationName = value
        case "channel_binding": channelBinding = value
        case "sslrootcert": rootCertificateFile = value
        case "sslcert": certificateFile = value
        case "sslkey": keyFile = value
        case "sslmode": tls = try choice(name, value)
        case "target_session_attrs": sessionAttributes = try choice(name, value)
        case "pooler": pooler = try choice(name, value)
        case "durability": durability = try choice(name, value)
        case "connect_timeout": connectTimeout = try seconds(name, value)
        case "keepalives_idle": keepaliveIdle = try seconds(name, value)
        case "keepalives_interval": keepaliveInterval = try seconds(name, value)
        case "keepalives_count":
            guard let count = Int(value) else { throw .init("\(name) is “\(value)”, not a whole number") }
            keepaliveCount = count
        case "tcp_user_timeout": userTimeout = try milliseconds(name, value) ?? userTimeout
        case "statement_timeout": statementTimeout = try milliseconds(name, value)
        case "lock_timeout": lockTimeout = try milliseconds(name, value)
        case "idle_in_transaction_session_timeout": idleInTransactionTimeout = try milliseconds(name, value)
        case "request_timeout": requestTimeout = try milliseconds(name, value) ?? requestTimeout
        case "drain_timeout": drainTimeout = try milliseconds(name, value) ?? drainTimeout
        case "password", "user", "host", "port", "dbname":
            throw .init("“\(name)” is not an option here; write postgres://USER:PASSWORD@HOST:PORT/DATABASE")
        case "options":
            throw .init("“options” is not passed on; set defaults with ALTER ROLE … SET, or use the timeouts' options")
        default:
            throw .init(
                "there is no option “\(name)”; there are \(Self.optionNames.joined(separator: ", "))")
        }
    }

    private func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, _ value: String
    ) throws(ServerURL.Fault) -> Choice {
        guard let choice = Choice(rawValue: value) else {
            let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw .init("\(name) is “\(value)”, not one of \(all)")
        }
        return choice
    }

    private func seconds(_ name: String, _ value: String) throws(ServerURL.Fault) -> Duration {
        guard let count = Int32(value), count > 0 else {
            throw .init("\(name) is “\(value)”, not a number of seconds from 1 on")
        }
        return .seconds(Int64(count))
    }

    /// 0 is no limit, as in PostgreSQL.
    private func milliseconds(_ name: String, _ value: String) throws(ServerURL.Fault) -> Duration? {
        let time = try ServerURL.time(name, value)
        return time == .zero ? nil : time
    }
}

/// The parts of a URL, decoded.
struct PostgresURLParts: Sendable {
    private(set) var hosts: [PostgresConfiguration.Host] = []
    private(set) var user = ""
    private(set) var password: String?
    private(set) var database = ""
    private(set) var options: [(name: String, value: String)] = []

    private static let form = "postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE"

    init(_ url: String) throws(ServerURL.Fault) {
        guard let scheme = ["postgres://", "postgresql://"].first(where: { url.hasPrefix($0) }) else {
            throw .init("the database's URL does not begin with postgres://; it has the form \(Self.form)")
        }
        var rest = url.utf8.dropFirst(scheme.utf8.count)
        if rest.contains(UInt8(ascii: "#")) {
            throw .init("the database's URL holds a #, which must be written %23 where it is part of a password")
        }
        if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
            options = try ServerURL.options(Substring(rest[rest.index(after: mark)...]))
            rest = rest[..<mark]
        }
        if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
            database = try ServerURL.decoded(Substring(rest[rest.index(after: slash)...]), "the database's name")
            rest = rest[..<slash]
        }
        if let at = rest.lastIndex(of: UInt8(ascii: "@")) {
            try readUser(Substring(rest[..<at]))
            rest = rest[rest.index(after: at)...]
        }
        for (index, text) in Substring(rest).split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            hosts.append(try host(text, index + 1))
        }
    }

    private mutating func readUser(_ text: Substring) throws(ServerURL.Fault) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            user = try ServerURL.decoded(text, "the user's name")
            return
        }
        user = try ServerURL.decoded(text[..<colon], "the user's name")
        password = try ServerURL.decoded(text[text.utf8.index(after: colon)...], "the password")
    }

    private func host(_ text: Substring, _ number: Int) throws(ServerURL.Fault) -> PostgresConfiguration.Host {
        let (name, port) = try ServerURL.host(text, "host \(number) of the URL", port: 5_432)
        if name.isEmpty { throw .init("host \(number) of the URL has no name; the form is \(Self.form)") }
        return PostgresConfiguration.Host(name, port: port)
    }
}
