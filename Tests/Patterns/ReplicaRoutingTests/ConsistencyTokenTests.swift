import Determinism
import ReplicaRouting
import Testing

@Suite("Consistency tokens")
struct ConsistencyTokenTests {
    private let audience = Array("org-1".utf8)

    private func keys(_ secrets: [Int64: UInt8] = [1: 7]) throws -> ConsistencyTokenKeys {
        try ConsistencyTokenKeys(secrets: secrets.mapValues { Array(repeating: $0, count: 32) })
    }

    private func entry(
        _ shard: String, epoch: UInt64 = 3, timeline: UInt32 = 2, _ lsn: UInt64 = 0x16_B374_D848
    ) -> ConsistencyToken.Entry {
        ConsistencyToken.Entry(
            shard: shard, epoch: epoch, position: LogPosition(Timeline(timeline), LSN(bytes: lsn)))
    }

    @Test func tokensComeBackAsTheyWere() throws {
        let keys = try keys()
        let random = SeededRandom(seed: 5)
        for _ in 0..<500 {
            var token = ConsistencyToken()
            for _ in 0..<random.next(below: 40) {
                token.merge(
                    ConsistencyToken(
                        entry(
                            "shard-\(random.next(below: 50))", epoch: random.next() >> random.next(below: 64),
                            timeline: UInt32(truncatingIfNeeded: random.next() >> (32 + random.next(below: 32))),
                            random.next() >> random.next(below: 64))))
            }
            let text = keys.seal(token, for: audience)
            #expect(text.utf8.count <= 1_024)
            #expect(try keys.open(text, for: audience) == token)
        }
    }

    /// Thirty-two shards with long names made a text that no server opened again.
    @Test func aTokenWhoseTextWouldBeTooLongAsksForThePrimary() throws {
        let keys = try keys()
        var token = ConsistencyToken()
        for shard in 0..<ConsistencyToken.shardLimit {
            token.merge(ConsistencyToken(entry("a-shard-with-a-long-name-\(shard)", epoch: .max, .max)))
        }
        #expect(!token.isOverflowing)
        let opened = try keys.open(keys.seal(token, for: audience), for: audience)
        #expect(try opened.isOverflowing && opened.requirement(for: "shard-0", epoch: 1) == .strong)
    }

    @Test func aTokenIsShort() throws {
        let text = try keys().seal(ConsistencyToken(entry("shard-0")), for: audience)
        #expect(text.utf8.count <= 48, "\(text)")
        #expect(text.hasPrefix("1."))
        #expect(
            text.dropFirst(2).utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            })
    }

    @Test func whatWasChangedIsRefused() throws {
        let keys = try keys()
        let text = keys.seal(ConsistencyToken(entry("shard-0")), for: audience)
        for index in text.indices.dropFirst(2) {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            #expect(throws: ConsistencyTokenError.self) { try keys.open(changed, for: audience) }
        }
        #expect(throws: ConsistencyTokenError.notAuthentic) { try keys.open(text, for: Array("org-2".utf8)) }
        #expect(throws: ConsistencyTokenError.notAuthentic) { try keys.open(text, for: []) }
        let other = try self.keys([1: 8])
        #expect(throws: ConsistencyTokenError.notAuthentic) { try other.open(text, for: audience) }
        for wrong in [
            "", ".", "1.", "1", "x.AAAA", "01.AAAA", "+1.AAAA", "1.====", "1.AAAA",
            String(repeating: "1", count: 2_000),
        ] {
            #expect(throws: ConsistencyTokenError.malformed) { try keys.open(wrong, for: audience) }
        }
    }

    @Test func secretsRotate() throws {
        let old = try keys([1: 7]).seal(ConsistencyToken(entry("a")), for: audience)
        let both = try keys([1: 7, 2: 9])
        let new = both.seal(ConsistencyToken(entry("a")), for: audience)
        #expect(new.hasPrefix("2."))
        #expect(try both.open(old, for: audience) == both.open(new, for: audience))
        #expect(throws: ConsistencyTokenError.unknownKey(1)) { try keys([2: 9]).open(old, for: audience) }
        #expect(throws: ReplicaRoutingConfigurationError.self) { try ConsistencyTokenKeys(secrets: [:]) }
        #expect(throws: ReplicaRoutingConfigurationError.self) {
            try ConsistencyTokenKeys(secrets: [1: Array(repeating: 1, count: 15)])
        }
    }

    @Test func mergingTakesTheLaterOfEachShard() {
        let ladder = [
            entry("a", epoch: 1, timeline: 9, 900), entry("a", epoch: 2, timeline: 1, 100),
            entry("a", epoch: 2, timeline: 1, 200), entry("a", epoch: 2, timeline: 2, 50),
        ]
        for (low, first) in ladder.enumerated() {
            for (high, second) in ladder.enumerated() {
                let merged = ConsistencyToken(first).merged(with: ConsistencyToken(second))
                #expect(merged.entries == [ladder[max(low, high)]])
            }
        }
        let both = ConsistencyToken(entry("b")).merged(with: ConsistencyToken(entry("a")))
        #expect(both.entries.map(\.shard) == ["a", "b"])
        #expect(both == ConsistencyToken(entry("a")).merged(with: ConsistencyToken(entry("b"))))
        #expect(both.merged(with: both) == both && both.merged(with: ConsistencyToken()) == both)
    }

    @Test func tooManyShardsMeanThePrimary() throws {
        var token = ConsistencyToken()
        for number in 0..<ConsistencyToken.shardLimit { token.merge(ConsistencyToken(entry("shard-\(number)"))) }
        #expect(!token.isOverflowing)
        token.merge(ConsistencyToken(entry("one-more")))
        #expect(token.isOverflowing && token.entries == [])
        #expect(try token.requirement(for: "anything", epoch: 3) == .strong)
        let keys = try keys()
        #expect(try keys.open(keys.seal(token, for: audience), for: audience) == token)
        #expect(ConsistencyToken(entry("a")).merged(with: token).isOverflowing)
    }

    @Test func whatAReadMustSatisfy() throws {
        let token = ConsistencyToken(entry("a", epoch: 3, timeline: 2, 100))
        #expect(
            try token.requirement(for: "a", epoch: 3) == .position(LogPosition(Timeline(2), LSN(bytes: 100))))
        // The organization was moved since: the position is of another place.
        #expect(try token.requirement(for: "a", epoch: 4) == .strong)
        #expect(try token.requirement(for: "b", epoch: 4) == .strong)
        #expect(try token.requirement(for: "b", epoch: 3) == .eventual)
        #expect(throws: ReplicaRoutingError.mapOutdated(tokenEpoch: 3)) { try token.requirement(for: "a", epoch: 2) }
        #expect(try ConsistencyToken().requirement(for: "a", epoch: 9) == .eventual)
    }
}
