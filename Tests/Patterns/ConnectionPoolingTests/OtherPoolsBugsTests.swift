import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import DeterminismTestKit
import Testing

/// What went wrong in other pools, by the name under which it was reported there.
@Suite("Bugs of other pools", .timeLimit(.minutes(2)))
struct OtherPoolsBugsTests {
    /// sqlx 4385, 4393: a task that is cancelled during BEGIN returns a connection inside a transaction, because the
    /// pool counted begun transactions rather than asking the wire.
    @Test func sqlxTaskCancelledDuringBegin() async throws {
        try await withPool(limit: 1) { pool, factory in
            await withTaskGroup(of: Void.self) { group in
                let inside = Shared(false)
                group.addTask {
                    try? await pool.withConnection { connection in
                        connection.begin()
                        inside.change { $0 = true }
                        try await SystemTime().sleep(for: .seconds(60))
                        connection.commit()
                    }
                }
                await eventually("BEGIN is under way") { inside.current }
                group.cancelAll()
            }
            try await pool.withConnection { #expect($0.condition == .clean) }
            #expect(factory.connections.count == 1 && factory.connections[0].calls == [.reset])
        }
    }

    /// sqlx 4394: a rollback that failed is released as healthy.
    @Test("sqlx: a failed rollback is not released as healthy", arguments: [ScriptedConnection.Behavior.fails, .lies])
    func sqlxFailedRollback(behavior: ScriptedConnection.Behavior) async throws {
        try await withPool(limit: 1) { pool, factory in
            try await pool.withConnection {
                $0.on(.reset, behavior)
                $0.begin()
            }
            try await pool.withConnection { #expect($0.number == 2 && $0.condition == .clean) }
            #expect(factory.connections[0].calls == [.reset, .close])
        }
    }

    /// async-bb8-diesel 94, postgres-nio 647: a connection that no longer answers must not hold the pool.
    @Test func resetThatHangsIsBounded() async throws {
        try await withPool(limit: 1) {
            $0.resetTimeout = .milliseconds(20)
        } _: { pool, factory in
            try await pool.withConnection {
                $0.on(.reset, .hangs)
                $0.begin()
            }
            try await pool.withConnection { #expect($0.number == 2) }
            factory.connections[0].release()
        }
    }

    @Test func validationThatHangsIsBounded() async throws {
        try await withPool(limit: 1) {
            $0.validateAfter = .zero
            $0.validationTimeout = .milliseconds(20)
        } _: { pool, factory in
            try await pool.withConnection { $0.on(.validate, .hangs) }
            try await pool.withConnection { #expect($0.number == 2) }
            factory.connections[0].release()
        }
    }

    @Test func closeThatHangsIsBounded() async throws {
        try await withPool(limit: 1) {
            $0.closeTimeout = .milliseconds(20)
        } _: { pool, factory in
            try await pool.withConnection {
                $0.on(.close, .hangs)
                $0.become(.broken)
            }
            try await pool.withConnection { #expect($0.number == 2) }
            factory.connections[0].release()
        }
    }

    /// Go 10886: a connect that never ends keeps everybody waiting. Here it ends at its timeout, and what it brings
    /// later is closed.
    @Test func goConnectThatHangsIsBoundedAndItsLateConnectionClosed() async throws {
        let factory = ScriptedFactory()
        factory.next(.waits)
        try await withPool(limit: 1, factory: factory) {
            $0.connectTimeout = .milliseconds(20)
            $0.connecting.pause = .milliseconds(1)
        } _: { pool, factory in
            try await pool.withConnection { _ in }
            #expect(factory.attempts.count == 2)
            factory.release()
            await eventually("the late one is closed") {
                factory.connections.count == 2 && factory.connections[1].closeCount == 1
            }
            #expect(pool.snapshot.size == 1)
        }
    }

    /// HikariCP, "Welcome to the Jungle": a spike of callers is served by the connections there are and the few that
    /// can be opened meanwhile; pools that open one for each waiter end with dozens.
    @Test func hikariSpikeDoesNotOpenAConnectionForEachCaller() async throws {
        let factory = ScriptedFactory()
        try await withPool(limit: 50, factory: factory) {
            $0.minimum = 5
            $0.connectTimeout = .seconds(300)
        } _: { pool, factory in
            await eventually("the minimum is there") { pool.snapshot.idle == 5 }
            factory.on("a", .waits)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask { try? await pool.withConnection { await $0.use { await Task.yield() } } }
                }
            }
            #expect(factory.connections.count == 5, "all fifty were served by the five")
            #expect(factory.attempts.count <= 5 + 4, "and at most four connects were begun for them")
            factory.release()
            await eventually("those four are idle") { pool.snapshot.connecting == 0 }
        }
    }

    /// psycopg 1275, asyncpg 955, clickhouse-go 1759: cancellation that races the handover loses the connection, or is
    /// swallowed.
    @Test func cancellationRacingTheHandoverLosesNothing() async throws {
        try await withPool(limit: 1) { pool, _ in
            for round in 0..<2_000 {
                let lease = try await Held(pool)
                let got = Shared(0)
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        let reason = await refusal { try await pool.withConnection { _ in got.change { $0 += 1 } } }
                        #expect(reason == .cancelled || got.current == 1)
                    }
                    if round % 2 == 0 { await eventually("it waits") { pool.snapshot.waiting == 1 } }
                    group.cancelAll()
                    lease.giveBack()
                }
                let snapshot = pool.snapshot
                #expect(snapshot.idle == 1 && snapshot.leased == 0 && snapshot.waiting == 0, "\(snapshot)")
            }
        }
    }

    /// vertx-sql-client 1620, mysql2 4498: a timeout that races the handover loses the connection.
    @Test func timeoutRacingTheHandoverLosesNothing() async throws {
        try await withPool(limit: 1) { pool, _ in
            for round in 0..<500 {
                let lease = try await pool.lease()
                async let reason = refusal {
                    let deadline = SystemTime().instant() + .microseconds(200 + round)
                    try await pool.withConnection(deadline: deadline) { _ in }
                }
                await Task.yield()
                lease.giveBack()
                let result = await reason
                #expect(result == nil || result == .timedOut)
                let snapshot = pool.snapshot
                #expect(snapshot.idle == 1 && snapshot.leased == 0 && snapshot.waiting == 0, "\(snapshot)")
            }
        }
    }

    /// bb8 67, 122: a waiter that is dropped takes the wake-up with it, and the others wait for ever.
    @Test func bb8CancelledWaiterDoesNotTakeTheWakeUpWithIt() async throws {
        try await withPool(limit: 1) { pool, _ in
            let lease = try await Held(pool)
            let served = Shared(0)
            await withTaskGroup(of: Void.self) { all in
                all.addTask {
                    await withTaskGroup(of: Void.self) { group in
                        for _ in 0..<50 { group.addTask { try? await pool.withConnection { _ in } } }
                        await eventually("they wait") { pool.snapshot.waiting >= 50 }
                        group.cancelAll()
                    }
                }
                for _ in 0..<50 {
                    all.addTask {
                        try? await pool.withConnection { _ in served.change { $0 += 1 } }
                    }
                }
                await eventually("only the others wait") { pool.snapshot.waiting == 50 }
                lease.giveBack()
            }
            #expect(served.current == 50)
        }
    }

    /// Go 32530: an expired connection is handed to a waiter rather than closed.
    @Test func goExpiredConnectionIsNotHandedToAWaiter() async throws {
        let clock = ManualTime()
        try await withPool(limit: 1, time: clock) {
            $0.maximumLifetime = .seconds(5)
            $0.lifetimeJitter = 0
        } _: { pool, _ in
            let lease = try await pool.lease()
            async let number = pool.withConnection { $0.number }
            await eventually("it waits") { pool.snapshot.waiting == 1 }
            clock.advance(by: .seconds(6))
            lease.giveBack()
            #expect(try await number == 2)
        }
    }

    /// HikariCP 2157: evicted connections come back into the pool. Here also those that were being opened.
    @Test func hikariEvictedConnectionsDoNotComeBack() async throws {
        let factory = ScriptedFactory()
        try await withPool(limit: 2, factory: factory) { pool, factory in
            let held = try await pool.lease()
            factory.next(.waits)
            async let second = pool.withConnection { $0.number }
            await eventually("a connect is under way") { factory.waitingCount == 1 }
            let seen = held.generation
            pool.evict(.generation(seen))
            factory.release()
            held.giveBack()
            let number = try await second
            #expect(number == 3, "neither the leased one nor the one that was being opened")
            await eventually("both are closed") { factory.connections[..<2].allSatisfy { $0.closeCount == 1 } }
        }
    }

    /// php-async 141, Go: every connect fails, and those who wait are never told.
    @Test func whenEveryConnectFailsAllWhoWaitAreTold() async throws {
        let factory = ScriptedFactory()
        factory.on("a", .fails(ScriptedFailure("no route to host")))
        try await withPool(limit: 2, factory: factory) {
            $0.connecting.pause = .milliseconds(1)
            $0.connecting.longestPause = .milliseconds(500)
        } _: { pool, factory in
            await withTaskGroup(of: (any Error)?.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        do { try await pool.withConnection { _ in } } catch { return error }
                        return nil
                    }
                }
                for await error in group {
                    let error = error as? PoolError
                    #expect(error?.reason == .unavailable)
                    let text = error?.description ?? "nothing"
                    #expect(text.contains("no route to host"))
                }
            }
            factory.on("a", .succeeds)
            await eventually("it recovers") { pool.hosts[0].breaker == .open }
            var isBack = false
            while !isBack { isBack = await refusal { try await pool.withConnection { _ in } } == nil }
            #expect(pool.hosts[0].breaker == .closed)
        }
    }

    /// HikariCP 496 and others: a shutdown while connections are being opened leaves them open.
    @Test func shutdownWhileConnectingClosesWhatComesLate() async throws {
        let factory = ScriptedFactory()
        factory.on("a", .waits)
        let pool = try ConnectionPool(configuration: PoolConfiguration(hosts: ["a"]), factory: factory)
        async let running: Void = pool.run()
        async let reason = refusal { try await pool.withConnection { _ in } }
        await eventually("a connect is under way") { factory.waitingCount == 1 }
        pool.shutdown(deadline: SystemTime().instant())
        #expect(await reason == .shutDown)
        #expect(pool.snapshot.size == 0)
        factory.release()
        await running
        #expect(factory.connections.map(\.closeCount) == [1])
    }

    /// postgres-nio 436, 443, 472: a connection that closes while it is being checked crashed the pool.
    @Test func postgresNIOConnectionThatDiesDuringItsValidation() async throws {
        try await withPool(limit: 1) {
            $0.validateAfter = .zero
        } _: { pool, factory in
            try await pool.withConnection { $0.on(.validate, .hangs) }
            async let number = pool.withConnection { $0.number }
            await eventually("it is validated") { factory.connections[0].calls == [.validate] }
            factory.connections[0].die()
            factory.connections[0].die()
            factory.connections[0].release()
            #expect(try await number == 2)
        }
    }

    /// npgsql 1050: a connection that broke while it was idle is handed out.
    @Test func npgsqlConnectionThatBrokeWhileIdleIsNotHandedOut() async throws {
        try await withPool(limit: 2) { pool, factory in
            try await pool.withConnection { _ in }
            factory.connections[0].become(.broken)
            try await pool.withConnection { #expect($0.number == 2) }
            factory.connections[1].die()
            await eventually("a reported death is not waited for") { factory.connections[1].closeCount == 1 }
        }
    }
}
