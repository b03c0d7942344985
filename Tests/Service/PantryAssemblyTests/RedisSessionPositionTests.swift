import Determinism
import PantryDomain
import RedisDriver
import RedisTestKit
import SocketReactor
import Storage
import Testing

@testable import PantryAssembly

/// What a real Redis keeps of sessions' positions.
@Suite("Positions of sessions in Redis", .timeLimit(.minutes(1)))
struct RedisSessionPositionTests {
    private let session = SessionReference(
        organization: 1, id: SessionID(UUIDv7(high: 1, low: 1)), expiresAt: Timestamp(microseconds: .max))

    private func withStore(_ body: (RedisServer, RedisSessionPositionStore) async throws -> Void) async throws {
        try await RedisServer.with { redis in
            let client = try RedisClient(
                try RedisConfiguration(url: redis.url()), on: Reactor(time: SystemTime()))
            defer { client.close() }
            let keys = RedisKeys(InstallationID("8a1b2c3d4e5f"))
            try await body(redis, RedisSessionPositionStore(client, keys))
        }
    }
    private func position(_ epoch: Int64, _ timeline: UInt32, _ offset: UInt64) -> SessionPosition {
        SessionPosition(
            epoch: epoch, position: CommitPosition(timeline: timeline, offset: offset),
            token: "\(epoch).\(timeline).\(offset)")
    }

    @Test func theFurthestIsKept() async throws {
        try await withStore { _, store in
            #expect(try await store.look(session) == .missing)
            for (next, kept) in [
                (position(1, 1, 9), "1.1.9"), (position(1, 1, 10), "1.1.10"), (position(1, 1, 9), "1.1.10"),
                (position(1, 2, 1), "1.2.1"), (position(1, 1, .max), "1.2.1"), (position(2, 1, 1), "2.1.1"),
                (position(1, .max, .max), "2.1.1"), (position(2, 1, .max), "2.1.\(UInt64.max)"),
            ] {
                try await store.keep(next, of: session, for: .seconds(60))
                #expect(try await store.look(session) == .token(kept))
            }
            try await store.remove(session)
            #expect(try await store.look(session) == .missing)
        }
    }

    @Test func aWriteThatNobodyCanPlaceMarksForAWhileAndTakesNothingAway() async throws {
        try await withStore { redis, store in
            let unknown = SessionPosition(epoch: 7, position: nil, token: "?")
            try await store.keep(unknown, of: session, for: .seconds(60))
            #expect(try await store.look(session) == .inDoubt)
            let mark = RedisKeys(InstallationID("8a1b2c3d4e5f")).session(session.id)[1]
            let left = try #require(Int(try await redis.cli("PTTL", mark)))
            #expect((1...10_000).contains(left))
            _ = try await redis.cli("DEL", mark)
            #expect(try await store.look(session) == .nothing)
            try await store.keep(position(1, 1, 1), of: session, for: .seconds(60))
            try await store.keep(unknown, of: session, for: .seconds(60))
            #expect(try await store.look(session) == .inDoubt)
            _ = try await redis.cli("DEL", mark)
            #expect(try await store.look(session) == .token("1.1.1"))
        }
    }

    @Test func nothingOutlivesItsSession() async throws {
        try await withStore { redis, store in
            try await store.keep(position(1, 1, 1), of: session, for: .seconds(60))
            let key = RedisKeys(InstallationID("8a1b2c3d4e5f")).session(session.id)[0]
            let left = try #require(Int(try await redis.cli("PTTL", key)))
            #expect((1...60_000).contains(left))
        }
    }
}
