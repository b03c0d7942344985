import DeterminismTestKit
import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import RedisTestKit
import StrictJSON
import Synchronization
import Testing

extension ProcessTests {
    /// Two servers that keep their limits in one Redis, which may go away.
    @Suite("Shared rate limits")
    struct SharedLimitTests {
        private struct Pair {
            let redis: RedisServer
            let clients: [PantryClient]
            let operatorToken: String
            /// An organization of the plan `tight`.
            let key: String
        }

        /// What senders were answered, from any task.
        private final class Tally: Sendable {
            private let state = Mutex((admitted: 0, refused: 0, others: [String]()))

            func add(_ outcome: Outcome) {
                state.withLock { state in
                    switch outcome.status {
                    case 200?: state.admitted += 1
                    case 429?: state.refused += 1
                    default: state.others.append("\(outcome)")
                    }
                }
            }

            var admitted: Int { state.withLock { $0.admitted } }
            var answered: Int { state.withLock { $0.admitted + $0.refused } }
            /// Answers that are neither 200 nor 429, and what was not answered.
            var others: [String] { state.withLock { $0.others } }
        }

        /// Two servers on PostgreSQL and Redis, and an organization of the plan `tight`.
        private func withPair(
            _ plan: String, _ options: RedisOptions = RedisOptions(), _ body: (Pair) async throws -> Void
        ) async throws {
            try await RedisServer.with(options) { redis in
                try await PostgresHome.with { home in
                    var settings = home.settings
                    settings["cache", "url"] = "\"\(redis.url())\""
                    settings["limits", "plans"] = "{ tight: \(plan) }"
                    try await Installation.with(settings) { first in
                        try await Installation.with(settings) { second in
                            let processes = [try await first.start(), try await second.start()]
                            let clients = try processes.map { try $0.client() }
                            let token = first.operatorToken
                            let key = try await keyOfNewOrganization(clients[0], token)
                            let pair = Pair(redis: redis, clients: clients, operatorToken: token, key: key)
                            try await untilEachKnowsOfTheOther(pair)
                            try await body(pair)
                        }
                    }
                }
            }
        }

        /// Makes an organization of the plan `tight`.
        private func keyOfNewOrganization(_ client: PantryClient, _ operatorToken: String) async throws -> String {
            let made = await client.send(
                "POST", "/v1/organizations", ["name": "Tight", "plan": "tight"], key: operatorToken)
            return try #require(made.answer?["apiKey"]?.string, "\(made)")
        }

        private func limits(_ client: PantryClient, _ pair: Pair) async throws -> JSONObject {
            let outcome = await client.get("/ops/limits", key: pair.operatorToken)
            return try #require(outcome.json?.object, "\(outcome)")
        }

        /// One of the counts of `/ops/limits`, of each server.
        private func counts(_ name: String, _ pair: Pair) async throws -> [Int64] {
            var counts: [Int64] = []
            for client in pair.clients {
                let report = try await limits(client, pair)
                counts.append(try #require(report["counts"]?.object?[name]?.integer, "\(name) in \(report)"))
            }
            return counts
        }

        /// Whether both servers' circuits to the limits are `open` or `closed`.
        private func circuitsAre(_ status: String, _ pair: Pair) async -> Bool {
            for client in pair.clients {
                let breakers = await client.get("/ops/breakers?status=\(status)", key: pair.operatorToken)
                let names = breakers.json?.object?["data"]?.array?.compactMap { $0.object?["name"]?.string } ?? []
                if !names.contains("limits") { return false }
            }
            return true
        }

        private func untilEachKnowsOfTheOther(_ pair: Pair) async throws {
            try await Poll.untilTrue("each knows of the other", within: .seconds(30)) {
                for client in pair.clients where try await limits(client, pair).number("processes") != 2 {
                    return false
                }
                return true
            }
        }

        /// Sends that many requests, half of them to each server; how many were admitted.
        private func admitted(_ count: Int, _ pair: Pair, at once: Int = 16) async -> Int {
            await (0..<count).concurrentMap(limit: once) { index in
                await pair.clients[index % 2].get("/v1/organization", key: pair.key).status
            }.count { $0 == 200 }
        }

        @Test func tenThousandRequestsToTwoServersAreOneLimit() async throws {
            let points = 3_000
            try await withPair("{ requests: { points: \(points), duration: 1h } }") { pair in
                let admitted = await admitted(10_000, pair)
                // Tokens that a server has leased and not used are back after a second, or lost to the key.
                #expect(admitted <= points, "never more than the limit")
                #expect(admitted >= points - points / 20, "\(admitted)")
                let trips = try await counts("storeTrips", pair)
                #expect(trips.reduce(0, +) < 500, "twenty are decided here for each trip: \(trips)")
            }
        }

        @Test func installationsThatUseOneRedisShareNothing() async throws {
            try await RedisServer.with { redis in
                var settings = InstallationSettings()
                settings["cache", "url"] = "\"\(redis.url())\""
                settings["limits", "plans"] = "{ anonymous: { requests: { points: 5, duration: 1h } } }"
                try await Installation.with(settings) { first in
                    try await Installation.with(settings) { second in
                        // Both are asked from the same address.
                        for client in [try await first.start().client(), try await second.start().client()] {
                            var statuses: [Int] = []
                            for _ in 0..<10 { statuses.append(await client.get("/v1/organization").status ?? 0) }
                            #expect(statuses.first == 401 && statuses.last == 429, "\(statuses)")
                        }
                        var censuses: [String] = []
                        try await Poll.untilTrue("both are counted", within: .seconds(30)) {
                            censuses = try await redis.cli("KEYS", "pantry:*:processes")
                                .split(separator: "\n").map(String.init)
                            return censuses.count == 2
                        }
                        for census in censuses { #expect(try await redis.cli("ZCARD", census) == "1") }
                    }
                }
            }
        }

        @Test func withoutRedisEachServerHasItsShareAndPaysAfterwards() async throws {
            let points = 1_000
            try await withPair("{ requests: { points: \(points), duration: 1h } }") { pair in
                #expect(await admitted(100, pair) == 100)
                try await pair.redis.kill9()
                // All are answered, and quickly: nobody waits for what is away.
                let without = await admitted(3_000, pair)
                // And what each had leased before, a fortieth of the limit at most.
                #expect(without <= points + points / 20, "each server allows half of the limit")
                #expect(without >= points - points / 20)
                let breakers = await pair.clients[0].get("/ops/breakers?status=open", key: pair.operatorToken)
                let names = breakers.json?.object?["data"]?.array?.compactMap { $0.object?["name"]?.string }
                #expect(names == ["limits"], "\(breakers)")
                try await pair.redis.start()
                try await Poll.untilTrue("what was admitted is charged", within: .seconds(60)) {
                    for client in pair.clients {
                        let counts = try await limits(client, pair)["counts"]?.object
                        if counts?.number("tokensReconciled") ?? 0 == 0 { return false }
                    }
                    return true
                }
                let after = await admitted(1_000, pair)
                #expect(after <= points - without + points / 20, "\(after) after \(without)")
            }
        }

        @Test(arguments: [false, true])
        func pausedRedisHoldsNobodyUp(encrypted: Bool) async throws {
            var options = RedisOptions()
            if encrypted { options.encryption = RedisEncryption() }
            try await withPair("{ requests: { points: 100000, duration: 1h } }", options) { pair in
                _ = await admitted(50, pair)
                // A slow machine's first trips may have taken too long.
                let before = try await counts("storeFailures", pair)
                pair.redis.suspend()
                let answered = await admitted(500, pair)
                pair.redis.resume()
                #expect(answered == 500, "each was answered by the servers' own shares")
                // Five in a row open the circuit. Without it each request would wait for a trip of 50 ms, those of
                // eight senders for one.
                let failures = zip(try await counts("storeFailures", pair), before).map { $0 - $1 }
                #expect(failures.allSatisfy { (1...20).contains($0) }, "\(failures)")
                try await Poll.untilTrue("the circuit closes again", within: .seconds(60)) {
                    _ = await admitted(20, pair)
                    return await circuitsAre("closed", pair)
                }
            }
        }

        /// Sixteen senders, eight to each server, that send until `end` is raised.
        private func send(_ pair: Pair, _ tally: Tally, until end: Flag) async {
            _ = await (0..<16).concurrentMap(limit: 16) { index in
                while !end.isRaised, !Task.isCancelled {
                    tally.add(await pair.clients[index % 2].get("/v1/organization", key: pair.key))
                }
            }
        }

        private func untilAnswered(more count: Int, _ tally: Tally) async throws {
            let goal = tally.answered + count
            try await Poll.untilTrue("\(count) more answers", within: .seconds(60)) { tally.answered >= goal }
        }

        private func untilCircuitsAre(_ status: String, _ pair: Pair) async throws {
            try await Poll.untilTrue("\(status) circuits", within: .seconds(60)) { await circuitsAre(status, pair) }
        }

        /// Kills Redis, starts it, suspends it and lets it go on, each after some answers. It is away for less than the
        /// nine seconds after which servers that it has not heard of are no more counted.
        private func harass(_ pair: Pair, _ tally: Tally) async throws {
            try await untilAnswered(more: 300, tally)
            try await pair.redis.kill9()
            try await untilCircuitsAre("open", pair)
            try await untilAnswered(more: 500, tally)
            try await pair.redis.start()
            try await untilCircuitsAre("closed", pair)
            try await Poll.untilTrue("what was admitted is charged", within: .seconds(60)) {
                try await counts("tokensReconciled", pair).contains { $0 > 0 }
            }
            try await untilEachKnowsOfTheOther(pair)
            pair.redis.suspend()
            try await untilCircuitsAre("open", pair)
            try await untilAnswered(more: 500, tally)
            pair.redis.resume()
            try await untilCircuitsAre("closed", pair)
        }

        @Test(arguments: [false, true])
        func redisIsKilledPausedAndRestartedUnderLoad(encrypted: Bool) async throws {
            let points = 2_000
            var options = RedisOptions()
            if encrypted { options.encryption = RedisEncryption() }
            // What was written is there again after a kill; only a crash of the machine would need it to be synced.
            options.isDurable = true
            options.settings["appendfsync"] = "no"
            try await withPair("{ requests: { points: \(points), duration: 1h } }", options) { pair in
                let (tally, end) = (Tally(), Flag())
                async let sent: Void = send(pair, tally, until: end)
                try await harass(pair, tally)
                // So many that a limit which begins anew after an outage would be seen.
                try await Poll.untilTrue("enough answers", within: .seconds(120)) { tally.answered > 4 * points }
                end.raise()
                await sent
                #expect(tally.others == [], "each is answered, whatever becomes of Redis")
                // What Redis admits is the limit. Each server admits half of it besides while Redis is away: once,
                // since the second time is in the same window.
                #expect(tally.admitted <= 2 * points, "of \(tally.answered)")
                #expect(tally.admitted >= points - points / 20, "of \(tally.answered)")
                // Whoever has used nothing yet finds one limit again.
                let fresh = Pair(
                    redis: pair.redis, clients: pair.clients, operatorToken: pair.operatorToken,
                    key: try await keyOfNewOrganization(pair.clients[0], pair.operatorToken))
                let admitted = await admitted(2 * points, fresh)
                #expect(admitted <= points)
                #expect(admitted >= points - points / 20, "\(admitted)")
            }
        }
    }
}
