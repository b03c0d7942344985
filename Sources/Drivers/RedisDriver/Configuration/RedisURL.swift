import Determinism
import SocketReactor

extension RedisConfiguration {
    private static let form = "redis://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE"
    private static let optionNames = [
        "client_name", "connect_timeout", "connections", "database", "in_flight", "stall_timeout", "timeout",
        "unreachable",
    ]
    private static let tlsOptionNames = ["ca", "cert", "key", "server_name", "verify"]

    /// Reads `redis://user:password@host:port/database?option=value&…`, the same with `rediss://` for TLS, or
    /// `unix://user:password@/path?database=…`.
    ///
    /// Every part may be percent-encoded, and what stands for itself must be: `@`, `:`, `/`, `?`, `#` and `%` in a
    /// password. An IPv6 address stands in `[ ]`. Options: `timeout`, `connect_timeout`, `stall_timeout` (such as
    /// `500ms` or `5s`; a number alone is milliseconds), `connections`, `in_flight`, `client_name`, `unreachable`
    /// (`fail` or `wait`), `database`; with `rediss://` also those of ``RedisTLS``: `ca`, `cert` and `key` (paths of
    /// PEM files), `verify` (`full`, `ca` or `none`), `server_name`.
    /// - Throws: ``RedisConfigurationError``, which never quotes the URL: it may hold a password.
    public init(url: String) throws(RedisConfigurationError) {
        let schemes = ["redis://", "rediss://", "unix://"]
        guard let scheme = schemes.first(where: { url.hasPrefix($0) }) else {
            throw .init(
                "the URL of Redis does not begin with redis://, rediss:// (for TLS) or unix://; it has the form "
                    + Self.form)
        }
        let isSocket = scheme == "unix://"
        var rest = url.dropFirst(scheme.count)
        if rest.contains("#") {
            throw .init("the URL of Redis holds a #, which must be written %23 where it is part of a password")
        }
        var options = Substring()
        if let mark = rest.firstIndex(of: "?") {
            options = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        var path = Substring()
        // In a URL that is written as it should be, no user and no password holds a slash.
        if let slash = rest.firstIndex(of: "/") {
            path = rest[slash...]
            rest = rest[..<slash]
        }
        self.init()
        if scheme == "rediss://" { tls = RedisTLS() }
        do throws(ServerURL.Fault) {
            if let at = rest.lastIndex(of: "@") {
                try readUser(rest[..<at])
                rest = rest[rest.index(after: at)...]
            }
            if isSocket {
                guard rest.isEmpty else { throw .init("behind unix:// stands a path that begins with /") }
                endpoint = .socket(try ServerURL.decoded(path, "the path of the socket"))
            } else {
                endpoint = try Self.host(rest)
                if path.count > 1 { database = try Self.number("the database", path.dropFirst()) }
            }
            for (name, value) in try ServerURL.options(options) {
                if Self.tlsOptionNames.contains(name) { try applyToTLS(name, value) } else { try apply(name, value) }
            }
        } catch { throw .init(error.reason) }
        try validate()
    }

    private mutating func readUser(_ text: Substring) throws(ServerURL.Fault) {
        guard let colon = text.firstIndex(of: ":") else {
            throw .init(
                "the URL of Redis has a user without a password; a password alone is written redis://:PASSWORD@…")
        }
        let name = try ServerURL.decoded(text[..<colon], "the user's name")
        user = name.isEmpty ? nil : name
        password = try ServerURL.decoded(text[text.index(after: colon)...], "the password")
    }

    private static func host(_ text: Substring) throws(ServerURL.Fault) -> Endpoint {
        let (name, port) = try ServerURL.host(text, "the URL's host", port: 6_379)
        if name.isEmpty { throw .init("the URL of Redis names no host; the form is \(form)") }
        return .host(name, port: port)
    }

    private mutating func apply(_ name: String, _ value: String) throws(ServerURL.Fault) {
        switch name {
        case "timeout": commandTimeout = try Self.duration(name, value)
        case "connect_timeout": connectTimeout = try Self.duration(name, value)
        case "stall_timeout": stallTimeout = try Self.duration(name, value)
        case "connections": connectionCount = try Self.number(name, value)
        case "in_flight": inFlightLimit = try Self.number(name, value)
        case "database": database = try Self.number(name, value)
        case "client_name": clientName = value.isEmpty ? nil : value
        case "unreachable":
            guard let choice = Unreachable(rawValue: value) else {
                throw .init("unreachable is “\(value)”, not one of fail, wait")
            }
            unreachable = choice
        case "password", "user": throw .init("“\(name)” is not an option here; write \(Self.form)")
        default:
            let names = Self.optionNames.joined(separator: ", ")
            let tlsNames = Self.tlsOptionNames.joined(separator: ", ")
            throw .init("there is no option “\(name)”; there are \(names), and with rediss:// \(tlsNames)")
        }
    }

    private mutating func applyToTLS(_ name: String, _ value: String) throws(ServerURL.Fault) {
        guard tls != nil else {
            throw .init("“\(name)” is an option of TLS, and this URL is one without; TLS is written rediss://HOST")
        }
        switch name {
        case "ca": tls?.authorityFile = value
        case "cert": tls?.certificateFile = value
        case "key": tls?.keyFile = value
        case "server_name": tls?.serverName = value
        default:
            guard let choice = RedisTLS.Verification(rawValue: value) else {
                throw .init("verify is “\(value)”, not one of full, ca, none")
            }
            tls?.verification = choice
        }
    }

    private static func number(_ name: String, _ text: some StringProtocol) throws(ServerURL.Fault) -> Int {
        guard let number = Int32(text), number >= 0 else { throw .init("\(name) is not a whole number from 0 on") }
        return Int(number)
    }

    private static func duration(_ name: String, _ value: String) throws(ServerURL.Fault) -> Duration {
        let time = try ServerURL.time(name, value)
        guard time > .zero else { throw .init("\(name) is “\(value)”, not a time of 1ms or more") }
        return time
    }
}
