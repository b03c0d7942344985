import Determinism
import Testing

@testable import RedisDriver

@Suite("Commands")
struct CommandTests {
    private func wire(_ command: RedisCommand) -> String {
        var bytes: [UInt8] = []
        command.encode(into: &bytes)
        #expect(bytes.count == command.byteCount)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func commandsAreWrittenAsRESP() {
        #expect(wire(.ping) == "*1\r\n$4\r\nPING\r\n")
        #expect(wire(.get("kä")) == "*2\r\n$3\r\nGET\r\n$3\r\nkä\r\n")
        #expect(wire(.set("k", [UInt8]("a\r\nb".utf8))) == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n")
        let timed = RedisCommand.set("k", "v", .expiring(after: .milliseconds(1_500), .ifAbsent))
        #expect(wire(timed) == "*6\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nPX\r\n$4\r\n1500\r\n$2\r\nNX\r\n")
        #expect(wire(.delete("a", "b")) == "*3\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nb\r\n")
        #expect(wire(RedisCommand("ZADD", "z", 1.5, "m")) == "*4\r\n$4\r\nZADD\r\n$1\r\nz\r\n$3\r\n1.5\r\n$1\r\nm\r\n")
        #expect(wire(RedisCommand("A", "")) == "*2\r\n$1\r\nA\r\n$0\r\n\r\n")
        var eleven = RedisCommand("MGET")
        eleven.append(contentsOf: (0..<10).map { "k\($0)" })
        #expect(wire(eleven).hasPrefix("*11\r\n$4\r\nMGET\r\n$2\r\nk0\r\n"))
    }

    @Test(arguments: [0, 1, -1, 9, 10, 99, 100, -12_345, Int.max, Int.min])
    func numbersGoAsDigits(number: Int) {
        let digits = "\(number)"
        #expect(wire(.increment("k", by: number)).hasSuffix("$\(digits.utf8.count)\r\n\(digits)\r\n"))
    }

    @Test func partsAreReadBack() {
        let command = RedisCommand("SET", "k\r\n$3", [0x0D, 0x0A], 12)
        #expect(
            command.parts.map { Array($0) } == [
                Array("SET".utf8), Array("k\r\n$3".utf8), [0x0D, 0x0A], Array("12".utf8),
            ])
        #expect(command.name == "SET" && command.argumentCount == 3)
    }

    @Test func descriptionsHoldNoArgument() {
        let command = RedisCommand("SET", "session", "hunter2")
        for text in ["\(command)", String(reflecting: command), "\(Mirror(reflecting: command).children.map(\.value))"]
        {
            #expect(!text.contains("hunter2") && !text.contains("session"))
        }
        #expect("\(command)" == "SET with 2 argument(s)")
    }

    @Test(arguments: [
        "SUBSCRIBE", "psubscribe", "UNSUBSCRIBE", "MULTI", "exec", "WATCH", "SELECT", "AUTH", "HELLO", "QUIT", "RESET",
        "MONITOR", "BLPOP", "brpop", "BLMOVE", "WAIT", "",
    ])
    func commandsThatWouldHarmOthersAreRefused(name: String) {
        #expect(CommandRefusal.reason(RedisCommand(name, "a", "b"), allowsBlocking: false) != nil)
    }

    @Test func otherCommandsAreNot() {
        for name in ["GET", "SET", "DEL", "EXPIRE", "ZADD", "SCARD", "PING", "XADD", "CLIENT", "BITCOUNT", "EVALSHA"] {
            #expect(CommandRefusal.reason(RedisCommand(name, "a", "b"), allowsBlocking: false) == nil, "\(name)")
        }
        #expect(CommandRefusal.reason(RedisCommand("BLPOP", "a", 0), allowsBlocking: true) == nil)
        #expect(CommandRefusal.reason(RedisCommand("CLIENT", "reply", "OFF"), allowsBlocking: true) != nil)
        let read = RedisCommand("XREAD", "COUNT", 1, "STREAMS", "block", "0")
        #expect(CommandRefusal.reason(read, allowsBlocking: false) == nil, "a stream of that name blocks nobody")
        let wait = RedisCommand("XREAD", "block", 0, "STREAMS", "s", "$")
        #expect(CommandRefusal.reason(wait, allowsBlocking: false) != nil)
        #expect(CommandRefusal.reason(wait, allowsBlocking: true) == nil)
        // The options stand in any order, and the names of a group and of its member may be any words.
        let late = RedisCommand("XREADGROUP", "GROUP", "streams", "c", "BLOCK", 0, "STREAMS", "s", ">")
        #expect(CommandRefusal.reason(late, allowsBlocking: false) != nil)
        let early = RedisCommand("XREADGROUP", "BLOCK", 0, "GROUP", "g", "c", "STREAMS", "s", ">")
        #expect(CommandRefusal.reason(early, allowsBlocking: false) != nil)
        let none = RedisCommand("XREADGROUP", "GROUP", "block", "block", "STREAMS", "s", ">")
        #expect(CommandRefusal.reason(none, allowsBlocking: false) == nil)
    }
}
