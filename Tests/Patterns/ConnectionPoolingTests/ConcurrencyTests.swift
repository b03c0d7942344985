import ConnectionPoolingTestKit
import Determinism
import DeterminismTestKit
import Synchronization
import Testing

@testable import ConnectionPooling

@Suite("Real concurrency", .timeLimit(.minutes(2)))
struct ConcurrencyTests {
    /// Thousands of tasks of several tenants; some are cancelled, some have too little time, connections break, come
    /// back dirty and die meanwhile, and operators evict.
    @Test(arguments: [1, 3, 8]) func everythingAtOnce(limit: Int) async throws {
        let answered = Shared<[String: Int]>([:])
        try await withPool(limit: limit, hosts: ["a", "b"]) {
            $0.queueLimit = 500
            $0.acquireTimeout = .seconds(60)
            $0.validateAfter = .milliseconds(1)
            $0.connecting.pause = .milliseconds(1)
            $0.connecting.longestPause = .milliseconds(5)
            $0.maximumLifetime = .milliseconds(50)
        } _: { pool, factory in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<4_000 {
                    group.addTask {
                        let outcome = await Self.call(pool, number: number)
                        answered.change { $0[outcome, default: 0] += 1 }
                    }
                    if number % 50 == 0 { await Task.yield() }
                    if number % 500 == 0 { pool.evict(.all) }
                    if number % 700 == 0 { factory.connections.last?.die() }
                }
            }
            let snapshot = pool.snapshot
            #expect(snapshot.leased == 0 && snapshot.waiting == 0, "\(snapshot)")
            #expect(factory.openConnections.count <= limit)
            let left = pool.core.state.withLock { ($0.tickets.count, $0.machine.inconsistencies()) }
            #expect(left.0 == 0 && left.1 == [], "somebody who was answered is still kept")
        }
        let counts = answered.current
        #expect(counts.values.reduce(0, +) == 4_000, "\(counts)")
        #expect(counts["served", default: 0] > 100, "\(counts)")
    }

    private static func call(_ pool: ConnectionPool<ScriptedConnection>, number: Int) async -> String {
        let random = SeededRandom(seed: UInt64(number))
        let tenant = TenantKey(random.next(below: 5))
        let isCancelled = random.next(below: 5) == 0
        let patience: Duration = random.next(below: 10) == 0 ? .milliseconds(1) : .seconds(60)
        return await withTaskGroup(of: String.self) { group in
            group.addTask {
                do {
                    try await pool.withConnection(for: tenant, deadline: SystemTime().instant() + patience) {
                        connection in
                        await connection.use {
                            for _ in 0..<random.next(below: 4) { await Task.yield() }
                            switch random.next(below: 20) {
                            case 0: connection.become(.broken)
                            case 1, 2: connection.begin()
                            default: break
                            }
                        }
                    }
                    return "served"
                } catch { return "\((error as? PoolError)?.reason ?? .cancelled)" }
            }
            if isCancelled {
                for _ in 0..<random.next(below: 20) { await Task.yield() }
                group.cancelAll()
            }
            return await group.next() ?? "nothing"
        }
    }

    @Test func hotTenantDoesNotDelayTheOthers() async throws {
        let observer = RecordingObserver()
        let (hot, other) = (TenantKey(1 as UInt64), TenantKey(2 as UInt64))
        try await withPool(limit: 4, observer: observer) {
            $0.queueLimit = 10_000
        } _: { pool, _ in
            var held: [Held] = []
            for _ in 0..<4 { held.append(try await Held(pool, for: hot)) }
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<2_020 {
                    group.addTask {
                        try? await pool.withConnection(for: number < 2_000 ? hot : other) {
                            await $0.use { await Task.yield() }
                        }
                    }
                }
                await eventually("all wait") { pool.snapshot.waiting == 2_020 }
                for lease in held { lease.giveBack() }
            }
            let served = observer.events.compactMap { if case .leased(let tenant) = $0 { tenant } else { nil } }
                .dropFirst(4)
            #expect(served.count == 2_020)
            let last = try #require(served.lastIndex(of: other)) - served.startIndex
            #expect(last < 200, "the last of twenty callers was served after \(last) others of a queue of 2,000")
        }
    }
}
