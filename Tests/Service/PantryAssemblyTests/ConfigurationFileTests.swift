import Foundation
import PantryAssembly
import Testing

@Suite("Configuration: the file")
struct ConfigurationFileTests {
    private func only(_ yaml: String) throws -> String {
        try ConfigurationTrial(yaml).problems.joined(separator: "\n")
    }

    @Test("the contract's example loads and says the same as no file")
    func contractExample() throws {
        let yaml = """
            server:   { host: 127.0.0.1, port: 8080, trustedProxies: [], drain: 2s, shutdownTimeout: 20s,
                        maxBody: 1048576 }
            data:     { directory: ./pantry-data }            # SQLite files
            control:  { url: "sqlite:control.db" }
            sharding: { strategy: hash }
            shards:
              - { name: shard-0, primary: "sqlite:shard-0.db", replicas: [] }
            pool:     { limit: 20, timeout: 10s }
            cache:    { url: "memory:" }
            bus:      { url: "local:" }
            payments: { provider: sandbox, timeout: 3s, errorThreshold: 50, resetTimeout: 30s }
            checkout: { style: orchestration, wait: 5s, holdTime: 15m, queueTime: 24h, maxQueuedShare: 50 }
            notifications: { allowPrivateTargets: false, retryBase: 5s }
            alerts:   { webhook: "" }
            limits:
              plans:
                trial:     { requests: { points: 100, duration: 60s, block: 60s },
                             orders: { points: 10, duration: 60s } }
                burst:     { requests: { capacity: 100, refill: 10 } }
                standard:  { requests: { points: 6000, duration: 60s }, orders: { points: 1200, duration: 60s } }
                unlimited: {}
            """
        #expect(try ConfigurationTrial(yaml).configuration == ConfigurationTrial().configuration)
    }

    @Test("JSON")
    func json() throws {
        let configuration = try ConfigurationTrial(
            """
            {
            \t"server": {"port": 9000, "trustedProxies": ["10.1.2.3"]},
            \t"notifications": {"allowPrivateTargets": true},
            \t"limits": {"plans": {"gold": {"requests": {"points": 5, "duration": "1s"}}}}
            }
            """
        ).configuration
        #expect(configuration.server.port == 9000)
        #expect(configuration.server.trustedProxies == ["10.1.2.3"])
        #expect(configuration.notifications.allowPrivateTargets)
        #expect(
            configuration.limits.plans["gold"]?.requests == .fixedWindow(points: 5, duration: .seconds(1), block: nil))
    }

    @Test(
        "a file without any content, or with empty sections, sets nothing",
        arguments: ["", "# no\n", "server:\npool:\n"])
    func empty(yaml: String) throws {
        #expect(try ConfigurationTrial(yaml).configuration == ConfigurationTrial().configuration)
    }

    @Test("Windows line ends and a byte order mark do no harm")
    func windowsText() throws {
        #expect(try ConfigurationTrial("\u{FEFF}server:\r\n  port: 1\r\n").configuration.server.port == 1)
    }

    @Test("a missing file, and where its name came from")
    func missing() {
        let named = ConfigurationSource(file: "no/such.yaml", workingDirectory: "/srv")
        #expect(throws: ConfigurationProblems.self) { try ConfigurationLoader.load(named) }
        let source = ConfigurationSource(
            environment: ["PANTRY_CONFIG": "no/such.yaml"], workingDirectory: "/srv")
        do {
            _ = try ConfigurationLoader.load(source)
            Issue.record("a missing file was accepted")
        } catch {
            #expect(error.description == "no/such.yaml: there is no such file (named by PANTRY_CONFIG)")
            #expect(error.problems.map(\.place) == [.file(path: "no/such.yaml", position: nil)])
        }
    }

    @Test("PANTRY_CONFIG names the file unless --config does; both may be relative")
    func fileVariable() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Foundation.Data("server: { port: 1 }".utf8).write(to: directory.appendingPathComponent("one.yaml"))
        try Foundation.Data("server: { port: 2, drain: x }".utf8).write(
            to: directory.appendingPathComponent("two.yaml"))
        var source = ConfigurationSource(
            environment: ["PANTRY_CONFIG": "./one.yaml"], workingDirectory: directory.path)
        let loaded = try ConfigurationLoader.load(source)
        #expect(loaded.configuration.server.port == 1)
        #expect(loaded.file == directory.path + "/one.yaml")
        source.file = "two.yaml"
        #expect(throws: ConfigurationProblems.self) { try ConfigurationLoader.load(source) }
        source.environment["PANTRY_CONFIG"] = ""
        source.file = nil
        do {
            _ = try ConfigurationLoader.load(source)
            Issue.record("an empty name was accepted")
        } catch {
            #expect(error.description == "PANTRY_CONFIG: \"\": must name the configuration file")
        }
    }

    @Test("a directory is no file")
    func directory() {
        do {
            _ = try ConfigurationLoader.load(ConfigurationSource(file: "/", workingDirectory: "/srv"))
            Issue.record("a directory was accepted")
        } catch {
            #expect(error.description == "/: is a directory, not a file")
        }
    }

    @Test("too large a file, and one of just the right size")
    func size() throws {
        let comment = String(repeating: "#", count: (1 << 20) - 1) + "\n"
        #expect(try only(comment) == "")
        #expect(try only(comment + "#") == "pantry.yaml: is larger than 1 MiB")
    }

    @Test("bytes that are not UTF-8, with their place")
    func encoding() throws {
        let bytes = Foundation.Data("server:\n  host: é".utf8) + [0xFF] + Foundation.Data("\n".utf8)
        #expect(try ConfigurationTrial().problems(bytes: bytes) == ["pantry.yaml:2:10: is not UTF-8"])
    }

    @Test(
        "what is not YAML, with its place",
        arguments: [
            ("server:\n  port: [1\n", "pantry.yaml:3:1: is not valid YAML"),
            ("server:\n\tport: 1\n", "pantry.yaml:2:1: is not valid YAML"),
            ("server: {}\npool: \u{1}\n", "pantry.yaml:2:7: is not valid YAML"),
            ("a: b: c\n", "pantry.yaml:1:5: is not valid YAML"),
            ("server: {}\n---\npool: {}\n", "pantry.yaml:2:1: is not valid YAML"),
            ("server: *x\n", "pantry.yaml:1:9: is not valid YAML"),
        ])
    func syntax(yaml: String, start: String) throws {
        let problem = try only(yaml)
        #expect(problem.hasPrefix(start), "\(problem)")
        #expect(!problem.contains("\n"))
    }

    @Test("a syntax error does not quote the file, whose line may hold a secret")
    func syntaxErrorQuotesNothing() throws {
        let problem = try only("operator: { token: hunter2hunter2hunter2: ] }\n")
        #expect(problem.contains("is not valid YAML"))
        #expect(!problem.contains("hunter2"))
    }

    @Test("a key given twice")
    func duplicates() throws {
        #expect(
            try only("server:\n  port: 1\n  host: a\n  port: 2\n")
                == #"pantry.yaml:2:3: key "port" is given more than once in one mapping"#)
        let plans = try only("limits:\n  plans:\n    !!int 1: {}\n    1: {}\n")
        #expect(plans == #"pantry.yaml:4:5: key "1" is given more than once in one mapping"#)
    }

    @Test(
        "a root that is no mapping",
        arguments: [("- a\n", "a list"), ("\n  text\n", "a single value"), ("~\n", "nothing")])
    func root(yaml: String, kind: String) throws {
        let problem = try only(yaml)
        #expect(problem.contains("must be a mapping of sections") && problem.hasSuffix("not \(kind)"), "\(problem)")
        #expect(problem.hasPrefix("pantry.yaml:\(yaml.hasPrefix("\n") ? "2:3" : "1:1"): "), "\(problem)")
    }

    @Test("anchors are refused where they stand, and quotations and comments are not taken for them")
    func anchors() throws {
        let refusal = "anchors and aliases (&name, *name) are not supported"
        #expect(try only("server: &s { port: 1 }\npool: *s\n").hasPrefix("pantry.yaml:1:9: \(refusal)"))
        #expect(try only("# &no\nserver:\n  - 'it''s &no'\n  - &yes x\n").hasPrefix("pantry.yaml:4:5: \(refusal)"))
        #expect(try only("data: { directory: \"a \\\" &b\" } # &c\nserver: {port: 1} # it's\n") == "")
        // Here the scan takes 'b: for the start of a quotation; the parsed nodes tell.
        #expect(try only("a 'b: &x [1]\nc: *x\n").contains(refusal))
    }

    @Test("an alias bomb ends at once", .timeLimit(.minutes(1)))
    func aliasBomb() throws {
        var yaml = "a0: &a0 [x, x]\n"
        for level in 1...60 { yaml += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        #expect(try only(yaml).hasPrefix("pantry.yaml:1:5: anchors"))
        // Keys are hashed while parsing, so a bomb there must not get that far.
        #expect(try only(yaml + "? *a60\n: 1\n").hasPrefix("pantry.yaml:1:5: anchors"))
    }

    @Test("deep nesting ends in an error, not a crash")
    func depth() throws {
        for open in ["[", "{a: "] {
            let problem = try only("server: " + String(repeating: open, count: 100_000))
            #expect(problem.hasPrefix("pantry.yaml"), "\(problem.prefix(200))")
        }
    }

    @Test("a secret in a file that everyone may read is a warning")
    func worldReadableSecret() throws {
        var trial = ConfigurationTrial("server: { port: 1 }\noperator: { token: 0123456789abcdef }\n")
        #expect(try trial.load().warnings == [])
        trial.permissions = 0o644
        let warnings = try trial.load().warnings
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("pantry.yaml:2:20: operator.token is a secret in a file") == true)
        #expect(warnings.first?.contains("0123456789abcdef") == false)
        trial.yaml = "server: { port: 1 }"
        #expect(try trial.load().warnings == [])
        // Passwords in URLs are secrets, too, and so is each of a list.
        for secret in [
            "control: { url: 'postgres://u:hunter2@db/x' }", "cache: { url: 'redis://:hunter2@h:6379/0' }",
            "shards: [{ name: a, primary: 'postgres://u:hunter2@db/x' }]",
        ] {
            trial.yaml = secret
            let warnings = try trial.load().warnings
            #expect(warnings.count == 1 && warnings[0].contains("is a secret"), "\(secret): \(warnings)")
            #expect(!warnings.joined().contains("hunter2"))
        }
        // A user's name is none.
        trial.yaml = "control: { url: 'postgres://u@db/x?connect_timeout=3' }"
        #expect(try trial.load().warnings == [])
    }
}
