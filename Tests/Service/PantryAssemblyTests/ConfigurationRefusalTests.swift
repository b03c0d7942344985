import PantryAssembly
import Testing

@Suite("Configuration: what is refused, where, and how it is said")
struct ConfigurationRefusalTests {
    @Test("all problems are reported at once, in order")
    func allProblems() throws {
        let yaml = """
            server:
              port: 80800
              hots: x
            pool: 5
            checkout:
              wait: [1]
              holdTime:
            """
        let problems = try ConfigurationTrial(
            yaml, environment: ["PANTRY_POOL_TIMEOUT": "x", "PANTRY_SERVR_PORT": "1"], flags: ["server.host": "a b"]
        ).problems
        #expect(
            problems == [
                #"pantry.yaml:2:9: server.port: "80800": must be a whole number from 0 to 65535"#,
                #"pantry.yaml:3:3: server.hots: unknown key; did you mean "host"?"#,
                "pantry.yaml:4:7: pool: must be a mapping with limit, timeout, not a single value",
                "pantry.yaml:6:9: checkout.wait: must be a single value, not a list",
                "pantry.yaml:7:12: checkout.holdTime: has no value: duration from 1s to 8760h",
                #"PANTRY_POOL_TIMEOUT: pool.timeout: "x": must be a whole number and ms, s, m or h, such as 500ms "#
                    + "or 30s",
                "PANTRY_SERVR_PORT: unknown variable; did you mean PANTRY_SERVER_PORT?",
                #"--host: server.host: "a b": must be an IP address or a host name, without a port or brackets"#,
            ])
    }

    @Test(
        "unknown keys at every depth",
        arguments: [
            ("sever: {}\n", #"pantry.yaml:1:1: sever: unknown key; did you mean "server"?"#),
            ("Server: {}\n", #"pantry.yaml:1:1: Server: unknown key; did you mean "server"?"#),
            ("port: 1\n", #"pantry.yaml:1:1: port: unknown key; did you mean "server.port"?"#),
            (
                "server.port: 1\n",
                "pantry.yaml:1:1: server.port: unknown key; write it nested, as server: { port: … }"
            ),
            (
                "payments: { errorTreshold: 5 }\n",
                #"pantry.yaml:1:13: payments.errorTreshold: unknown key; did you mean "errorThreshold"?"#
            ),
            ("pool: { zzz: 5 }\n", "pantry.yaml:1:9: pool.zzz: unknown key; known here are limit, timeout"),
            ("limits: { plan: {} }\n", #"pantry.yaml:1:11: limits.plan: unknown key; did you mean "plans"?"#),
            (
                "limits: { plans: { a: { request: {} } } }\n",
                #"pantry.yaml:1:25: limits.plans.a.request: unknown key; did you mean "requests"?"#
            ),
            (
                "limits: { plans: { a: { orders: { points: 1, duration: 1s, blok: 1s } } } }\n",
                #"pantry.yaml:1:60: limits.plans.a.orders.blok: unknown key; did you mean "block"?"#
            ),
            (
                "shards: [{ name: a, primary: 'sqlite:a', replica: [] }]\n",
                #"pantry.yaml:1:42: shards[0].replica: unknown key; did you mean "replicas"?"#
            ),
        ])
    func unknownKeys(yaml: String, line: String) throws {
        #expect(try ConfigurationTrial(yaml).problems == [line])
    }

    @Test("the value of an unknown key is not shown: it may be a secret")
    func unknownValueIsHidden() throws {
        let problems = try ConfigurationTrial(
            "operator: { tokn: hunter2 }\n", environment: ["PANTRY_OPERATOR_TOKN": "hunter2"]
        ).problems
        #expect(problems.count == 2)
        #expect(!problems.joined().contains("hunter2"))
    }

    @Test("variables that other parts read are known; others of the prefix are not")
    func variables() throws {
        let known = ["PANTRY_URL", "PANTRY_TOKEN", "PANTRY_FAULT_POINT", "PANTRY_FAULT_LOG", "PANTRY_LOG_LEVEL"]
        var environment = Dictionary(uniqueKeysWithValues: known.map { ($0, "x") })
        environment["PATH"] = "/bin"
        environment["PANTRYMAN"] = "x"
        #expect(try ConfigurationTrial(environment: environment).problems == [])
        #expect(
            try ConfigurationTrial(environment: ["PANTRY_SHARDS": "[]", "PANTRY_LIMITS_PLANS_TRIAL": "x"]).problems == [
                "PANTRY_LIMITS_PLANS_TRIAL: unknown variable; shards and limits.plans come from the "
                    + "configuration file only",
                "PANTRY_SHARDS: unknown variable; shards and limits.plans come from the configuration file only",
            ])
        #expect(try ConfigurationTrial(environment: ["PANTRY_": ""]).problems == ["PANTRY_: unknown variable"])
    }

    @Test("a Kubernetes Service named pantry does not stop its own pods")
    func serviceLinks() throws {
        var environment = [
            "PANTRY_SERVICE_HOST": "10.0.0.1", "PANTRY_SERVICE_PORT": "80", "PANTRY_SERVICE_PORT_HTTP": "80",
            "PANTRY_PORT": "tcp://10.0.0.1:80", "PANTRY_PORT_80_TCP": "tcp://10.0.0.1:80",
            "PANTRY_PORT_80_TCP_PROTO": "tcp", "PANTRY_PORT_80_TCP_PORT": "80", "PANTRY_PORT_80_TCP_ADDR": "10.0.0.1",
            "PANTRY_API_PORT_80_UDP_ADDR": "10.0.0.1",
        ]
        #expect(try ConfigurationTrial(environment: environment).problems.count == environment.count)
        environment["KUBERNETES_SERVICE_HOST"] = "10.0.0.2"
        #expect(try ConfigurationTrial(environment: environment).problems == [])
        environment["PANTRY_PORT"] = "80"
        environment["PANTRY_SERVER_PORT"] = "tcp://10.0.0.1:80"
        let problems = try ConfigurationTrial(environment: environment).problems
        #expect(problems.contains { $0.hasPrefix("PANTRY_PORT: unknown variable") })
        #expect(problems.contains { $0.hasPrefix("PANTRY_SERVER_PORT: ") && $0.contains("enableServiceLinks: false") })
    }

    @Test("flags of unknown keys")
    func flags() throws {
        #expect(
            try ConfigurationTrial(flags: ["server.prt": "1", "shards": "x"]).problems == [
                "--prt: server.prt: sets an unknown key", "--shards: shards: comes from the configuration file only",
            ])
    }

    @Test(
        "what a later version will do is refused by name",
        arguments: [
            ("PANTRY_BUS_URL", "redis://cache/0", "redis://", "use local:"),
            ("PANTRY_BUS_URL", "amqp://broker", "amqp://", "use local:"),
            ("PANTRY_CHECKOUT_STYLE", "choreography", "choreography", "use orchestration"),
            ("PANTRY_SHARDING_STRATEGY", "range", "range", "use hash"),
            ("PANTRY_SHARDING_STRATEGY", "region", "region", "use hash"),
        ])
    func notYet(variable: String, value: String, name: String, advice: String) throws {
        let problems = try ConfigurationTrial(environment: [variable: value]).problems
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("\(variable): ") == true)
        #expect(
            problems.first?.hasSuffix("\"\(value)\": \(name) is not supported by this version yet; \(advice)") == true,
            "\(problems)")
    }

    @Test("a provider without its key")
    func stripeNeedsItsKey() throws {
        #expect(
            try ConfigurationTrial("payments: { provider: stripe }").problems == [
                "pantry.yaml:1:23: payments.key: is missing: payments.provider stripe needs its secret key"
            ])
        let loaded = try ConfigurationTrial(
            "payments: { provider: stripe, key: sk_test, webhookSecrets: [a, b] }"
        ).configuration
        #expect(loaded.payments.webhookSecrets == ["a", "b"] && loaded.payments.key == "sk_test")
    }

    @Test("a Redis behind TLS, and one whose certificates are not there")
    func encryptedRedis() throws {
        let sealed = try ConfigurationTrial("cache: { url: 'rediss://:hush@cache:6379/3?verify=ca' }").load()
        #expect(sealed.configuration.cache.url == .redis(url: "rediss://:hush@cache:6379/3?verify=ca"))
        #expect(sealed.setting("cache.url")?.value == "rediss://(redacted)@cache:6379/3?verify=ca")
        let wrong = [
            ("rediss://:hush@cache?ca=/none/ca.pem", "ca is “/none/ca.pem”, which cannot be read"),
            ("rediss://:hush@cache?cert=/none/client.pem", "cert and key belong together"),
            ("rediss://:hush@cache?verify=maybe", "not one of full, ca, none"),
            ("redis://:hush@cache?verify=none", "is an option of TLS"),
        ]
        for (url, words) in wrong {
            let problems = try ConfigurationTrial("cache: { url: '\(url)' }").problems
            #expect(problems.count == 1 && problems[0].contains(words), "\(problems)")
            #expect(!problems.joined().contains("hush"), "a secret is shown")
        }
        let loaded = try ConfigurationTrial("cache: { url: 'redis://:hush@cache:6379/3' }").load()
        #expect(loaded.configuration.cache.url == .redis(url: "redis://:hush@cache:6379/3"))
        #expect(loaded.setting("cache.url")?.value?.contains("hush") == false, "a secret is shown")
    }

    @Test("words that no version knows")
    func unknownWords() throws {
        #expect(
            try ConfigurationTrial("checkout: { style: orchestraton }").problems == [
                #"pantry.yaml:1:20: checkout.style: "orchestraton": is not known; use orchestration; "#
                    + #"did you mean "orchestration"?"#
            ])
        #expect(
            try ConfigurationTrial("cache: { url: memcached }").problems == [
                #"pantry.yaml:1:15: cache.url: "memcached": must be memory:, or "#
                    + "redis://USER:PASSWORD@HOST:PORT/NUMBER, or the same with rediss:// for TLS"
            ])
    }

    @Test(
        "passwords in URLs are not shown",
        arguments: [
            ("postgres://pantry:hunter2@db:5432/x?pooler=yes", "postgres://(redacted)@db:5432/x?pooler=yes"),
            // An @ behind a ? may end the credentials or be part of a parameter: neither side is shown.
            ("postgres://pantry:hun/ter2?hunter2@db/x", "postgres://(redacted)"),
            ("postgres://db/x?password=p@sshunter2", "postgres://(redacted)"),
            ("postgres://hunter2@db/x?pooler=yes", "postgres://(redacted)@db/x?pooler=yes"),
            (
                "postgres://db/x?password=hunter2&pooler=transaction",
                "postgres://db/x?password=(redacted)&pooler=transaction"
            ),
            ("postgres:/u:hunter2@db", "(redacted)"), ("host=db password=hunter2", "(redacted)"),
        ])
    func urlPasswords(url: String, shown: String) throws {
        let problems = try ConfigurationTrial(environment: ["PANTRY_CONTROL_URL": url]).problems
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("PANTRY_CONTROL_URL: control.url: \"\(shown)\": ") == true, "\(problems)")
        #expect(!problems.joined().contains("ter2"))
    }

    @Test("secrets are not shown when they are wrong")
    func secrets() throws {
        let problems = try ConfigurationTrial(
            "operator: { token: hunter2 }\nalerts: { webhook: hunter2 }\npayments: { key: 'hunter2 x' }\n"
        ).problems
        #expect(problems.count == 3)
        #expect(!problems.joined().contains("hunter2"))
        #expect(problems.allSatisfy { $0.contains("\"(redacted)\"") }, "\(problems)")
    }

    @Test("a value cannot break the line it is shown in")
    func controlCharacters() throws {
        let problems = try ConfigurationTrial(environment: ["PANTRY_SERVER_HOST": "a\nb\u{1B}[31m"]).problems
        #expect(problems.count == 1)
        #expect(problems.first?.contains(#""a\u{a}b\u{1b}[31m""#) == true, "\(problems)")
    }
}
