import Determinism
import ProcessTestKit
import RedisDriver
import RedisTestKit
import SocketReactor
import Testing

@Suite("Redis at work", .serialized, .timeLimit(.minutes(2)))
struct PipelineLiveTests {
    @Test(arguments: [1, 2, 4], Wire.allCases)
    func everyTaskGetsItsOwnReplies(connections: Int, wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client { $0.connectionCount = connections }
            let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        var wrong = 0
                        for round in 0..<200 {
                            let key = "k:\(task):\(round)"
                            try await client.send(.set(key, "\(task)/\(round)"))
                            let text = try await client.send(.get(key)).text()
                            if text != "\(task)/\(round)" { wrong += 1 }
                        }
                        return wrong
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(wrong == 0)
            let statistics = client.statistics
            #expect(statistics.commands == 64 * 400 && statistics.inFlight == 0)
            #expect(statistics.openConnections == connections && statistics.connects == connections)
            #expect(statistics.writes < statistics.commands, "commands shared writes")
            #expect(statistics.bytesSent > 0 && statistics.bytesReceived > 0)
            let count = try await live.server.cli("DBSIZE")
            #expect(count == "12800")
        }
    }

    @Test(arguments: Wire.allCases)
    func tasksOnTheReactorsThreadGetTheirOwnReplies(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client()
            let sum = try await withTaskExecutorPreference(live.reactor.executor) {
                try await withThrowingTaskGroup(of: Int64.self) { group in
                    for task in 0..<40 {
                        group.addTask {
                            for _ in 0..<99 { _ = try await client.send(.increment("n:\(task)")) }
                            return try await client.send(.increment("n:\(task)")).integer()
                        }
                    }
                    return try await group.reduce(0, +)
                }
            }
            #expect(sum == 40 * 100 && client.statistics.commands == 4_000 && client.statistics.inFlight == 0)
        }
    }

    @Test func aTaskOnTheReactorsThreadGoesOnWhenThatHasEnded() async throws {
        try await LiveServer.with { live in
            let client = try live.client { $0.allowsBlockingCommands = true }
            let waiting = Task(executorPreference: live.reactor.executor) {
                let error = await client.failure(RedisCommand("BLPOP", "nothing", 0))
                await Task.yield()
                return (error?.code, await client.failure(.get("a"))?.code)
            }
            try await Poll.untilTrue("the command to be under way") { client.statistics.inFlight == 1 }
            live.reactor.stop()
            let (first, second) = await waiting.value
            #expect(first == .closed && second == .closed)
        }
    }

    @Test func allKindsOfRepliesComeBack() async throws {
        try await LiveServer.with { live in
            let client = try live.client()
            let set = try await client.send(.set("a", [0, 13, 10, 255]))
            #expect(set.isOK)
            let bytes = try await client.send(.get("a")).bytes()
            #expect(bytes == [0, 13, 10, 255])
            let missing = try await client.send(.get("none"))
            #expect(missing.isNull)
            let number = try await client.send(.increment("n", by: -5)).integer()
            #expect(number == -5)
            try await client.send(.set([("x", 1), ("y", "two")], ofHash: "h"))
            let hash = try await client.send(.getAll(ofHash: "h")).dictionary()
            #expect(try hash["x"]?.integer() == 1 && hash["y"]?.text() == "two")
            let many = try await client.send(.get(["a", "none", "n"])).array()
            #expect(many.count == 3 && many[1].isNull)
            let type = await client.failure(.increment("h"))
            #expect(type?.server?.code == .wrongType && type?.effect == .answered)
            let syntax = await client.failure(RedisCommand("HUNTER2", "hunter3"))
            #expect(syntax?.server?.code == .generic)
            #expect(syntax?.description.contains("hunter3") == false)
            let nested = try await client.send(RedisCommand("EVAL", "return {1,{2,{3,{'x'}}}}", 0))
            let innermost = RedisValue.array([.integer(3), .array([.bulk([120])])])
            #expect(nested == .array([.integer(1), .array([.integer(2), innermost])]))
            let absent = try await client.send(.set("a", "b", .ifAbsent))
            #expect(absent.isNull)
            try await client.send(.set("t", "b", .expiring(after: .seconds(100))))
            let rest = try await client.send(.timeToLive("t")).integer()
            #expect((90_000...100_000).contains(rest))
        }
    }

    @Test(arguments: Wire.allCases)
    func largeValuesComeAndGo(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client { $0.connectionCount = 1 }
            let value = (0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try await client.send(.set("large", value), timeout: .seconds(30))
            let answers = try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask { try await client.send(.get("large"), timeout: .seconds(30)).bytes() == value }
                for _ in 0..<20 {
                    group.addTask { try await client.send(.ping, timeout: .seconds(30)).text() == "PONG" }
                }
                return try await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            #expect(answers.count == 21 && answers.allSatisfy(\.self))
            let small = try live.client { $0.replyByteLimit = 1 << 20 }
            let tooLarge = await small.failure(.get("large"))
            #expect(tooLarge?.code == .protocolViolation && tooLarge?.effect == .unknown)
            // A connection that was lost so soon is made again after a pause.
            try await Poll.untilTrue("the next connection") { (try? await small.send(.ping).text()) == "PONG" }
        }
    }

    @Test(arguments: Wire.allCases)
    func aPipelineHasOneAnswerForEachCommand(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client()
            let answers = await client.pipeline([
                .set("a", "1"), .increment("a"), RedisCommand("LPUSH", "a", "x"), .get("a"),
            ])
            #expect(answers.count == 4)
            #expect(try answers[1].get() == .integer(2) && answers[3].get().text() == "2")
            if case .failure(let error) = answers[2] {
                #expect(error.server?.code == .wrongType)
            } else {
                Issue.record("LPUSH to a number went well")
            }
            let many = await client.pipeline((0..<20_000).map { .set("p:\($0)", "\($0)") }, timeout: .seconds(20))
            #expect(many.count == 20_000)
            #expect(many.allSatisfy { (try? $0.get().isOK) == true })
            let none = await client.pipeline([])
            #expect(none.isEmpty)
            let refused = await client.pipeline([.ping, RedisCommand("MULTI")])
            #expect(refused.count == 2)
            for answer in refused {
                let error = #expect(throws: RedisError.self) { try answer.get() }
                #expect(error?.code == .invalidRequest && error?.effect == .notSent)
            }
        }
    }

    @Test(arguments: Wire.allCases)
    func aTransactionIsAllOrNothing(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client { $0.connectionCount = 1 }
            let sums = try await withThrowingTaskGroup(of: Bool.self) { group in
                for task in 0..<32 {
                    group.addTask {
                        for _ in 0..<50 {
                            let answers = try await client.transaction([.increment("a"), .increment("b"), .get("a")])
                            if try answers[0].integer() != answers[1].integer() { return false }
                            if try answers[2].integer() != answers[0].integer() { return false }
                            if task % 2 == 0 { try await client.send(.ping) }
                        }
                        return true
                    }
                }
                return try await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            #expect(sums.count == 32 && sums.allSatisfy(\.self), "nobody came between")
            let total = try await client.send(.get("a")).integer()
            #expect(total == 1_600)
            let error = await #expect(throws: RedisError.self) {
                try await client.transaction([.set("c", "1"), RedisCommand("GET")])
            }
            #expect(error?.server?.code == .transactionAborted)
            #expect(error?.reason.contains("wrong number of arguments") == true)
            let nothing = try await client.send(.get("c"))
            #expect(nothing.isNull)
            let partly = try await client.transaction([.set("d", "x"), .increment("d"), .set("e", "y")])
            if case .error = partly[1] {} else { Issue.record("a text was incremented") }
            let last = try await client.send(.get("e")).text()
            #expect(last == "y", "Redis has no rollback")
        }
    }

    @Test(arguments: Wire.allCases)
    func scriptsAreLoadedOnceAndAgainWhenTheyAreGone(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client()
            let script = RedisScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
            for expected in 1...3 {
                let value = try await client.eval(script, keys: ["n"], arguments: [7]).integer()
                #expect(value == Int64(expected * 7))
            }
            let sha1 = try #require(script.sha1)
            let calls = try await live.server.cli("INFO", "commandstats")
            #expect(calls.contains("cmdstat_eval:calls=1,") && calls.contains("cmdstat_evalsha:calls=2,"))
            try await live.server.cli("SCRIPT", "FLUSH")
            let flushed = try await client.eval(script, keys: ["n"], arguments: [7]).integer()
            #expect(flushed == 28, "executed once")
            let exists = try await live.server.cli("SCRIPT", "EXISTS", sha1)
            #expect(exists == "1")
            try await live.server.restart()
            // That the old ones are gone may not be known yet.
            try await Poll.untilTrue("the connections to be back") {
                client.statistics.openConnections == 2 && client.statistics.connects >= 4
            }
            let restarted = try await client.eval(script, keys: ["n"], arguments: [7]).integer()
            #expect(restarted == 7)
            let broken = await #expect(throws: RedisError.self) {
                try await client.eval(RedisScript("return redis.call('NO')"))
            }
            #expect(broken?.code == .server)
        }
    }

    @Test func blockingCommandsHaveAClientOfTheirOwn() async throws {
        try await LiveServer.with { live in
            let client = try live.client()
            let refused = await client.failure(RedisCommand("BLPOP", "queue", 0))
            #expect(refused?.code == .invalidRequest && refused?.effect == .notSent)
            let waiting = try live.client {
                $0.allowsBlockingCommands = true
                $0.connectionCount = 1
            }
            async let item = waiting.send(RedisCommand("BLPOP", "queue", 10), timeout: .seconds(20))
            try await Poll.untilTrue("it to wait") { waiting.statistics.inFlight == 1 }
            try await client.send(RedisCommand("RPUSH", "queue", "job"))
            let values = try await item.array().map { try $0.text() }
            #expect(values == ["queue", "job"])
        }
    }

    @Test func theDriverRunsOnPollAlone() async throws {
        try await RedisServer.with { server in
            let reactor = try Reactor(poller: PollPoller(), time: SystemTime())
            defer { reactor.stop() }
            let client = try RedisClient(RedisConfiguration(url: server.url()), on: reactor)
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for task in 0..<32 {
                    group.addTask { try await client.send(.increment("k:\(task)", by: task)).integer() }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 496)
            let value = [UInt8](repeating: 1, count: 8 << 20)
            try await client.send(.set("large", value))
            let echo = try await client.send(.get("large")).bytes()
            #expect(echo == value)
        }
    }
}
