import PantryAssembly
import Testing

@Suite("Configuration: values")
struct ConfigurationValueTests {
    private func problem(_ variable: String, _ value: String) throws -> String {
        try ConfigurationTrial(environment: [variable: value]).problems.joined(separator: "\n")
    }

    @Test(
        "durations",
        arguments: [
            ("1ms", Duration.milliseconds(1)), ("90s", .seconds(90)), ("10m", .seconds(600)), ("007s", .seconds(7)),
        ])
    func durations(text: String, duration: Duration) throws {
        #expect(
            try ConfigurationTrial(environment: ["PANTRY_CHECKOUT_WAIT": text]).configuration.checkout.wait == duration)
    }

    @Test(
        "texts that are no durations",
        arguments: [
            ("5", "has no unit: write 5ms, 5s, 5m or 5h"), ("-5s", "must not be negative"),
            ("1.5s", "1500ms is one and a half seconds"), ("5 s", "directly after it ms, s, m or h"),
            ("5S", "directly after it ms, s, m or h"), ("5d", "directly after it ms, s, m or h"),
            ("s", "must be a whole number and ms, s, m or h"), ("", "must be a whole number and ms, s, m or h"),
            ("+5s", "must be a whole number and ms, s, m or h"), ("٣s", "must be a whole number and ms, s, m or h"),
            ("9223372036854775807h", "is too long a time"), ("9999999999999999999999ms", "is too long a time"),
            ("0s", "must be a duration from 1ms to 10m"), ("601s", "must be a duration from 1ms to 10m"),
        ])
    func badDurations(text: String, reason: String) throws {
        let problem = try problem("PANTRY_CHECKOUT_WAIT", text)
        #expect(problem.hasPrefix("PANTRY_CHECKOUT_WAIT: checkout.wait: \"\(text)\": "), "\(problem)")
        #expect(problem.contains(reason), "\(problem)")
    }

    @Test(
        "numbers out of range or none",
        arguments: [
            ("PANTRY_SERVER_PORT", "65536", "from 0 to 65535"), ("PANTRY_SERVER_PORT", "-1", "from 0 to 65535"),
            ("PANTRY_SERVER_PORT", "80a", "from 0 to 65535"), ("PANTRY_SERVER_PORT", "", "from 0 to 65535"),
            ("PANTRY_SERVER_PORT", "8_0", "from 0 to 65535"), ("PANTRY_SERVER_PORT", "+80", "from 0 to 65535"),
            ("PANTRY_SERVER_PORT", "99999999999999999999", "from 0 to 65535"),
            ("PANTRY_SERVER_MAX_BODY", "1023", "from 1024 to 67108864 (bytes)"),
            ("PANTRY_SERVER_MAX_BODY", "67108865", "from 1024 to 67108864 (bytes)"),
            ("PANTRY_POOL_LIMIT", "0", "from 1 to 10000"),
            ("PANTRY_PAYMENTS_ERROR_THRESHOLD", "0", "from 1 to 100 percent"),
            ("PANTRY_PAYMENTS_ERROR_THRESHOLD", "101", "from 1 to 100 percent"),
            ("PANTRY_CHECKOUT_MAX_QUEUED_SHARE", "101", "from 0 to 100 percent"),
        ])
    func numbers(variable: String, value: String, range: String) throws {
        let problem = try problem(variable, value)
        #expect(problem.hasPrefix("\(variable): "))
        #expect(problem.hasSuffix("\"\(value)\": must be a whole number \(range)"), "\(problem)")
    }

    @Test("limits of the ranges are in them")
    func edges() throws {
        let configuration = try ConfigurationTrial(environment: [
            "PANTRY_SERVER_PORT": "65535", "PANTRY_SERVER_MAX_BODY": "67108864", "PANTRY_POOL_LIMIT": "1",
            "PANTRY_PAYMENTS_ERROR_THRESHOLD": "1", "PANTRY_CHECKOUT_MAX_QUEUED_SHARE": "100",
            "PANTRY_SERVER_DRAIN": "19s",
        ]).configuration
        #expect(configuration.server.port == 65535)
        #expect(configuration.server.maxBody == 67_108_864)
        #expect(configuration.server.drain == .seconds(19))
    }

    @Test("shutdownTimeout leaves a second after drain; the value that was given is blamed")
    func shutdown() throws {
        #expect(
            try ConfigurationTrial("server:\n  drain: 30s\n").problems == [
                #"pantry.yaml:2:10: server.drain: "30s": server.shutdownTimeout (20s) must be at least "#
                    + "server.drain (30s) and 1s"
            ])
        let both = try ConfigurationTrial(
            "server: { drain: 10s }", environment: ["PANTRY_SERVER_SHUTDOWN_TIMEOUT": "10500ms"]
        ).problems
        #expect(both.count == 1)
        #expect(both.first?.hasPrefix(#"PANTRY_SERVER_SHUTDOWN_TIMEOUT: server.shutdownTimeout: "10500ms": "#) == true)
    }

    @Test(
        "hosts",
        arguments: [
            ("0.0.0.0", true), ("::", true), ("pantry.example", true), ("localhost", true), ("", false),
            ("127.0.0.1:80", false), ("[::1]", false), ("300.1.1.1", false), ("a b", false), ("-a", false),
        ])
    func hosts(host: String, isRight: Bool) throws {
        #expect(try problem("PANTRY_SERVER_HOST", host).isEmpty == isRight)
    }

    @Test(
        "trusted proxies",
        arguments: [
            ("", true), ("10.0.0.1", true), ("10.0.0.0/8,::1", true), ("fd00::/128", true), ("0.0.0.0/0", true),
            ("10.0.0.0/33", false), ("fd00::/129", false), ("10.0.0.0/", false), ("10.0.0/8", false),
            ("proxy.example", false), ("10.0.0.1,", false), ("10.0.0.0/8/8", false),
        ])
    func proxies(list: String, isRight: Bool) throws {
        let problem = try problem("PANTRY_SERVER_TRUSTED_PROXIES", list)
        #expect(problem.isEmpty == isRight, "\(problem)")
        if !isRight { #expect(problem.contains("must be an IP address or a CIDR block")) }
    }

    @Test(
        "operator tokens",
        arguments: [
            ("0123456789abcde", false), ("0123456789 abcdef", false), ("0123456789abcdé", false),
            ("", false), ("0123456789abcdef", true),
        ])
    func tokens(token: String, isRight: Bool) throws {
        let problem = try problem("PANTRY_OPERATOR_TOKEN", token)
        #expect(problem.isEmpty == isRight, "\(problem)")
        if !token.isEmpty { #expect(!problem.contains(token)) }
    }

    @Test("relative paths: databases under the data directory, that under the working directory")
    func paths() throws {
        let configuration = try ConfigurationTrial(
            """
            data: { directory: ./var//data/ }
            control: { url: "sqlite:sub/./control.db" }
            shards: [{ name: a, primary: "sqlite:///mnt/a.db" }]
            """
        ).configuration
        #expect(configuration.data.directory == "/srv/pantry/var/data")
        #expect(configuration.control.url == .sqlite(path: "/srv/pantry/var/data/sub/control.db"))
        #expect(configuration.shards.map(\.primary) == [.sqlite(path: "/mnt/a.db")])
        let absolute = try ConfigurationTrial(
            environment: ["PANTRY_DATA_DIRECTORY": "/data", "PANTRY_CONTROL_URL": "SQLite:/c.db"]
        ).configuration
        #expect(absolute.shards.map(\.primary) == [.sqlite(path: "/data/shard-0.db")])
        #expect(absolute.control.url == .sqlite(path: "/c.db"))
        #expect(DatabaseURL.sqlite(path: "a/../b.db").resolved(under: "/d") == .sqlite(path: "/d/a/../b.db"))
    }

    @Test(
        "database URLs that lead nowhere",
        arguments: [
            "sqlite:", "sqlite:dir/", "sqlite::memory:", "sqlite://host/a.db", "sqlite:a.db?mode=ro", "sqlite:~/a.db",
            "control.db", "mysql://db/x", "",
        ])
    func badDatabases(url: String) throws {
        #expect(try problem("PANTRY_CONTROL_URL", url).hasPrefix("PANTRY_CONTROL_URL: control.url: \""))
    }

    @Test("two databases in one file")
    func sameFile() throws {
        let trial = ConfigurationTrial(environment: ["PANTRY_CONTROL_URL": "sqlite:./shard-0.db"])
        #expect(
            try trial.problems == [
                #"default: shards[0].primary: "sqlite:shard-0.db": is the same database as control.url; "#
                    + "each needs its own"
            ])
    }

    @Test(
        "truth values",
        arguments: [("true", true), ("TRUE", true), ("1", true), ("yes", true), ("false", false), ("0", false)])
    func truth(text: String, value: Bool) throws {
        let name = "PANTRY_NOTIFICATIONS_ALLOW_PRIVATE_TARGETS"
        #expect(
            try ConfigurationTrial(environment: [name: text]).configuration.notifications.allowPrivateTargets == value)
        #expect(try problem(name, "maybe").hasSuffix("\"maybe\": must be true or false"))
    }
}
