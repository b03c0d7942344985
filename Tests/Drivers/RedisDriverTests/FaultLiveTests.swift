import Determinism
import DeterminismTestKit
import ProcessTestKit
import RedisDriver
import RedisTestKit
import SocketReactor
import Testing

/// Timeouts, cancellation, and servers and networks that go away.
@Suite("Redis going wrong", .serialized, .timeLimit(.minutes(3)))
struct FaultLiveTests {
    @Test(arguments: Wire.allCases)
    func aCancelledCallerReturnsAtOnceAndNobodyGetsItsReply(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client { $0.connectionCount = 1 }
            try await client.send(.ping)
            live.server.suspend()
            let began = live.time.instant()
            let outcome = await withTaskGroup(of: RedisError?.self) { group in
                group.addTask { await client.failure(.set("k", "cancelled"), timeout: .seconds(60)) }
                try? await Poll.untilTrue("it to be sent") { client.statistics.inFlight == 1 }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(outcome?.code == .cancelled && outcome?.effect == .unknown)
            #expect(live.time.instant() - began < .seconds(20))
            async let other = client.send(.get("k"))
            try await Poll.untilTrue("the other to be sent") { client.statistics.inFlight == 2 }
            live.server.resume()
            let text = try await other.text()
            #expect(text == "cancelled", "the server had executed it; its OK was dropped")
            #expect(client.statistics.cancelled == 1 && client.statistics.losses == 0)
            let before = await withTaskGroup(of: RedisError?.self) { group in
                group.cancelAll()
                group.addTask { await client.failure(.ping) }
                return await group.next() ?? nil
            }
            #expect(before?.code == .cancelled && before?.effect == .notSent)
        }
    }

    @Test(arguments: Wire.allCases)
    func randomCancellationsMixNothingUp(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client()
            let wrong = await withTaskGroup(of: Int.self) { group in
                for task in 0..<48 {
                    group.addTask {
                        let random = SeededRandom(seed: UInt64(task))
                        var wrong = 0
                        for round in 0..<100 {
                            let text = "\(task)/\(round)"
                            let answer = await withTaskGroup(of: String?.self) { inner in
                                inner.addTask { try? await client.send(RedisCommand("ECHO", text)).text() }
                                if random.next(below: 3) == 0 { inner.cancelAll() }
                                return await inner.next() ?? nil
                            }
                            if let answer, answer != text { wrong += 1 }
                        }
                        return wrong
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(wrong == 0)
            try await Poll.untilTrue("all replies to be in") { client.statistics.inFlight == 0 }
            #expect(client.statistics.losses == 0)
        }
    }

    @Test(arguments: Wire.allCases)
    func aStoppedServerTimesOutAndItsConnectionIsDropped(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client {
                // The command's own time is to be over first, however late the machine notices.
                ($0.stallTimeout, $0.connectTimeout) = (.seconds(1), .seconds(1))
                ($0.connectionCount, $0.reconnectLimit) = (1, .milliseconds(100))
            }
            try await client.send(.ping)
            live.server.suspend()
            let began = live.time.instant()
            let failure = await client.failure(.set("k", "v"), timeout: .milliseconds(200))
            #expect(failure?.code == .timeout && failure?.effect == .unknown)
            #expect(live.time.instant() - began < .seconds(20))
            try await Poll.untilTrue("the connection to be dropped") { client.statistics.losses >= 1 }
            // The kernel takes connections for it; nobody answers.
            try await Poll.untilTrue("an attempt to fail") { client.statistics.failedConnects >= 1 }
            let fast = await client.failure(.ping, timeout: .seconds(30))
            #expect(fast?.code == .connect && fast?.effect == .notSent)
            live.server.resume()
            try await Poll.untilTrue("the connection to be back") { client.statistics.openConnections == 1 }
            let pong = try await client.send(.ping).text()
            #expect(pong == "PONG")
            #expect(client.statistics.timeouts == 1)
        }
    }

    @Test(arguments: Wire.allCases)
    func inFlightCommandsAreBounded(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client {
                ($0.connectionCount, $0.inFlightLimit, $0.waitingLimit, $0.stallTimeout) = (1, 10, 20, .seconds(60))
                $0.groupLimit = 100
            }
            try await client.send(.ping)
            live.server.suspend()
            let outcomes = await withTaskGroup(of: RedisError?.self) { group in
                for task in 0..<50 {
                    group.addTask { await client.failure(.increment("n", by: task), timeout: .seconds(30)) }
                }
                try? await Poll.untilTrue("the line to be full") {
                    client.statistics.refused + client.statistics.inFlight == 50
                }
                live.server.resume()
                return await group.reduce(into: [RedisError?]()) { $0.append($1) }
            }
            let refused = outcomes.compactMap(\.self)
            // 20 wait, and 10 are sent, or fewer while somebody else is still sending.
            #expect((20...30).contains(refused.count))
            #expect(refused.allSatisfy { $0.code == .overloaded && $0.isSafeToRepeat })
            #expect(outcomes.count == 50)
        }
    }

    /// What each caller was told is compared with what the server has.
    @Test(arguments: Wire.allCases)
    func killsAndRestartsUnderLoad(over wire: Wire) async throws {
        var options = wire.options
        options.isDurable = true
        try await LiveServer.with(options) { live in
            let client = try live.client { ($0.unreachable, $0.reconnectLimit) = (.wait, .milliseconds(100)) }
            let isOver = Flag()
            let records = try await withThrowingTaskGroup(of: Record.self) { group in
                for task in 0..<64 { group.addTask { await Self.hammer(client, task, until: isOver) } }
                for round in 0..<4 {
                    let commands = client.statistics.commands
                    try await Poll.untilTrue("commands to flow", within: .seconds(30)) {
                        client.statistics.commands > commands + 2_000
                    }
                    if round % 2 == 0 { try await live.server.kill9() } else { try await live.server.stop() }
                    try await live.server.start()
                }
                let commands = client.statistics.commands
                try await Poll.untilTrue("commands to flow", within: .seconds(30)) {
                    client.statistics.commands > commands + 2_000
                }
                isOver.raise()
                return try await group.reduce(into: [Record]()) { $0.append($1) }
            }
            #expect(records.allSatisfy { $0.wrongAnswers == 0 })
            var unknown = 0
            for record in records {
                let stored = try await client.send(.get(record.key), timeout: .seconds(10)).optionalText()
                let count = stored.flatMap { Int($0) } ?? 0
                // Each increment that was answered is there, none twice, and none that was not sent.
                #expect(count >= record.answered && count <= record.answered + record.unknown, "\(record)")
                unknown += record.unknown
            }
            #expect(client.statistics.losses >= 4 && client.statistics.inFlight == 0)
            #expect(records.count == 64 && unknown > 0, "the kills hit nobody")
        }
    }

    private struct Record {
        let key: String
        var answered = 0
        var unknown = 0
        var notSent = 0
        var wrongAnswers = 0
    }

    private static func hammer(_ client: RedisClient, _ task: Int, until isOver: Flag) async -> Record {
        var record = Record(key: "count:\(task)")
        while !isOver.isRaised {
            do throws(RedisError) {
                let value = try await client.send(.increment(record.key), timeout: .seconds(20)).integer()
                record.answered += 1
                let isPossible = value >= record.answered && value <= record.answered + record.unknown
                if !isPossible { record.wrongAnswers += 1 }
                let echo = try await client.send(RedisCommand("ECHO", record.key), timeout: .seconds(20)).text()
                if echo != record.key { record.wrongAnswers += 1 }
            } catch {
                switch error.effect {
                case .unknown: record.unknown += 1
                case .notSent: record.notSent += 1
                case .answered: record.wrongAnswers += 1
                }
            }
        }
        return record
    }

    @Test func aLostAnswerIsUnknownAndALostRequestIsNotExecuted() async throws {
        try await LiveServer.with { live in
            let proxy = try live.server.proxy()
            let client = try live.client(live.server.url(port: proxy.port)) { $0.connectionCount = 1 }
            try await client.send(.ping)
            proxy.cutOnce(at: Array("lost-answer".utf8), .insteadOfReply(reply: Array("+OK\r\n".utf8)))
            let answer = await client.failure(.set("lost-answer", "1"))
            #expect(answer?.code == .connectionLost && answer?.effect == .unknown)
            let there = try await live.server.cli("GET", "lost-answer")
            #expect(there == "1")
            try await Poll.untilTrue("it to be connected again") { client.statistics.openConnections == 1 }
            proxy.cutOnce(at: Array("lost-request".utf8), .beforeRequest)
            let request = await client.failure(.set("lost-request", "1"))
            #expect(request?.code == .connectionLost && request?.effect == .unknown, "nobody here can know")
            let absent = try await live.server.cli("GET", "lost-request")
            #expect(absent.isEmpty)
            try await Poll.untilTrue("it to be connected again") { client.statistics.openConnections == 1 }
            // An idle connection's loss is seen and mended without anybody asking.
            proxy.refuse()
            try await Poll.untilTrue("the loss to be seen") { client.statistics.openConnections == 0 }
            proxy.accept()
            try await Poll.untilTrue("it to be connected again") { client.statistics.openConnections == 1 }
            let pong = try await client.send(.ping).text()
            #expect(pong == "PONG")
        }
    }

    @Test func aServerOfAnotherProtocolIsLeft() async throws {
        try await LiveServer.with { live in
            let listener = try GarbageServer()
            defer { listener.stop() }
            let lost = try live.client("redis://127.0.0.1:\(listener.port)") { $0.connectionCount = 1 }
            let failure = await lost.failure(.ping)
            #expect(failure?.code == .protocolViolation && failure?.effect == .notSent)
        }
    }

    @Test(arguments: Wire.allCases)
    func theEndOfClientAndReactorIsToldToAll(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client { $0.connectionCount = 1 }
            try await client.send(.ping)
            live.server.suspend()
            async let slow = client.failure(.ping, timeout: .seconds(30))
            try await Poll.untilTrue("it to be sent") { client.statistics.inFlight == 1 }
            client.close()
            let closed = await slow
            #expect(closed?.code == .closed && closed?.effect == .unknown)
            let late = await client.failure(.ping)
            #expect(late?.code == .closed && late?.effect == .notSent)
            live.server.resume()

            let reactor = try Reactor(time: SystemTime())
            let other = try RedisClient(RedisConfiguration(url: live.server.url()), on: reactor)
            try await other.send(.ping)
            reactor.stop()
            try await Poll.untilTrue("the end to be told") { await other.failure(.ping)?.code == .closed }
            let never = try RedisClient(RedisConfiguration(url: live.server.url()), on: reactor)
            let ended = await never.failure(.ping)
            #expect(ended?.code == .closed)
        }
    }

    @Test func aClientThatNobodyHoldsLeavesNoConnection() async throws {
        try await LiveServer.with { live in
            var client: RedisClient? = try live.client(live.server.url("client_name=forgotten"))
            try await client?.send(.ping)
            let list = try await live.server.cli("CLIENT", "LIST")
            #expect(list.contains("name=forgotten"))
            client = nil
            try await Poll.untilTrue("the server to see it gone") {
                try await !live.server.cli("CLIENT", "LIST").contains("name=forgotten")
            }
        }
    }
}
