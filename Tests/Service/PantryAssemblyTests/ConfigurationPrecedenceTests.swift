import Foundation
import PantryAssembly
import RateLimiting
import Testing

@Suite("Configuration: layers, defaults and origins")
struct ConfigurationPrecedenceTests {
    private let yaml = """
        server:
          port: 8081
          drain: 3s
        pool: { limit: 7 }
        """

    @Test("the defaults are the contract's")
    func defaults() throws {
        let configuration = try ConfigurationTrial().configuration
        #expect(configuration.server.host == "127.0.0.1")
        #expect(configuration.server.port == 8080)
        #expect(configuration.server.trustedProxies == [])
        #expect(configuration.server.drain == .seconds(2))
        #expect(configuration.server.shutdownTimeout == .seconds(20))
        #expect(configuration.server.maxBody == 1_048_576)
        #expect(configuration.data.directory == "/srv/pantry/pantry-data")
        #expect(configuration.operatorToken == nil)
        #expect(configuration.control.url == .sqlite(path: "/srv/pantry/pantry-data/control.db"))
        #expect(configuration.sharding.strategy == .hash)
        #expect(configuration.shards.map(\.name) == ["shard-0"])
        #expect(configuration.shards.map(\.primary) == [.sqlite(path: "/srv/pantry/pantry-data/shard-0.db")])
        #expect(configuration.shards.flatMap(\.replicas) == [])
        #expect(configuration.pool.limit == 20)
        #expect(configuration.pool.timeout == .seconds(10))
        #expect(configuration.cache.url == .memory)
        #expect(configuration.bus.url == .local)
        #expect(configuration.payments.provider == .sandbox)
        #expect(configuration.payments.timeout == .seconds(3))
        #expect(configuration.payments.errorThreshold == 50)
        #expect(configuration.payments.resetTimeout == .seconds(30))
        #expect(configuration.payments.url == nil)
        #expect(configuration.payments.key == nil)
        #expect(configuration.checkout.style == .orchestration)
        #expect(configuration.checkout.wait == .seconds(5))
        #expect(configuration.checkout.holdTime == .seconds(900))
        #expect(configuration.checkout.queueTime == .seconds(86_400))
        #expect(configuration.checkout.maxQueuedShare == 50)
        #expect(configuration.notifications.allowPrivateTargets == false)
        #expect(configuration.notifications.retryBase == .seconds(5))
        #expect(configuration.alerts.webhook == nil)
        #expect(PantryConfiguration.Limits.defaultPlan == "standard")
    }

    @Test("flag over environment over file over default")
    func precedence() throws {
        let file = try ConfigurationTrial(yaml).configuration
        #expect(file.server.port == 8081)
        #expect(file.server.maxBody == 1_048_576)

        let variable = try ConfigurationTrial(yaml, environment: ["PANTRY_SERVER_PORT": "8082"]).configuration
        #expect(variable.server.port == 8082)
        #expect(variable.server.drain == .seconds(3))

        let flag = try ConfigurationTrial(
            yaml, environment: ["PANTRY_SERVER_PORT": "8082"], flags: ["server.port": "8083"]
        ).configuration
        #expect(flag.server.port == 8083)
        #expect(flag.pool.limit == 7)
    }

    @Test("only the value that counts is checked")
    func overriddenValueIsNotChecked() throws {
        let trial = ConfigurationTrial(
            "cache: { url: 'redis://cache:6379/0' }", environment: ["PANTRY_CACHE_URL": "memory:"])
        #expect(try trial.configuration.cache.url == .memory)
    }

    @Test("every variable reaches its key")
    func everyVariable() throws {
        let environment = [
            "PANTRY_SERVER_HOST": "::1", "PANTRY_SERVER_PORT": "0",
            "PANTRY_SERVER_TRUSTED_PROXIES": "10.0.0.0/8, fd00::1", "PANTRY_SERVER_DRAIN": "0s",
            "PANTRY_SERVER_SHUTDOWN_TIMEOUT": "1m", "PANTRY_SERVER_MAX_BODY": "2048",
            "PANTRY_SERVER_MAX_IN_FLIGHT": "9", "PANTRY_LIMITS_HEADERS": "draft-6",
            "PANTRY_LIMITS_WHEN_STORE_IS_AWAY_REQUESTS": "allow", "PANTRY_LIMITS_WHEN_STORE_IS_AWAY_ORDERS": "deny",
            "PANTRY_PAYMENTS_WEBHOOK_SECRETS": "whsec_a, whsec_b",
            "PANTRY_DATA_DIRECTORY": "/data", "PANTRY_OPERATOR_TOKEN": "0123456789abcdef",
            "PANTRY_CONTROL_URL": "sqlite:c.db", "PANTRY_SHARDING_STRATEGY": "hash", "PANTRY_POOL_LIMIT": "3",
            "PANTRY_POOL_TIMEOUT": "250ms", "PANTRY_CACHE_URL": "memory:", "PANTRY_BUS_URL": "local:",
            "PANTRY_PAYMENTS_PROVIDER": "sandbox", "PANTRY_PAYMENTS_TIMEOUT": "4s",
            "PANTRY_PAYMENTS_ERROR_THRESHOLD": "100", "PANTRY_PAYMENTS_RESET_TIMEOUT": "5s",
            "PANTRY_PAYMENTS_URL": "https://pay.example", "PANTRY_PAYMENTS_KEY": "sk_test",
            "PANTRY_CHECKOUT_STYLE": "orchestration", "PANTRY_CHECKOUT_WAIT": "6s",
            "PANTRY_CHECKOUT_HOLD_TIME": "7m", "PANTRY_CHECKOUT_QUEUE_TIME": "8h",
            "PANTRY_CHECKOUT_MAX_QUEUED_SHARE": "0", "PANTRY_NOTIFICATIONS_ALLOW_PRIVATE_TARGETS": "true",
            "PANTRY_NOTIFICATIONS_RETRY_BASE": "9s", "PANTRY_ALERTS_WEBHOOK": "https://alerts.example/x",
        ]
        #expect(Set(environment.keys) == Set(ConfigurationSchema.entries.compactMap(\.environmentName)))
        let loaded = try ConfigurationTrial(environment: environment).load()
        let configuration = loaded.configuration
        #expect(configuration.server.host == "::1")
        #expect(configuration.server.port == 0)
        #expect(configuration.server.trustedProxies == ["10.0.0.0/8", "fd00::1"])
        #expect(configuration.server.drain == .zero)
        #expect(configuration.server.shutdownTimeout == .seconds(60))
        #expect(configuration.server.maxBody == 2048)
        #expect(configuration.server.maxInFlight == 9)
        #expect(configuration.limits.headers == .draft6)
        #expect(configuration.limits.whenStoreIsAway.requests == .allow)
        #expect(configuration.limits.whenStoreIsAway.orders == .deny)
        #expect(configuration.payments.webhookSecrets == ["whsec_a", "whsec_b"])
        #expect(configuration.data.directory == "/data")
        #expect(configuration.operatorToken == "0123456789abcdef")
        #expect(configuration.control.url == .sqlite(path: "/data/c.db"))
        #expect(configuration.pool.limit == 3)
        #expect(configuration.pool.timeout == .milliseconds(250))
        #expect(configuration.payments.timeout == .seconds(4))
        #expect(configuration.payments.errorThreshold == 100)
        #expect(configuration.payments.resetTimeout == .seconds(5))
        #expect(configuration.payments.url == "https://pay.example")
        #expect(configuration.payments.key == "sk_test")
        #expect(configuration.checkout.wait == .seconds(6))
        #expect(configuration.checkout.holdTime == .seconds(420))
        #expect(configuration.checkout.queueTime == .seconds(28_800))
        #expect(configuration.checkout.maxQueuedShare == 0)
        #expect(configuration.notifications.allowPrivateTargets == true)
        #expect(configuration.notifications.retryBase == .seconds(9))
        #expect(configuration.alerts.webhook == "https://alerts.example/x")
        for entry in ConfigurationSchema.entries {
            guard let name = entry.environmentName else { continue }
            #expect(loaded.setting(entry.path)?.origin == .variable(name))
        }
    }

    @Test("every key that a variable can set, a flag can set too")
    func everyFlag() throws {
        for entry in ConfigurationSchema.entries where !entry.isFileOnly {
            let loaded = try ConfigurationTrial(flags: [entry.path: sample(of: entry)]).load()
            guard case .flag = loaded.setting(entry.path)?.origin else {
                Issue.record("\(entry.path) does not come from its flag")
                continue
            }
        }
    }

    private func sample(of entry: SchemaEntry) -> String {
        if entry.isList { return "10.0.0.1,10.0.0.2" }
        switch entry.path {
        case "operator.token": return "0123456789abcdef"
        case "payments.url": return "https://pay.example"
        case "payments.key": return "sk"
        default: return entry.defaultText ?? ""
        }
    }

    @Test("explain names each value's origin")
    func origins() throws {
        let loaded = try ConfigurationTrial(
            yaml + "\noperator: { token: 0123456789abcdef }", environment: ["PANTRY_CHECKOUT_WAIT": "1s"],
            flags: ["server.host": "0.0.0.0"]
        ).load()
        let file = try #require(loaded.file)
        #expect(
            loaded.setting("server.host") == Setting(path: "server.host", value: "0.0.0.0", origin: .flag("--host")))
        #expect(
            loaded.setting("checkout.wait")
                == Setting(path: "checkout.wait", value: "1s", origin: .variable("PANTRY_CHECKOUT_WAIT")))
        #expect(
            loaded.setting("server.port")
                == Setting(
                    path: "server.port", value: "8081",
                    origin: .file(path: file, position: FilePosition(line: 2, column: 9))))
        #expect(loaded.setting("bus.url") == Setting(path: "bus.url", value: "local:", origin: .builtIn))
        #expect(loaded.setting("payments.key") == Setting(path: "payments.key", value: nil, origin: .builtIn))
        #expect(loaded.setting("operator.token")?.value == "(redacted)")
        #expect(loaded.setting("shards[0].primary")?.value == "sqlite:shard-0.db")
        #expect(loaded.setting("limits.plans.trial.requests.block")?.value == "1m")
        #expect(Set(loaded.settings.map(\.path)).count == loaded.settings.count)

        let lines = loaded.explanation.split(separator: "\n")
        #expect(lines.count == loaded.settings.count + 1)
        #expect(lines[0].hasPrefix("SETTING "))
        #expect(lines[1].contains("server.host") && lines[1].hasSuffix("--host"))
        #expect(lines.contains { $0.hasPrefix("payments.key ") && $0.contains("(not set)") })
        #expect(!loaded.explanation.contains("0123456789abcdef"))
    }

    @Test("every key of the schema is explained")
    func everyKeyIsExplained() throws {
        let paths = Set(try ConfigurationTrial().load().settings.map(\.path))
        for entry in ConfigurationSchema.entries where !entry.isFileOnly {
            #expect(paths.contains(entry.path), "\(entry.path)")
        }
    }

    @Test("a setting as JSON")
    func json() throws {
        let loaded = try ConfigurationTrial(yaml).load()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        func text(_ path: String) throws -> String {
            String(decoding: try encoder.encode(try #require(loaded.setting(path))), as: UTF8.self)
        }
        let file = try #require(loaded.file)
        #expect(
            try text("pool.limit")
                == #"{"origin":{"column":16,"file":"\#(file)","line":4,"source":"file"},"#
                + #""path":"pool.limit","value":"7"}"#
        )
        #expect(
            try text("operator.token") == #"{"origin":{"source":"default"},"path":"operator.token","value":null}"#)
    }

    @Test("a configuration in a log line does not spill its secrets")
    func descriptionIsSilent() throws {
        let configuration = try ConfigurationTrial(environment: ["PANTRY_OPERATOR_TOKEN": "0123456789abcdef"])
            .configuration
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!"\(configuration) \(String(reflecting: configuration)) \(dumped)".contains("0123456789abcdef"))
    }
}
