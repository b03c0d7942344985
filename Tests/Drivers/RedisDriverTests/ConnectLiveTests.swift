import Determinism
import Foundation
import ProcessTestKit
import RedisDriver
import RedisTestKit
import Synchronization
import Testing

@Suite("Connecting to Redis", .serialized, .timeLimit(.minutes(2)))
struct ConnectLiveTests {
    @Test func passwordsAndUsers() async throws {
        var options = RedisOptions()
        options.password = "hunter2"
        options.users = ["shop on >s3cret ~cart:* +@all -ping -client", "gone off >x ~* +@all"]
        try await LiveServer.with(options) { live in
            let port = live.server.port
            let pong = try await live.client().send(.ping).text()
            #expect(pong == "PONG")
            let user = try live.client("redis://shop:s3cret@127.0.0.1:\(port)")
            try await user.send(.set("cart:1", "x"))
            let denied = await user.failure(.set("other", "x"))
            #expect(denied?.server?.code == .noPermission, "connected, though PING is not allowed: \(denied as Any)")
            for (url, code) in [
                ("redis://:wrongone@127.0.0.1:\(port)", RedisServerError.Code.wrongPassword),
                ("redis://gone:x@127.0.0.1:\(port)", .wrongPassword),
                ("redis://127.0.0.1:\(port)", .notAuthenticated),
            ] {
                let failure = await (try live.client(url)).failure(.ping)
                #expect(failure?.server?.code == code && failure?.code == .connect && failure?.effect == .notSent)
                #expect(failure?.description.contains("wrongone") == false)
            }
        }
    }

    @Test func databaseAndName() async throws {
        try await LiveServer.with { live in
            let first = try live.client()
            let third = try live.client(live.server.url(database: 3, "client_name=third", "connections=1"))
            try await third.send(.set("here", "x"))
            let elsewhere = try await first.send(.get("here"))
            #expect(elsewhere.isNull)
            let list = try await live.server.cli("CLIENT", "LIST")
            let line = list.split(separator: "\n").first { $0.contains("name=third") }
            #expect(line?.contains("db=3") == true)
            #expect(list.contains("name=pantry"))
            let missing = await (try live.client(live.server.url(database: 99))).failure(.ping)
            #expect(missing?.reason.contains("SELECT") == true && missing?.code == .connect)
            // The database is there after a reconnect, too.
            try await live.server.cli("CLIENT", "KILL", "TYPE", "normal")
            try await Poll.untilTrue("the connection to be made again") {
                third.statistics.connects == 2 && third.statistics.openConnections == 1
            }
            let again = try await third.send(.get("here")).text()
            #expect(again == "x")
        }
    }

    @Test func socketsAndIPv6() async throws {
        var options = RedisOptions()
        options.hasSocket = true
        options.settings["bind"] = "127.0.0.1 -::1"
        try await LiveServer.with(options) { live in
            let local = try live.client("unix://\(live.server.socketPath)?database=1")
            let pong = try await local.send(.ping).text()
            #expect(pong == "PONG")
            let list = try await live.server.cli("CLIENT", "LIST", "TYPE", "normal")
            #expect(list.contains(live.server.socketPath))
            let six = try live.client("redis://[::1]:\(live.server.port)") { $0.unreachable = .fail }
            let failure = await six.failure(.ping)
            // A machine without IPv6 says so.
            #expect(failure == nil || failure?.code == .connect)
            let named = try live.client("redis://localhost:\(live.server.port)")
            let second = try await named.send(.ping).text()
            #expect(second == "PONG", "one of the name's addresses answers")
        }
    }

    @Test func aServerThatIsNotThereIsSaidAtOnceAndFoundLater() async throws {
        let observer = Events()
        try await LiveServer.with(starts: false) { live in
            let client = try live.client(observer: observer) { $0.reconnectLimit = .milliseconds(100) }
            let began = live.time.instant()
            let failure = await client.failure(.ping, timeout: .seconds(60))
            #expect(failure?.code == .connect && failure?.isSafeToRepeat == true)
            #expect(live.time.instant() - began < .seconds(20))
            #expect(client.statistics.failedConnects > 0 && client.statistics.openConnections == 0)
            let patient = try live.client { ($0.unreachable, $0.reconnectLimit) = (.wait, .milliseconds(100)) }
            let late = await patient.failure(.ping, timeout: .milliseconds(200))
            #expect(late?.code == .timeout && late?.effect == .notSent)
            async let waiting = patient.send(.ping, timeout: .seconds(20))
            try await live.server.start()
            let pong = try await waiting.text()
            #expect(pong == "PONG")
            try await Poll.untilTrue("the impatient to be connected") { client.statistics.openConnections == 2 }
            let text = try await client.send(.ping).text()
            #expect(text == "PONG")
            #expect(observer.texts.withLock { $0 }.contains("failed"))
            #expect(observer.texts.withLock { $0 }.contains("connected"))
        }
    }

    @Test func aServerThatLoadsIsWaitedFor() async throws {
        var options = RedisOptions()
        options.settings = [
            "enable-debug-command": "yes", "dbfilename": "dump.rdb", "loading-process-events-interval-bytes": "1024",
        ]
        try await LiveServer.with(options) { live in
            func count(_ mark: String) -> Int { live.server.log.components(separatedBy: mark).count - 1 }
            try await live.server.cli("DEBUG", "POPULATE", "2000")
            try await live.server.cli("SAVE")
            try await live.server.kill9()
            // Each key takes two milliseconds to load: together four seconds in which to find the server at it.
            live.server.configure { $0.settings["key-load-delay"] = "2000" }
            let process = try live.server.startWithoutWaiting()
            try await Poll.untilTrue("the server to listen") { count("Server initialized") == 2 }
            let client = try live.client { ($0.connectTimeout, $0.unreachable) = (.seconds(20), .wait) }
            #expect(count("Ready to accept connections") == 1, "it loads")
            let pong = try await client.send(.ping, timeout: .seconds(30)).text()
            #expect(pong == "PONG" && count("Ready to accept connections") == 2)
            #expect(client.statistics.failedConnects == 0, "the first attempt was the last")
            let size = try await client.send(RedisCommand("DBSIZE")).integer()
            #expect(size == 2_000 && process.poll() == nil)
        }
    }

    @Test func aServerWithoutRoomSaysSo() async throws {
        var options = RedisOptions()
        options.clientLimit = 4
        try await LiveServer.with(options) { live in
            let first = try live.client { $0.connectionCount = 4 }
            _ = await first.failure(.ping)
            try await Poll.untilTrue("all four to be there") { first.statistics.openConnections == 4 }
            let second = try live.client { $0.reconnectLimit = .milliseconds(50) }
            let failure = await second.failure(.ping)
            #expect(failure?.server?.code == .tooManyClients && failure?.effect == .notSent)
            first.close()
            try await Poll.untilTrue("there to be room") { second.statistics.openConnections == 2 }
            let pong = try await second.send(.ping).text()
            #expect(pong == "PONG")
        }
    }

    @Test func memoryAndReplicasRefuseByTheirCodes() async throws {
        var options = RedisOptions()
        options.memoryLimit = 100_000
        try await LiveServer.with(options) { live in
            let client = try live.client()
            let full = await client.failure(.set("k", "v"))
            #expect(full?.server?.code == .outOfMemory)
            try await live.server.cli("CONFIG", "SET", "maxmemory", "0")
            try await live.server.cli("REPLICAOF", "127.0.0.1", "1")
            let replica = await client.failure(.set("k", "v"))
            #expect(replica?.server?.code == .readOnly)
            try await live.server.cli("REPLICAOF", "NO", "ONE")
            // A script that runs on: the server serves nothing else and says so.
            try await live.server.cli("CONFIG", "SET", "busy-reply-threshold", "50")
            let other = try live.client { $0.connectionCount = 1 }
            try await other.send(.ping)
            async let endless = client.failure(RedisCommand("EVAL", "while true do end", 0), timeout: .seconds(20))
            try await Poll.untilTrue("the server to be busy") {
                await other.failure(.get("k"), timeout: .seconds(2))?.server?.code == .busy
            }
            // Whoever comes now waits until it is over, as for a server that loads its data.
            async let late = live.client().send(.ping, timeout: .seconds(20))
            try await other.send(RedisCommand("SCRIPT", "KILL"))
            let pong = try await late.text()
            #expect(pong == "PONG")
            let killed = await endless
            #expect(killed?.code == .server)
        }
    }

    private final class Events: RedisObserver {
        let texts = Mutex<[String]>([])
        func connected(_ connection: Int) { texts.withLock { $0.append("connected") } }
        func connectFailed(_ connection: Int, _ error: RedisError) { texts.withLock { $0.append("failed") } }
        func lost(_ connection: Int, _ error: RedisError) { texts.withLock { $0.append("lost") } }
    }
}
