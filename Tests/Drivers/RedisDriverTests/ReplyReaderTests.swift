import Determinism
import Testing

@testable import RedisDriver

/// hiredis' parser and what makes values of it.
@Suite("Reading replies")
struct ReplyReaderTests {
    /// Replies of these bytes, fed in pieces of that size; and why it ended.
    private func read(
        _ bytes: [UInt8], piece: Int = .max, limit: Int = 1 << 30
    ) -> (values: [RedisValue], failure: ReplyReader.Failure?) {
        let reader = ReplyReader(replyLimit: limit)
        var values: [RedisValue] = []
        var place = 0
        while place < bytes.count {
            let end = place + min(piece, bytes.count - place)
            let failure = feed(reader, bytes[place..<end]) { values.append($0) }
            if let failure { return (values, failure) }
            place = end
        }
        return (values, nil)
    }

    private func feed(
        _ reader: ReplyReader, _ bytes: ArraySlice<UInt8>, _ take: (RedisValue) -> Void
    ) -> ReplyReader.Failure? {
        bytes.withUnsafeBytes { part -> ReplyReader.Failure? in
            do throws(ReplyReader.Failure) {
                try reader.feed(part, take)
                return nil
            } catch { return error }
        }
    }

    private static func encode(_ value: RedisValue, _ output: inout [UInt8]) {
        switch value {
        case .bulk(let bytes):
            output += Array("$\(bytes.count)\r\n".utf8) + bytes + [13, 10]
        case .integer(let number): output += Array(":\(number)\r\n".utf8)
        case .status(let text): output += Array("+\(text)\r\n".utf8)
        case .null: output += Array("$-1\r\n".utf8)
        case .error(let error): output += Array("-\(error.message)\r\n".utf8)
        case .array(let values):
            output += Array("*\(values.count)\r\n".utf8)
            for value in values { encode(value, &output) }
        }
    }

    private static func value(_ random: SeededRandom, depth: Int = 0) -> RedisValue {
        switch random.next(below: depth < 6 ? 7 : 5) {
        case 0: .integer(Int64(bitPattern: random.next()))
        case 1: .status(["OK", "PONG", "QUEUED", ""][Int(random.next(below: 4))])
        case 2: .null
        case 3: .error(RedisServerError(message: "ERR \(random.next(below: 1_000))"))
        case 4: .bulk((0..<random.next(below: 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        default: .array((0..<random.next(below: 5)).map { _ in value(random, depth: depth + 1) })
        }
    }

    @Test(arguments: 0..<100)
    func repliesThatAreSplitAnywhereAreTheSame(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let values = (0..<20).map { _ in Self.value(random) }
        var bytes: [UInt8] = []
        for value in values { Self.encode(value, &bytes) }
        for piece in [1, 2, 3, 7, 64, .max] {
            let (read, failure) = read(bytes, piece: piece)
            #expect(failure == nil && read == values, "in pieces of \(piece)")
        }
    }

    @Test func repliesAreSplitAtEveryByte() {
        let values: [RedisValue] = [
            .array([.bulk([13, 10, 13]), .array([]), .array([.null, .integer(-3)]), .status("OK")]), .bulk([]), .null,
            .error(RedisServerError(message: "ERR no")), .integer(.min), .integer(.max),
        ]
        var bytes: [UInt8] = []
        for value in values { Self.encode(value, &bytes) }
        for cut in 0...bytes.count {
            let reader = ReplyReader(replyLimit: 1 << 20)
            var read: [RedisValue] = []
            for part in [bytes[..<cut], bytes[cut...]] {
                let failure = feed(reader, part) { read.append($0) }
                #expect(failure == nil)
            }
            #expect(read == values, "cut at \(cut)")
        }
        #expect(read(Array("*-1\r\n".utf8)).values == [.null])
    }

    @Test func aLargeValueIsRead() {
        let value = RedisValue.bulk([UInt8](repeating: 7, count: 20 << 20))
        var bytes: [UInt8] = []
        Self.encode(value, &bytes)
        Self.encode(.integer(1), &bytes)
        #expect(read(bytes, piece: 60_000).values == [value, .integer(1)])
    }

    @Test func aReplyIsBounded() {
        let (values, failure) = read(
            Array("+OK\r\n$5000000\r\n".utf8) + [UInt8](repeating: 1, count: 3 << 20), piece: 65_536, limit: 1 << 20)
        #expect(values == [.status("OK")])
        #expect(failure?.reason.contains("larger than 1048576 bytes") == true)
        // What is only announced takes no memory.
        let announced = read(Array("*2147483646\r\n:1\r\n".utf8))
        #expect(announced.values.isEmpty && announced.failure == nil)
    }

    @Test func manySmallRepliesAreNoLargeOne() {
        var bytes: [UInt8] = []
        for number in 0..<200_000 { Self.encode(.integer(Int64(number)), &bytes) }
        let (values, failure) = read(bytes, piece: 65_536, limit: 64 << 10)
        #expect(values.count == 200_000 && failure == nil)
        #expect(values.last == .integer(199_999))
    }

    @Test(arguments: [
        "hello\r\n", "$abc\r\n", ":12x\r\n", "*99999999999999\r\n", "$-2\r\n", "\0\0\0", "HTTP/1.1 400 Bad Request\r\n",
        "$3\r\nabcdef", "*1\r\n?",
    ])
    func garbageIsNoReply(text: String) {
        let (values, failure) = read(Array("+OK\r\n".utf8) + Array(text.utf8) + Array("\r\n:1\r\n".utf8))
        #expect(values.first == .status("OK"))
        // hiredis trusts a length, and finds what is wrong behind it.
        #expect(failure != nil || values.count > 1)
        if text != "$3\r\nabcdef" { #expect(failure != nil && values.count == 1) }
    }

    @Test func deepNestingIsRefusedWithoutHarm() {
        let (_, failure) = read(Array(String(repeating: "*1\r\n", count: 100_000).utf8) + Array(":1\r\n".utf8))
        #expect(failure != nil)
    }

    @Test(arguments: 0..<200)
    func anyBytesEndInRepliesOrAFailure(seed: UInt64) {
        let random = SeededRandom(seed: seed &+ 5_000)
        var bytes: [UInt8] = []
        for _ in 0..<30 { Self.encode(Self.value(random), &bytes) }
        for _ in 0..<(1 + random.next(below: 5)) {
            let place = Int(random.next(below: UInt64(bytes.count)))
            switch random.next(below: 3) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes.remove(at: place)
            default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            }
        }
        let whole = read(bytes)
        let pieces = read(bytes, piece: 1 + Int(random.next(below: 20)))
        #expect(whole.values == pieces.values)
        #expect((whole.failure == nil) == (pieces.failure == nil))
    }
}
