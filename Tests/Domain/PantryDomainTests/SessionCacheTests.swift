import Determinism
import DeterminismTestKit
import Testing

@testable import PantryDomain

/// The bounds of what a server remembers of sessions.
@Suite struct SessionCacheTests {
    private let now = Instant(nanoseconds: 0)

    private func name(_ number: Int64) -> SessionCache.Name {
        SessionCache.Name(organization: number, id: SessionID(UUIDv7(high: 1, low: UInt64(number))))
    }
    private func record(_ number: Int64, bytes: Int = 10) -> SessionRecord {
        SessionRecord(
            secret: SessionSecret(id: name(number).id, organization: number, bits: []),
            subject: String(repeating: "x", count: bytes), role: .read, attributes: nil,
            now: Timestamp(microseconds: 0), expiresAt: Timestamp(microseconds: 1))
    }
    private func ask(_ number: Int64, _ record: SessionRecord?, _ cache: SessionCache, at moment: Instant) throws {
        guard case .asks(let flight) = cache.turn(name(number), at: moment) else {
            Issue.record("\(number) is known")
            return
        }
        cache.settle(flight, .found(SessionCache.Entry(record: record, readAt: moment)), of: name(number))
    }
    private func isKnown(_ number: Int64, _ cache: SessionCache, at moment: Instant) -> Bool {
        switch cache.turn(name(number), at: moment) {
        case .known: return true
        case .asks(let flight):
            cache.settle(flight, .abandoned, of: name(number))
            return false
        case .waits: return false
        }
    }

    @Test func countsAreBounded() throws {
        var limits = SessionCache.Limits()
        (limits.sessions, limits.absent) = (3, 2)
        let cache = SessionCache(limits)
        for number in 1...Int64(3) { try ask(number, record(number), cache, at: now) }
        for number in 11...Int64(30) {
            try ask(number, nil, cache, at: now)
            #expect(cache.counts.absent <= 2)
        }
        #expect(cache.counts.present == 3 && isKnown(1, cache, at: now), "who makes sessions up drives nobody out")
        try ask(4, record(4), cache, at: now)
        #expect(cache.counts.present == 1 && isKnown(4, cache, at: now), "full: begun anew")
    }

    @Test func bytesAreBounded() throws {
        var limits = SessionCache.Limits()
        limits.bytes = 100
        let cache = SessionCache(limits)
        try ask(1, record(1, bytes: 60), cache, at: now)
        // What is remembered anew counts once.
        let later = now + .seconds(5)
        try ask(1, record(1, bytes: 60), cache, at: later)
        try ask(2, record(2, bytes: 40), cache, at: later)
        #expect(cache.counts.present == 2)
        try ask(3, record(3, bytes: 1), cache, at: later)
        #expect(cache.counts.present == 1)
    }

    @Test func anAnswerIsGoodForFiveSecondsFromItsQuestion() throws {
        let cache = SessionCache()
        try ask(1, record(1), cache, at: now)
        try ask(2, nil, cache, at: now)
        for number in [Int64(1), 2] {
            #expect(isKnown(number, cache, at: now + .milliseconds(4_999)))
            #expect(!isKnown(number, cache, at: now + .seconds(5)))
        }
        #expect(cache.hasSeen(name(1)) && !cache.hasSeen(name(2)))
    }

    @Test func aFailureIsNotRememberedAndAnotherAsks() async {
        let cache = SessionCache()
        guard case .asks(let flight) = cache.turn(name(1), at: now),
            case .waits(let same) = cache.turn(name(1), at: now)
        else {
            Issue.record("one asks, one waits")
            return
        }
        cache.settle(flight, .refused(.busy("x")), of: name(1))
        guard case .refused(.busy("x")) = await same.outcome() else {
            Issue.record("who waits hears what who asks hears")
            return
        }
        #expect(!isKnown(1, cache, at: now))
    }
}
