import Determinism

extension RedisConfiguration {
    private static let form = "redis://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE"

    /// Reads `redis://user:password@host:port/database?option=value&…`, or `unix://user:password@/path?database=…`.
    ///
    /// Every part may be percent-encoded, and what stands for itself must be: `@`, `:`, `/`, `?`, `#` and `%` in a
    /// password. An IPv6 address stands in `[ ]`. Options: `timeout`, `connect_timeout`, `stall_timeout` (such as
    /// `500ms` or `5s`; a number alone is milliseconds), `connections`, `in_flight`, `client_name`, `unreachable`
    /// (`fail` or `wait`), `database`.
    /// - Throws: ``RedisConfigurationError``, which never quotes the URL: it may hold a password.
    public init(url: String) throws(RedisConfigurationError) {
        if url.lowercased().hasPrefix("rediss://") {
            throw .init(
                "rediss:// asks for TLS, which this driver has not: it is built on hiredis 0.14, whose releases have "
                    + "TLS from 1.0 on only. Use redis:// within a network that is closed to others, or put a TLS "
                    + "proxy such as stunnel beside this process and give its address")
        }
        let isSocket = url.hasPrefix("unix://")
        guard isSocket || url.hasPrefix("redis://") else {
            throw .init("the URL of Redis does not begin with redis:// or unix://; it has the form \(Self.form)")
        }
        var rest = Substring(url.dropFirst(isSocket ? 7 : 8))
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
        if let at = rest.lastIndex(of: "@") {
            try readUser(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        if isSocket {
            guard rest.isEmpty else { throw .init("behind unix:// stands a path that begins with /") }
            endpoint = .socket(try Self.decoded(path, "the path of the socket"))
        } else {
            endpoint = try Self.host(rest)
            if path.count > 1 { database = try Self.number("the database", path.dropFirst()) }
        }
        try readOptions(options)
        try validate()
    }

    private mutating func readUser(_ text: Substring) throws(RedisConfigurationError) {
        guard let colon = text.firstIndex(of: ":") else {
            throw .init(
                "the URL of Redis has a user without a password; a password alone is written redis://:PASSWORD@…")
        }
        let name = try Self.decoded(text[..<colon], "the user's name")
        user = name.isEmpty ? nil : name
        password = try Self.decoded(text[text.index(after: colon)...], "the password")
    }

    /// Quotes nothing: with a `/` in a password that is not encoded, a piece of it stands where the host should.
    private static func host(_ text: Substring) throws(RedisConfigurationError) -> Endpoint {
        var (name, port) = (text, Substring("6379"))
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { throw .init("the host of the URL has a [ and no ]") }
            let behind = text[text.index(after: close)...]
            guard behind.isEmpty || behind.hasPrefix(":") else {
                throw .init("behind the ] of the URL's host there is something else than :PORT")
            }
            name = text[text.index(after: text.startIndex)..<close]
            if !behind.isEmpty { port = behind.dropFirst() }
        } else if let colon = text.firstIndex(of: ":") {
            (name, port) = (text[..<colon], text[text.index(after: colon)...])
        }
        guard let number = Int(port), (1...65_535).contains(number) else {
            throw .init(
                "the port of the URL is not a number from 1 to 65535; an IPv6 address stands in [ ], and in a password "
                    + ": / ? # @ % are written %3A %2F %3F %23 %40 %25")
        }
        let decodedName = try decoded(name, "the host's name")
        if decodedName.isEmpty { throw .init("the URL of Redis names no host; the form is \(form)") }
        return .host(decodedName, port: number)
    }

    private mutating func readOptions(_ text: Substring) throws(RedisConfigurationError) {
        var seen: Set<String> = []
        for pair in text.split(separator: "&") {
            guard let equals = pair.firstIndex(of: "=") else {
                throw .init("an option of the URL has no value; options are written OPTION=VALUE, with & between them")
            }
            let name = try Self.decoded(pair[..<equals], "an option's name")
            guard seen.insert(name).inserted else { throw .init("the option “\(name)” is there twice") }
            let value = Substring(try Self.decoded(pair[pair.index(after: equals)...], "the value of “\(name)”"))
            switch name {
            case "timeout": commandTimeout = try Self.duration(name, value)
            case "connect_timeout": connectTimeout = try Self.duration(name, value)
            case "stall_timeout": stallTimeout = try Self.duration(name, value)
            case "connections": connectionCount = try Self.number(name, value)
            case "in_flight": inFlightLimit = try Self.number(name, value)
            case "database": database = try Self.number(name, value)
            case "client_name": clientName = value.isEmpty ? nil : String(value)
            case "unreachable":
                guard let choice = Unreachable(rawValue: String(value)) else {
                    throw .init("unreachable is “\(value)”, not one of fail, wait")
                }
                unreachable = choice
            case "password", "user": throw .init("“\(name)” is not an option here; write \(Self.form)")
            default:
                throw .init(
                    "there is no option “\(name)”; there are client_name, connect_timeout, connections, database, "
                        + "in_flight, stall_timeout, timeout, unreachable")
            }
        }
    }

    private static func number(_ name: String, _ text: Substring) throws(RedisConfigurationError) -> Int {
        guard let number = Int32(text), number >= 0 else { throw .init("\(name) is not a whole number from 0 on") }
        return Int(number)
    }

    private static func duration(_ name: String, _ text: Substring) throws(RedisConfigurationError) -> Duration {
        let units: [(String, Int64)] = [("ms", 1), ("min", 60_000), ("s", 1_000), ("", 1)]
        for (unit, factor) in units where text.hasSuffix(unit) {
            guard let count = Int32(text.dropLast(unit.count)), count > 0 else { break }
            return .milliseconds(Int64(count) * factor)
        }
        throw .init("\(name) is “\(text)”, not a time such as 500, 500ms, 30s or 5min; without a unit it is in ms")
    }

    private static func decoded(_ text: Substring, _ what: String) throws(RedisConfigurationError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit), let value = UInt8(digits, radix: 16) else {
                throw .init("\(what) holds a % that is not followed by two hexadecimal digits; a % is written %25")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw .init("\(what) is not UTF-8 once it is decoded")
        }
        return decoded
    }
}
