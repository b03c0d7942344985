import Determinism

extension PostgresConfiguration {
    /// Reads `postgres://user:password@host1:5432,host2/database?option=value&…`, or the same with `postgresql://`.
    ///
    /// Every part may be percent-encoded, and what stands for itself must be: `@`, `:`, `/`, `?`, `#` and `%` in a
    /// password. A Unix socket's folder is a host that begins with `%2F`. The options are those of libpq that the
    /// driver passes on, those of the server's session timeouts, `pooler` and `durability`.
    /// - Throws: ``PostgresConfigurationError``, which never quotes the URL: it may hold a password.
    public init(url: String) throws(PostgresConfigurationError) {
        let parts = try PostgresURLParts(url)
        self.init(hosts: parts.hosts, user: parts.user, password: parts.password, database: parts.database)
        var seen: Set<String> = []
        for (name, value) in parts.options {
            guard seen.insert(name).inserted else { throw .init("the option “\(name)” is there twice") }
            try apply(name, value)
        }
        try validate()
    }

    private static let optionNames = [
        "application_name", "channel_binding", "connect_timeout", "drain_timeout", "durability",
        "idle_in_transaction_session_timeout", "keepalives_count", "keepalives_idle", "keepalives_interval",
        "lock_timeout", "pooler", "request_timeout", "sslcert", "sslkey", "sslmode", "sslrootcert",
        "statement_timeout", "target_session_attrs", "tcp_user_timeout",
    ]

    private mutating func apply(_ name: String, _ value: String) throws(PostgresConfigurationError) {
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
    ) throws(PostgresConfigurationError) -> Choice {
        guard let choice = Choice(rawValue: value) else {
            let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw .init("\(name) is “\(value)”, not one of \(all)")
        }
        return choice
    }

    private func seconds(_ name: String, _ value: String) throws(PostgresConfigurationError) -> Duration {
        guard let count = Int32(value), count > 0 else {
            throw .init("\(name) is “\(value)”, not a number of seconds from 1 on")
        }
        return .seconds(Int64(count))
    }

    /// 0 is no limit, as in PostgreSQL.
    private func milliseconds(_ name: String, _ value: String) throws(PostgresConfigurationError) -> Duration? {
        let units: [(String, Int64)] = [("ms", 1), ("min", 60_000), ("s", 1_000), ("", 1)]
        for (unit, factor) in units where value.hasSuffix(unit) {
            guard let count = Int32(value.dropLast(unit.count)), count >= 0 else { break }
            return count == 0 ? nil : .milliseconds(Int64(count) * factor)
        }
        throw .init("\(name) is “\(value)”, not a time such as 500, 500ms, 30s or 5min; without a unit it is in ms")
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

    init(_ url: String) throws(PostgresConfigurationError) {
        guard let scheme = ["postgres://", "postgresql://"].first(where: { url.hasPrefix($0) }) else {
            throw .init("the database's URL does not begin with postgres://; it has the form \(Self.form)")
        }
        var rest = url.utf8.dropFirst(scheme.utf8.count)
        if rest.contains(UInt8(ascii: "#")) {
            throw .init("the database's URL holds a #, which must be written %23 where it is part of a password")
        }
        if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
            try readOptions(Substring(rest[rest.index(after: mark)...]))
            rest = rest[..<mark]
        }
        if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
            database = try decoded(Substring(rest[rest.index(after: slash)...]), "the database's name")
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

    private mutating func readUser(_ text: Substring) throws(PostgresConfigurationError) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            user = try decoded(text, "the user's name")
            return
        }
        user = try decoded(text[..<colon], "the user's name")
        password = try decoded(text[text.utf8.index(after: colon)...], "the password")
    }

    /// Quotes nothing: with a `/` in a password that is not encoded, a piece of it stands where the host should.
    private func host(
        _ text: Substring, _ number: Int
    ) throws(PostgresConfigurationError) -> PostgresConfiguration.Host {
        var (name, port) = (text, Substring("5432"))
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else {
                throw .init("host \(number) of the URL begins with [ and has no ]")
            }
            let behind = text[text.index(after: close)...]
            guard behind.isEmpty || behind.hasPrefix(":") else {
                throw .init("behind the ] of host \(number) of the URL there is something else than :PORT")
            }
            name = text[text.index(after: text.startIndex)..<close]
            if !behind.isEmpty { port = behind.dropFirst() }
        } else if let colon = text.firstIndex(of: ":") {
            (name, port) = (text[..<colon], text[text.index(after: colon)...])
        }
        guard let portNumber = Int(port), (1...65_535).contains(portNumber) else {
            throw .init(
                "the port of host \(number) of the URL is not a number from 1 to 65535; an IPv6 address stands in [ ], "
                    + "and in a password : / ? # @ % are written %3A %2F %3F %23 %40 %25")
        }
        let decodedName = try decoded(name, "the name of host \(number)")
        if decodedName.isEmpty { throw .init("host \(number) of the URL has no name; the form is \(Self.form)") }
        return PostgresConfiguration.Host(decodedName, port: portNumber)
    }

    private mutating func readOptions(_ text: Substring) throws(PostgresConfigurationError) {
        for pair in text.split(separator: "&") {
            guard let equals = pair.firstIndex(of: "=") else {
                throw .init("an option of the URL has no value; options are written OPTION=VALUE, with & between them")
            }
            let name = try decoded(pair[..<equals], "an option's name")
            options.append((name, try decoded(pair[pair.index(after: equals)...], "the value of “\(name)”")))
        }
    }
}

private func decoded(_ text: Substring, _ what: String) throws(PostgresConfigurationError) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else {
            throw .init("\(what) holds a % that is not followed by two hexadecimal digits; a % itself is written %25")
        }
        bytes.append(high << 4 | low)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else {
        throw .init("\(what) is not UTF-8 once it is decoded")
    }
    return decoded
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
