import Determinism
import ProcessTestKit
import RedisDriver
import RedisTestKit
import Testing

@Suite("Subscriptions", .serialized, .timeLimit(.minutes(2)))
struct SubscriptionLiveTests {
    private func texts(_ subscription: RedisSubscription, _ count: Int) async -> [String] {
        var texts: [String] = []
        for await event in subscription {
            switch event {
            case .message(let message): texts.append("\(message.pattern ?? "")|\(message.channel)|\(message.text)")
            case .gap(let gap): texts.append("gap \(gap.droppedCount) \(gap.wasInterrupted)")
            }
            if texts.count == count { break }
        }
        return texts
    }

    @Test(arguments: Wire.allCases)
    func messagesComeByNameAndPattern(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client()
            let subscription = try await client.subscribe(to: ["a", "b"], patterns: ["p.*"])
            for (channel, text) in [("a", "1"), ("p.x", "2"), ("c", "3"), ("b", "4")] {
                try await client.send(.publish(text, to: channel))
            }
            let texts = await texts(subscription, 3)
            #expect(texts == ["|a|1", "p.*|p.x|2", "|b|4"])
            let none = await #expect(throws: RedisError.self) { try await client.subscribe() }
            #expect(none?.code == .invalidRequest)
            let twice = await #expect(throws: RedisError.self) { try await client.subscribe(to: ["a", "a"]) }
            #expect(twice?.code == .invalidRequest)
            subscription.close()
            let rest = await self.texts(subscription, 1)
            #expect(rest.isEmpty, "the end")
        }
    }

    @Test(arguments: Wire.allCases)
    func aLossIsAGapAndThenMessagesComeAgain(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client { ($0.reconnectLimit, $0.unreachable) = (.milliseconds(50), .wait) }
            let subscription = try await client.subscribe(to: ["a"])
            try await client.send(.publish("before", to: "a"))
            let before = await texts(subscription, 1)
            #expect(before == ["|a|before"])
            for mode in 0..<3 {
                switch mode {
                case 0: try await live.server.cli("CLIENT", "KILL", "TYPE", "pubsub")
                case 1:
                    try await live.server.kill9()
                    try await live.server.start()
                default: try await live.server.restart()
                }
                let gap = await texts(subscription, 1)
                #expect(gap == ["gap 0 true"])
                try await client.send(.publish("after \(mode)", to: "a"), timeout: .seconds(10))
                let after = await texts(subscription, 1)
                #expect(after == ["|a|after \(mode)"], "it was in force before the gap was told")
            }
        }
    }

    @Test(arguments: Wire.allCases)
    func aStoppedServerIsNoticedBySilence(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client {
                // So long that a busy machine's answer to a probe is in time.
                ($0.subscriptionProbeInterval, $0.reconnectLimit) = (.seconds(1), .milliseconds(50))
                $0.connectTimeout = .seconds(1)
            }
            let subscription = try await client.subscribe(to: ["a"])
            #expect(subscription.isInForce)
            live.server.suspend()
            async let gap = texts(subscription, 1)
            let failure = await client.failure(.ping, timeout: .seconds(1))
            #expect(failure != nil)
            try await Poll.untilTrue("the silence to be noticed", within: .seconds(30)) { !subscription.isInForce }
            live.server.resume()
            let told = await gap
            #expect(told == ["gap 0 true"] && subscription.isInForce)
            // An idle one that is answered stays.
            try await client.send(.publish("x", to: "a"))
            let next = await texts(subscription, 1)
            #expect(next == ["|a|x"])
        }
    }

    @Test(arguments: Wire.allCases)
    func aSlowReaderLosesTheOldestAndIsToldSo(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client()
            let subscription = try await client.subscribe(to: ["a"], bufferLimit: 10)
            for number in 0..<1_000 { try await client.send(.publish("\(number)", to: "a")) }
            try await Poll.untilTrue("all to be there") { subscription.droppedCount == 990 }
            let texts = await texts(subscription, 11)
            #expect(texts.first == "gap 990 false")
            #expect(texts.dropFirst() == (990..<1_000).map { "|a|\($0)" }[...])
        }
    }

    @Test func subscribingFailsWithTheReason() async throws {
        var options = RedisOptions()
        options.users = ["shop on >s3cret ~* &allowed +@all"]
        try await LiveServer.with(options) { live in
            let client = try live.client("redis://shop:s3cret@127.0.0.1:\(live.server.port)")
            let denied = await #expect(throws: RedisError.self) { try await client.subscribe(to: ["other"]) }
            #expect(denied?.server?.code == .noPermission)
            let subscription = try await client.subscribe(to: ["allowed"])
            subscription.close()
            try await live.server.stop()
            let gone = await #expect(throws: RedisError.self) { try await client.subscribe(to: ["allowed"]) }
            #expect(gone?.code == .connect)
            let patient = try live.client { $0.unreachable = .wait }
            let late = await #expect(throws: RedisError.self) {
                try await patient.subscribe(to: ["allowed"], timeout: .milliseconds(200))
            }
            #expect(late?.code == .timeout)
        }
    }

    @Test(arguments: Wire.allCases)
    func whoLetsGoOfASubscriptionEndsIt(over wire: Wire) async throws {
        try await LiveServer.with(wire.options) { live in
            let client = try live.client()
            var subscription: RedisSubscription? = try await client.subscribe(to: ["a"])
            let count = try await live.server.cli("PUBSUB", "NUMSUB", "a")
            #expect(count.contains("1"))
            #expect(subscription?.droppedCount == 0)
            subscription = nil
            try await Poll.untilTrue("the server to see it gone") {
                try await live.server.cli("PUBSUB", "NUMSUB", "a").hasSuffix("0")
            }
        }
    }
}
