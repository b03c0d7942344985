import Determinism
import Foundation
import ProcessTestKit
import RedisDriver
import RedisTestKit
import Testing

/// What TLS adds; suites that hold for both ways run over it, too (``Wire``).
@Suite("Redis over TLS", .serialized, .timeLimit(.minutes(2)))
struct TLSLiveTests {
    private func encrypted(_ change: (inout RedisEncryption) -> Void = { _ in }) -> RedisOptions {
        var (options, encryption) = (RedisOptions(), RedisEncryption())
        change(&encryption)
        options.encryption = encryption
        return options
    }

    /// That the client cannot connect, says so in time, and with these words.
    private func expectRefusal(
        _ live: LiveServer, _ url: String, _ words: [String], _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let client = try live.client(url) { $0.connectionCount = 1 }
        let began = live.time.instant()
        let failure = await client.failure(.ping, timeout: .seconds(20))
        #expect(failure?.code == .connect && failure?.effect == .notSent, "\(failure as Any)", sourceLocation: location)
        #expect(live.time.instant() - began < .seconds(10), sourceLocation: location)
        for word in words {
            #expect(failure?.reason.contains(word) == true, "\(failure as Any)", sourceLocation: location)
        }
        #expect(client.statistics.openConnections == 0, sourceLocation: location)
        client.close()
    }

    @Test func manyTasksExchangeLargeValues() async throws {
        try await LiveServer.with(encrypted()) { live in
            let client = try live.client()
            let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
                for task in 0..<24 {
                    group.addTask {
                        var value = [UInt8](repeating: UInt8(task), count: 1 << 20)
                        for place in 0..<1_000 { value[place * 1_000 + task] = UInt8(place % 251) }
                        var wrong = 0
                        for round in 0..<2 {
                            let key = "large:\(task):\(round)"
                            let answers = await client.pipeline(
                                [.set(key, value), RedisCommand("ECHO", key), .get(key)], timeout: .seconds(60))
                            try #require(answers.count == 3)
                            if try answers[1].get().text() != key { wrong += 1 }
                            if try answers[2].get().bytes() != value { wrong += 1 }
                        }
                        return wrong
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(wrong == 0 && client.statistics.losses == 0)
            #expect(client.statistics.bytesSent > 48 << 20 && client.statistics.bytesReceived > 48 << 20)
        }
    }

    @Test func passwordDatabaseAndNameGoThroughIt() async throws {
        var options = encrypted()
        options.password = "hunter2"
        try await LiveServer.with(options) { live in
            let client = try live.client(live.server.url(host: "localhost", database: 3, "client_name=sealed"))
            try await client.send(.set("k", "v"))
            let list = try await live.server.cli("CLIENT", "LIST")
            let line = list.split(separator: "\n").first { $0.contains("name=sealed") }
            #expect(line?.contains("db=3") == true)
            let ca = live.server.authorityFile.path
            let wrong = try live.client("rediss://:wrongone@127.0.0.1:\(live.server.port)?ca=\(ca)")
            let failure = await wrong.failure(.ping)
            #expect(failure?.server?.code == .wrongPassword && failure?.code == .connect)
            #expect(failure?.description.contains("wrongone") == false)
        }
    }

    @Test func aServerThatCannotBeBelievedIsRefusedWithWhatToDo() async throws {
        try await LiveServer.with(encrypted { $0.names = ["DNS:cache.example"] }) { live in
            let (port, ca) = (live.server.port, live.server.authorityFile.path)
            let other = try await TestAuthority("other", in: live.server.folder)
            try await expectRefusal(
                live, "rediss://127.0.0.1:\(port)?server_name=cache.example", ["certificate", "ca=PATH"])
            try await expectRefusal(
                live,
                "rediss://127.0.0.1:\(port)?server_name=cache.example&ca=\(other.certificate.certificateFile.path)",
                ["certificate", "the file of ca="])
            try await expectRefusal(
                live, "rediss://127.0.0.1:\(port)?ca=\(ca)", ["certificate", "“127.0.0.1”", "server_name="])
            try await expectRefusal(
                live, "rediss://127.0.0.1:\(port)?ca=\(ca)&server_name=shop.example", ["certificate", "“shop.example”"])
            for options in ["ca=\(ca)&server_name=cache.example", "ca=\(ca)&verify=ca", "verify=none"] {
                let pong = try await live.client("rediss://127.0.0.1:\(port)?\(options)").send(.ping).text()
                #expect(pong == "PONG", "\(options)")
            }
        }
    }

    @Test func aCertificateThatHasExpiredIsRefused() async throws {
        try await LiveServer.with(encrypted { $0.hasExpired = true }) { live in
            try await expectRefusal(live, live.server.url(), ["certificate", "expired", "clock"])
        }
    }

    @Test func aServerThatDemandsACertificateGetsOne() async throws {
        try await LiveServer.with(encrypted { $0.demandsCertificate = true }) { live in
            let (port, ca) = (live.server.port, live.server.authorityFile.path)
            let pong = try await live.client().send(.ping).text()
            #expect(pong == "PONG")
            try await expectRefusal(live, "rediss://127.0.0.1:\(port)?ca=\(ca)", ["cert=PATH&key=PATH"])
            let stranger = try await TestAuthority("other", in: live.server.folder).issue("stranger", names: [])
            let (certificate, key) = (stranger.certificateFile.path, stranger.keyFile.path)
            try await expectRefusal(
                live, "rediss://127.0.0.1:\(port)?ca=\(ca)&cert=\(certificate)&key=\(key)",
                ["does not accept this client's certificate"])
        }
    }

    @Test func aClientOfTheOtherKindIsToldInTime() async throws {
        try await LiveServer.with(encrypted()) { live in
            try await expectRefusal(live, "redis://127.0.0.1:\(live.server.port)", ["rediss://"])
        }
        try await LiveServer.with { live in
            // What the server makes of the first message depends on whether a line ends in it.
            for _ in 0..<5 {
                try await expectRefusal(
                    live, "rediss://127.0.0.1:\(live.server.port)?verify=none&connect_timeout=500", ["redis://"])
            }
            let listener = try GarbageServer()
            defer { listener.stop() }
            try await expectRefusal(live, "rediss://127.0.0.1:\(listener.port)?verify=none", ["does not speak TLS"])
        }
    }

    @Test func aConnectionThatIsCutWithinARecordIsLostAndGivesNothing() async throws {
        try await LiveServer.with(encrypted()) { live in
            let proxy = try live.server.proxy()
            let client = try live.client(live.server.url(port: proxy.port)) {
                ($0.connectionCount, $0.reconnectLimit) = (1, .milliseconds(100))
            }
            let value = [UInt8](repeating: 7, count: 32 << 20)
            try await client.send(.set("large", value), timeout: .seconds(60))
            let before = client.statistics.bytesReceived
            // Slow enough to be met in the middle.
            proxy.delay(by: .milliseconds(100))
            async let answer = client.pipeline(
                [.increment("n"), .get("large"), .increment("n")], timeout: .seconds(60))
            try await Poll.untilTrue("a part of the answer", every: .milliseconds(1)) {
                client.statistics.bytesReceived > before + (1 << 20)
            }
            proxy.cut()
            let results = await answer
            proxy.delay(by: .zero)
            #expect(results.count == 3)
            #expect(try results[0].get() == .integer(1), "it had come as a whole")
            for result in results.dropFirst() {
                let failure = #expect(throws: RedisError.self) { try result.get() }
                #expect(failure?.code == .connectionLost && failure?.effect == .unknown)
            }
            try await Poll.untilTrue("it to be connected again") { client.statistics.openConnections == 1 }
            let whole = try await client.send(.get("large"), timeout: .seconds(60)).bytes()
            #expect(whole == value)
        }
    }

    @Test func aClosedClientSaysGoodbye() async throws {
        var options = encrypted()
        options.settings["loglevel"] = "verbose"
        try await LiveServer.with(options) { live in
            let client = try live.client { $0.connectionCount = 1 }
            try await client.send(.ping)
            client.close()
            // Redis 7.0 and later ones call it differently; an end without a farewell is an error of TLS for each.
            try await Poll.untilTrue("the server to see the end") {
                live.server.log.contains("Reading from client") || live.server.log.contains("Client closed connection")
            }
            #expect(!live.server.log.contains("unexpected eof"), "\(live.server.log)")
        }
    }
}
