import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import DeterminismTestKit
import Testing

@Suite("A running pool", .timeLimit(.minutes(2)))
struct PoolShellTests {
    @Test func lendsOneConnectionAgainAndAgain() async throws {
        try await withPool { pool, factory in
            for number in 0..<10 {
                let result = try await pool.withConnection { await $0.use { number } }
                #expect(result == number)
            }
            #expect(factory.connections.count == 1)
            #expect(pool.snapshot.idle == 1)
        }
    }

    @Test func bodyRunsWhereItsCallerDoes() async throws {
        actor Ledger {
            private(set) var numbers: [Int] = []
            func book(_ pool: ConnectionPool<ScriptedConnection>) async throws -> Int {
                try await pool.withConnection { connection in
                    numbers.append(connection.number)
                    return numbers.count
                }
            }
        }
        try await withPool { pool, _ in
            let ledger = Ledger()
            let counts = [try await ledger.book(pool), try await ledger.book(pool)]
            #expect(counts == [1, 2])
        }
    }

    @Test func errorOfTheBodyComesThrough() async throws {
        try await withPool { pool, _ in
            await #expect(throws: ScriptedFailure("mine")) {
                try await pool.withConnection { _ in throw ScriptedFailure("mine") }
            }
            #expect(pool.snapshot.idle == 1)
        }
    }

    @Test func callersOfManyTasksShareTheLimit() async throws {
        try await withPool(limit: 4) { pool, factory in
            await withTaskGroup(of: Void.self) { group in
                for task in 0..<500 {
                    group.addTask {
                        let tenant = TenantKey(UInt64(task % 7))
                        try? await pool.withConnection(for: tenant) { await $0.use { await Task.yield() } }
                    }
                }
            }
            #expect(factory.connections.count <= 4)
            #expect(pool.snapshot.leased == 0 && pool.snapshot.waiting == 0)
        }
    }

    @Test func acquireTimeoutIsOneTimerForAll() async throws {
        let clock = ManualTime()
        try await withPool(limit: 1, time: clock) {
            $0.acquireTimeout = .seconds(10)
        } _: { pool, _ in
            let lease = try await pool.lease()
            await withTaskGroup(of: PoolRefusal?.self) { group in
                for _ in 0..<100 { group.addTask { await refusal { try await pool.withConnection { _ in } } } }
                await eventually("all wait") { pool.snapshot.waiting == 100 }
                // The pool's timer, and the connect's time limit, which is not taken back.
                #expect(clock.sleeperCount <= 2)
                await eventually("somebody sleeps until the deadline") {
                    clock.earliestDeadline.map { $0 <= clock.instant() + .seconds(10) } ?? false
                }
                clock.advance(by: .seconds(9))
                #expect(pool.snapshot.waiting == 100)
                await eventually("the timer is set again") { clock.sleeperCount > 0 }
                clock.advance(by: .seconds(1))
                for await reason in group { #expect(reason == .timedOut) }
            }
            lease.giveBack()
        }
    }

    @Test func ownDeadlineIsKept() async throws {
        let clock = ManualTime()
        try await withPool(limit: 1, time: clock) { pool, _ in
            let lease = try await pool.lease()
            async let reason = refusal {
                try await pool.withConnection(deadline: clock.instant() + .milliseconds(50)) { _ in }
            }
            await eventually("it waits") { pool.snapshot.waiting == 1 }
            await eventually("the timer is brought forward") {
                clock.earliestDeadline == Instant(nanoseconds: 50_000_000)
            }
            clock.advance(by: .milliseconds(50))
            #expect(await reason == .timedOut)
            lease.giveBack()
        }
    }

    @Test func poolThatNobodyRunsAnswers() async throws {
        let clock = ManualTime()
        let pool = try ConnectionPool(
            configuration: PoolConfiguration(hosts: ["a"]), factory: ScriptedFactory(), time: clock)
        async let failure: PoolError? = {
            do { try await pool.withConnection { _ in } } catch { return error as? PoolError }
            return nil
        }()
        await eventually("it waits") { clock.sleeperCount == 1 }
        clock.advance(by: .seconds(10))
        let error = try #require(await failure)
        let text = "\(error)"
        #expect(error.reason == .timedOut && text.contains("run()"))
    }

    @Test func callerBeforeRunIsServedOnceItRuns() async throws {
        let pool = try ConnectionPool(configuration: PoolConfiguration(hosts: ["a"]), factory: ScriptedFactory())
        async let result = pool.withConnection { _ in 7 }
        await eventually("it waits") { pool.snapshot.waiting == 1 }
        async let running: Void = pool.run()
        #expect(try await result == 7)
        pool.shutdown()
        await running
    }

    @Test func waiterThatIsPushedOutIsToldAndTheNewcomerIsServed() async throws {
        try await withPool(limit: 1) {
            $0.queueLimit = 4
        } _: { pool, _ in
            let held = try await Held(pool)
            let answers = await withTaskGroup(of: (tenant: UInt64, reason: PoolRefusal?).self) { group in
                for (count, tenant) in [1, 1, 1, 1, 2, 2].enumerated() {
                    group.addTask {
                        let key = TenantKey(UInt64(tenant))
                        return (UInt64(tenant), await refusal { try await pool.withConnection(for: key) { _ in } })
                    }
                    await eventually("it waits") { pool.snapshot.waiting == min(count + 1, 4) }
                    if count > 3 { await eventually("its tenant waits") { pool.snapshot.tenants >= 2 } }
                }
                var answers: [(tenant: UInt64, reason: PoolRefusal?)] = []
                while answers.count < 2, let answer = await group.next() { answers.append(answer) }
                held.giveBack()
                for await answer in group { answers.append(answer) }
                return answers
            }
            #expect(answers.count { $0.reason == .queueFull } == 2)
            #expect(answers.count { $0.reason == nil } == 4)
            #expect(answers.contains { $0.tenant == 2 && $0.reason == nil })
        }
    }

    @Test func droppedLeaseComesBackAndIsReported() async throws {
        let observer = RecordingObserver()
        try await withPool(observer: observer) { pool, _ in
            do {
                let lease = try await pool.lease(label: "import")
                lease.connection.begin()
            }
            await eventually("it is reset and idle again") { pool.snapshot.idle == 1 }
            let leak = observer.events.compactMap {
                if case .leak(let kind, _, let label, _) = $0 { (kind, label) } else { nil }
            }
            #expect(leak.count == 1 && leak[0].0 == .dropped && leak[0].1 == "import")
        }
    }

    @Test func leakReportSaysWhoHoldsIt() async throws {
        let (clock, observer) = (ManualTime(), RecordingObserver())
        try await withPool(time: clock, observer: observer) { pool, _ in
            let line: UInt = #line + 1
            let lease = try await pool.lease(for: TenantKey(5 as UInt64), label: "nightly")
            await eventually("the timer sleeps") { clock.sleeperCount > 0 }
            clock.advance(by: .seconds(60))
            await eventually("it is reported") { !observer.leakTexts.isEmpty }
            let text = observer.leakTexts[0]
            for part in ["nightly", "PoolShellTests.swift:\(line)", "60.0 seconds", "tenant 5"] {
                #expect(text.contains(part), "\(text)")
            }
            lease.giveBack()
        }
    }

    @Test func reportOfALongLabelIsOneLine() async throws {
        let observer = RecordingObserver()
        try await withPool(observer: observer) { pool, _ in
            let label = "SELECT a\n  FROM b" + String(repeating: " AND c", count: 100)
            do { _ = try await pool.lease(label: label) }
            await eventually("it is reported") { !observer.leakTexts.isEmpty }
            let text = observer.leakTexts[0]
            #expect(text.contains("SELECT a FROM b AND c AND"), "\(text)")
            #expect(!text.contains("\n") && text.count < 500)
        }
    }

    @Test func leaseNamesItsTask() async throws {
        let observer = RecordingObserver()
        try await withPool(observer: observer) { pool, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask(name: "the importer") { _ = try await pool.lease() }
                try await group.waitForAll()
            }
            let names = observer.events.compactMap { if case .leak(_, _, _, let name) = $0 { name } else { nil } }
            #expect(names == ["the importer"])
        }
    }

    @Test func observerHearsEverything() async throws {
        let observer = RecordingObserver()
        try await withPool(observer: observer) { pool, _ in
            try await pool.withConnection(for: TenantKey(1 as UInt64)) { _ in }
            try await pool.withConnection { $0.become(.broken) }
        }
        let tenant = TenantKey(1 as UInt64)
        for event in [
            RecordingObserver.Event.connected("a"), .leased(tenant), .leased(nil), .returned(.clean),
            .returned(.broken),
            .closed(.broken),
        ] {
            #expect(observer.events.count { $0 == event } == 1, "\(event)")
        }
    }

    @Test func cancelledRunClosesEverything() async throws {
        let factory = ScriptedFactory()
        let pool = try ConnectionPool(configuration: PoolConfiguration(hosts: ["a"]), factory: factory)
        let reason = await withTaskGroup(of: PoolRefusal?.self) { group in
            group.addTask {
                await pool.run()
                return nil
            }
            try? await pool.withConnection { _ in }
            group.cancelAll()
            await group.waitForAll()
            return await refusal { try await pool.withConnection { _ in } }
        }
        #expect(reason == .shutDown)
        #expect(factory.connections.map(\.closeCount) == [1])
    }

    @Test func gracefulShutdownWaitsForHolders() async throws {
        let factory = ScriptedFactory()
        let pool = try ConnectionPool(configuration: PoolConfiguration(hosts: ["a"]), factory: factory)
        async let running: Void = pool.run()
        let lease = try await pool.lease()
        pool.shutdown()
        #expect(await refusal { _ = try await pool.lease() } == .shutDown)
        #expect(factory.connections[0].closeCount == 0)
        lease.giveBack()
        await running
        #expect(factory.connections[0].closeCount == 1)
    }

    @Test func hostsCanChangeWhileItRuns() async throws {
        try await withPool { pool, factory in
            try await pool.withConnection { #expect($0.host == "a") }
            try pool.replaceHosts(["b"])
            try await pool.withConnection { #expect($0.host == "b") }
            #expect(factory.connections[0].closeCount == 1)
            #expect(throws: PoolConfigurationError.self) { try pool.replaceHosts([]) }
        }
    }

    @Test func conformanceCheckFindsWhatIsBroken() async {
        let factory = ScriptedFactory()
        #expect(await ConnectionConformance.problems(of: factory, host: "a") { $0.begin() } == [])
        factory.prepare { $0.on(.reset, .lies) }
        #expect(await ConnectionConformance.problems(of: factory, host: "a") { $0.begin() }.count == 1)
        factory.prepare { $0.on(.close, .lies) }
        #expect(await ConnectionConformance.problems(of: factory, host: "a") { $0.begin() }.count >= 3)
        #expect(await ConnectionConformance.problems(of: factory, host: "a") { _ in }.count >= 1)
        factory.on("a", .fails(ScriptedFailure("down")))
        let problems = await ConnectionConformance.problems(of: factory, host: "a") { $0.begin() }
        #expect(problems == ["It failed: down"])
    }
}
