import PantryAssembly
import Testing

@Suite("Configuration: shards and plans")
struct ConfigurationShardAndPlanTests {
    @Test("a shard of the file takes the place of the default one")
    func shard() throws {
        let loaded = try ConfigurationTrial(
            "shards:\n  - name: eu-1\n    primary: sqlite:eu.db\n    organizations: 0-999\n    region: eu\n"
        ).load()
        let shard = try #require(loaded.configuration.shards.first)
        #expect(loaded.configuration.shards.count == 1)
        #expect(shard.name == "eu-1")
        #expect(shard.primary == .sqlite(path: "/srv/pantry/pantry-data/eu.db"))
        #expect(shard.replicas == [])
        #expect(shard.organizations == 0...999)
        #expect(shard.region == "eu")
        #expect(loaded.setting("shards[0].name")?.value == "eu-1")
        #expect(loaded.setting("shards[0].replicas")?.origin == .builtIn)
        #expect(loaded.warnings.count == 2)
        #expect(loaded.warnings.allSatisfy { $0.hasSuffix("has no effect with sharding.strategy hash") })
    }

    @Test(
        "shards that are wrong",
        arguments: [
            ("shards: []\n", ["pantry.yaml:1:9: shards: must be a list of at least one shard, not an empty one"]),
            ("shards:\n", ["pantry.yaml:1:8: shards: must be a list of at least one shard, not nothing"]),
            ("shards: a\n", ["pantry.yaml:1:9: shards: must be a list of at least one shard, not a single value"]),
            (
                "shards: [a]\n",
                ["pantry.yaml:1:10: shards[0]: must be a mapping with name and primary, not a single value"]
            ),
            (
                "shards:\n  - {}\n",
                [
                    "pantry.yaml:2:5: shards[0].name: is missing: 1 to 32 of a-z 0-9 -",
                    "pantry.yaml:2:5: shards[0].primary: is missing: sqlite:PATH or postgres://…",
                ]
            ),
            (
                "shards: [{ name: A_1, primary: 'sqlite:a' }]\n",
                [#"pantry.yaml:1:18: shards[0].name: "A_1": must be 1 to 32 characters of a-z, 0-9 and -"#]
            ),
            (
                "shards: [{ name: a, primary: 'postgres://u:p@db/x', replicas: ['sqlite:b.db'] }]\n",
                [
                    #"pantry.yaml:1:63: shards[0].replicas: "[sqlite:b.db]": must be a postgres:// URL; a SQLite "#
                        + "file has no replicas"
                ]
            ),
            (
                "shards: [{ name: a, primary: 'sqlite:a.db', replicas: ['postgres://u:p@db2/x'] }]\n",
                [
                    "pantry.yaml:1:55: shards[0].replicas: needs a primary on PostgreSQL: a SQLite file has no "
                        + "replicas; set primary to postgres://… or use []"
                ]
            ),
            (
                "shards: [{ name: a, primary: 'postgres://u@db,db2/x', replicas: ['postgres://u@db2/x'] }]\n",
                [
                    "pantry.yaml:1:65: shards[0].replicas: names the server db2:5432 twice; each server belongs there "
                        + "once"
                ]
            ),
            (
                "shards: [{ name: a, primary: 'postgres://u:p@db/x?sslmode=sure' }]\n",
                [
                    #"pantry.yaml:1:30: shards[0].primary: "postgres://(redacted)@db/x?sslmode=sure": is not a "#
                        + "database's URL: sslmode is “sure”, not one of disable, allow, prefer, require, verify-ca, "
                        + "verify-full"
                ]
            ),
            (
                "shards: [{ name: a, primary: 'sqlite:a', organizations: 9-1, region: E }]\n",
                [
                    #"pantry.yaml:1:57: shards[0].organizations: "9-1": must be a range such as 0-999, the smaller "#
                        + "number first",
                    #"pantry.yaml:1:70: shards[0].region: "E": must be 1 to 32 characters of a-z, 0-9 and -"#,
                ]
            ),
            (
                "shards:\n  - { name: a, primary: 'sqlite:a' }\n  - { name: a, primary: 'sqlite:./a' }\n",
                [
                    "pantry.yaml:3:5: shards: several shards are not supported by this version yet; keep one",
                    #"pantry.yaml:3:13: shards[1].name: "a": is another shard's name already"#,
                    #"pantry.yaml:3:25: shards[1].primary: "sqlite:./a": is the same database as shards[0].primary; "#
                        + "each needs its own",
                ]
            ),
        ])
    func badShards(yaml: String, problems: [String]) throws {
        #expect(try ConfigurationTrial(yaml).problems == problems)
    }

    @Test("the default plans are the seed's figures")
    func defaultPlans() throws {
        #expect(
            try ConfigurationTrial().configuration.limits.plans == [
                "trial": .init(
                    requests: .fixedWindow(points: 100, duration: .seconds(60), block: .seconds(60)),
                    orders: .fixedWindow(points: 10, duration: .seconds(60), block: nil)),
                "anonymous": .init(
                    requests: .fixedWindow(points: 100, duration: .seconds(60), block: .seconds(60))),
                "burst": .init(requests: .tokenBucket(capacity: 100, refill: 10)),
                "standard": .init(
                    requests: .fixedWindow(points: 6000, duration: .seconds(60), block: nil),
                    orders: .fixedWindow(points: 1200, duration: .seconds(60), block: nil)),
                "unlimited": .init(),
            ])
    }

    @Test("a file's plan is added, or replaces the default one whole")
    func merging() throws {
        let loaded = try ConfigurationTrial(
            """
            limits:
              plans:
                trial: { requests: { capacity: 5, refill: 1 } }
                standard: {}
                gold: { orders: { points: 7, duration: 1m, block: 2h } }
            """
        ).load()
        let plans = loaded.configuration.limits.plans
        #expect(Set(plans.keys) == ["trial", "anonymous", "burst", "standard", "unlimited", "gold"])
        #expect(plans["trial"] == .init(requests: .tokenBucket(capacity: 5, refill: 1)))
        #expect(plans["standard"] == .init())
        #expect(plans["burst"] == .init(requests: .tokenBucket(capacity: 100, refill: 10)))
        #expect(
            plans["gold"]
                == .init(orders: .fixedWindow(points: 7, duration: .seconds(60), block: .seconds(7200))))
        #expect(loaded.setting("limits.plans.trial.requests.capacity")?.value == "5")
        #expect(loaded.setting("limits.plans.trial.requests.points") == nil)
        #expect(loaded.setting("limits.plans.standard")?.value == "{}")
        #expect(loaded.setting("limits.plans.burst.requests.refill")?.origin == .builtIn)
    }

    @Test(
        "plans that are wrong",
        arguments: [
            ("x", ["1:18: limits.plans: must be a mapping of plans, not a single value"]),
            ("{ A: {} }", ["1:20: limits.plans.A: a plan's name must be 1 to 32 characters of a-z, 0-9 and -"]),
            (
                "{ a: }",
                ["1:23: limits.plans.a: must be a mapping with requests and orders, or {} for no limits, not nothing"]
            ),
            (
                "{ a: { orders: 5 } }",
                [
                    "1:33: limits.plans.a.orders: must be a mapping with points, duration, block? or capacity, refill, "
                        + "not a single value"
                ]
            ),
            (
                "{ a: { orders: {} } }",
                ["1:33: limits.plans.a.orders: is empty: give points and duration, or capacity and refill"]
            ),
            (
                "{ a: { orders: { points: 1, refill: 1 } } }",
                ["1:33: limits.plans.a.orders: mixes two forms: give points and duration, or capacity and refill"]
            ),
            (
                "{ a: { orders: { block: 1s } } }",
                [
                    "1:33: limits.plans.a.orders.duration: is missing: duration from 1ms to 87600h",
                    "1:33: limits.plans.a.orders.points: is missing: whole number from 1 to 1000000000",
                ]
            ),
            (
                "{ a: { orders: { capacity: 0, refill: 1.5 } } }",
                [
                    #"1:45: limits.plans.a.orders.capacity: "0": must be a whole number from 1 to 1000000000"#,
                    #"1:56: limits.plans.a.orders.refill: "1.5": must be a whole number from 1 to 1000000000"#,
                ]
            ),
            (
                "{ a: { orders: { points: 1, duration: 60, block: 0s } } }",
                [
                    #"1:56: limits.plans.a.orders.duration: "60": has no unit: write 60ms, 60s, 60m or 60h"#,
                    #"1:67: limits.plans.a.orders.block: "0s": must be a duration from 1ms to 87600h"#,
                ]
            ),
        ])
    func badPlans(plans: String, problems: [String]) throws {
        #expect(try ConfigurationTrial("limits: { plans: \(plans) }").problems == problems.map { "pantry.yaml:\($0)" })
    }
}
