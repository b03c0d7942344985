import Determinism
import Storage
import Testing

/// What every engine of the write lane must do, whatever database it speaks to.
struct LaneEngineConformance: Sendable {
    /// Two servers' ways to one database, which is empty at first.
    let first: any LaneEngine
    let second: any LaneEngine
    /// A way to the same rows that is not the engine's.
    let outsider: any Outsider

    func check() async throws {
        try await outsider.makeTables()
        try await withLane(first) { lane in
            try await rowsComeAndGo(lane)
            try await selections(lane)
            try await fences(lane)
            try await oneBadCommand(lane)
        }
        try await changesBehindABatch()
        try await unreadableRow()
        try await unstorableText()
        try await newerTables()
        try await twoLanes()
        try await twoLanesInsertTheSameRow()
        try await faults()
    }

    func withLane(_ engine: any LaneEngine, _ body: (WriteLane) async throws -> Void) async throws {
        let lane = WriteLane(engine: engine, time: SystemTime())
        async let running: Void = lane.run()
        do { try await body(lane) } catch {
            lane.stop()
            await running
            throw error
        }
        lane.stop()
        await running
    }

    func submit<C: LaneCommand>(
        _ command: C, _ lane: WriteLane, tenant: Tenant? = nil
    ) async throws(LaneFailure) -> C.Outcome {
        try await lane.submit(command, tenant: tenant, deadline: SystemTime().instant() + .seconds(60))
    }

    func load(_ number: UInt64, _ lane: WriteLane) async throws -> Jar? {
        try await submit(ClosureCommand([.row(Jar.key(number))]) { work, _ in .discard(work[Jar.key(number)]) }, lane)
    }

    func put(_ jar: Jar) -> ClosureCommand<Jar?> {
        ClosureCommand([.row(jar.key)]) { work, _ in
            let before = work[jar.key]
            if var stored = before {
                (stored.amount, stored.label) = (jar.amount, jar.label)
                work.put(stored)
            } else {
                work.put(jar)
            }
            return .commit(before)
        }
    }

    // MARK: rows

    private func rowsComeAndGo(_ lane: WriteLane) async throws {
        #expect(try await load(1, lane) == nil)
        #expect(try await submit(put(Jar(1, 10, label: "aé😀")), lane) == nil, "inserted")
        #expect(try await load(1, lane) == Jar(1, 10, label: "aé😀"))
        #expect(try await submit(put(Jar(1, 20, label: nil)), lane) != nil, "updated")
        #expect(try await submit(put(Jar(1, 21, label: "")), lane)?.amount == 20, "at the version that it then had")
        let changed = try #require(try await load(1, lane))
        #expect(changed.amount == 21 && changed.label == "" && changed.made == Timestamp(microseconds: 5))
        let refused = ClosureCommand([.row(Jar.key(1)), .row(Jar.key(2))]) { work, _ in
            work.remove(Jar.key(1))
            work.put(Jar(2, 1))
            work.append(JarEntry("refused", 1, 1))
            return Verdict<Int>.discard(3)
        }
        #expect(try await submit(refused, lane) == 3)
        #expect(try await load(1, lane) == changed)
        let anew = ClosureCommand([.row(Jar.key(1))]) { work, _ in
            work.remove(Jar.key(1))
            work.insert(Jar(1, 5, made: Timestamp(microseconds: 6)))
            return Verdict<Int>.commit(1)
        }
        _ = try await submit(anew, lane)
        #expect(try await load(1, lane) == Jar(1, 5, made: Timestamp(microseconds: 6)), "fixed columns too")
        let remove = ClosureCommand([.row(Jar.key(1))]) { work, _ in
            work.remove(Jar.key(1))
            work.append(JarEntry("x", 1, -5))
            work.append(JarEntry("x", 2, 0))
            return Verdict<Bool>.commit(true)
        }
        _ = try await submit(remove, lane)
        #expect(try await load(1, lane) == nil)
        #expect(try await outsider.entries() == [JarEntry("x", 1, -5), JarEntry("x", 2, 0)])
    }

    private func selections(_ lane: WriteLane) async throws {
        for (number, amount) in [(10, 3), (11, 1), (12, 2), (13, 9)] as [(UInt64, Int64)] {
            _ = try await submit(put(Jar(number, amount, label: "s")), lane)
        }
        let small = ConformanceSelections.small(1, "s", below: 9)
        let sweep = ClosureCommand([.rows(small), .row(Jar.key(11))]) { work, _ in
            let found = work[small].map(\.amount)
            for var jar in work[small] {
                jar.amount = 0
                work.put(jar)
            }
            return Verdict<[Int64]>.commit(found)
        }
        #expect(try await submit(sweep, lane) == [1, 2, 3])
        let none = ConformanceSelections.large(100, "s")
        let count = ClosureCommand([.rows(none)]) { work, _ in Verdict<Int>.discard(work[none].count) }
        #expect(try await submit(count, lane) == 0)
        let amounts = [try await load(10, lane)?.amount, try await load(13, lane)?.amount]
        #expect(amounts == [0, 9])
    }

    private func fences(_ lane: WriteLane) async throws {
        try await outsider.storeFence(organization: 1, epoch: 4, state: "active")
        try await outsider.storeFence(organization: 2, epoch: 4, state: "fenced")
        let command = put(Jar(20, 1))
        for tenant in [(1, 3), (1, 5), (2, 4), (3, 4)] as [(Int64, Int64)] {
            await #expect(throws: LaneFailure.fenced) {
                _ = try await submit(command, lane, tenant: Tenant(organization: tenant.0, epoch: tenant.1))
            }
        }
        #expect(try await load(20, lane) == nil)
        _ = try await submit(command, lane, tenant: Tenant(organization: 1, epoch: 4))
        #expect(try await load(20, lane) == Jar(20, 1))
    }

    // MARK: trouble

    private func oneBadCommand(_ lane: WriteLane) async throws {
        let before = try await outsider.entries().count
        let outcomes = await withTaskGroup(of: (Int, LaneFailure?).self) { group in
            for index in 0..<40 {
                group.addTask {
                    // Every tenth breaks a check, every other tenth a key.
                    let bad = ClosureCommand([.row(Jar.key(30))]) { work, _ in
                        if index % 20 == 0 { work.insert(Jar(31 + UInt64(index), -1)) }
                        work.append(JarEntry("bad", index % 20 == 10 ? -1 : Int64(index), 1))
                        if index % 20 == 10 { work.append(JarEntry("bad", -1, 1)) }
                        return Verdict<Bool>.commit(true)
                    }
                    do throws(LaneFailure) { _ = try await submit(bad, lane) } catch { return (index, error) }
                    return (index, nil)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for (index, failure) in outcomes {
            if index % 10 == 0 {
                guard case .conflict? = failure else {
                    Issue.record("\(index): \(String(describing: failure))")
                    continue
                }
            } else {
                #expect(failure == nil, "\(index) is harmed by others")
            }
        }
        let after = try await outsider.entries().count
        #expect(after - before == 36)
        #expect(try await load(31, lane) == nil)
    }

    /// Someone else writes between two batches: what a batch reads is the present, whatever the engine remembers.
    private func changesBehindABatch() async throws {
        try await withLane(first) { lane in
            _ = try await submit(put(Jar(40, 1)), lane)
            #expect(try await load(40, lane)?.amount == 1)
            try await outsider.setAmount(ofJar: 40, to: 7)
            #expect(try await load(40, lane)?.amount == 7)
            let raised = try await submit(
                ClosureCommand([.row(Jar.key(40))]) { work, _ in
                    guard var jar = work[Jar.key(40)] else { return Verdict<Int64>.discard(-1) }
                    jar.amount += 1
                    work.put(jar)
                    return .commit(jar.amount)
                }, lane)
            #expect(raised == 8)
            try await outsider.deleteJar(40)
            #expect(try await load(40, lane) == nil)
            // The versions in the table and those that the engine remembers go on together.
            for amount in 1...3 as ClosedRange<Int64> { _ = try await submit(put(Jar(40, amount)), lane) }
            #expect(try await outsider.version(ofJar: 40) == 3)
        }
    }

    /// A row that is no record fails the command that asks for it, and no other.
    private func unreadableRow() async throws {
        try await outsider.storeFence(organization: 60, epoch: 1, state: "sideways")
        try await withLane(first) { lane in
            let failures = await withTaskGroup(of: LaneFailure?.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        let tenant = index == 7 ? Tenant(organization: 60, epoch: 1) : nil
                        do throws(LaneFailure) {
                            _ = try await submit(put(Jar(60 + UInt64(index), 1)), lane, tenant: tenant)
                        } catch { return error }
                        return nil
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(failures.compactMap { $0 }.count == 1)
            guard case .unavailable(let reason)? = failures.compactMap({ $0 }).first else {
                Issue.record("another failure")
                return
            }
            #expect(reason.contains("sideways"))
        }
    }

    /// A text that the database cannot hold is stored as it is or fails its own command, and nobody else's.
    private func unstorableText() async throws {
        let text = "a\0b"
        try await withLane(first) { lane in
            let failures = await withTaskGroup(of: LaneFailure?.self) { group in
                for index in 0..<12 {
                    group.addTask {
                        let jar = Jar(80 + UInt64(index), 1, label: index == 5 ? text : "plain")
                        do throws(LaneFailure) { _ = try await submit(put(jar), lane) } catch { return error }
                        return nil
                    }
                }
                return await group.reduce(into: []) { if let failure = $1 { $0.append(failure) } }
            }
            let stored = try await load(85, lane)
            if failures.isEmpty {
                #expect(stored?.label == text)
            } else {
                #expect(failures.count == 1 && stored == nil)
            }
        }
    }

    /// A newer version migrates while this version's lane is at work. It goes on with the columns that it knows, and so
    /// does a server of this version that starts afterwards.
    private func newerTables() async throws {
        try await withLane(first) { lane in
            _ = try await submit(put(Jar(95, 1, label: "before")), lane)
            try await outsider.growTables()
            #expect(try await load(95, lane) == Jar(95, 1, label: "before"))
            #expect(try await submit(put(Jar(95, 2)), lane)?.amount == 1)
            #expect(try await submit(put(Jar(96, 3)), lane) == nil, "inserted")
            #expect(try await load(95, lane) == Jar(95, 2))
        }
        try await outsider.makeTables()
        try await withLane(second) { lane in
            let (before, other) = (try await submit(put(Jar(95, 4)), lane), try await load(96, lane))
            #expect(before?.amount == 2 && other == Jar(96, 3))
        }
        #expect(try await outsider.version(ofJar: 95) == 3)
    }

    /// Two servers that want to make the same rows, asked for in opposite orders: each row is made once, and nobody
    /// hears of the other.
    private func twoLanesInsertTheSameRow() async throws {
        try await withLane(first) { one in
            try await withLane(second) { two in
                for round in 0..<20 as Range<UInt64> {
                    let made = try await withThrowingTaskGroup(of: Bool.self) { group in
                        for index in 0..<16 as Range<UInt64> {
                            for (lane, number) in [(one, index), (two, 15 - index)] {
                                group.addTask { try await submit(claim("claim-\(round)-\(number)"), lane) }
                            }
                        }
                        return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                    }
                    #expect(made == 16)
                }
            }
        }
    }

    /// Makes a row that only one can make; false where it is there.
    private func claim(_ name: String) -> ClosureCommand<Bool> {
        let key = Claim.key(name)
        return ClosureCommand([.row(key)]) { work, _ in
            if work[key] != nil { return .discard(false) }
            work.put(Claim(name: name, holder: "somebody"))
            return .commit(true)
        }
    }

    /// Two servers, one database: units go from jar to jar, and none is made or lost.
    private func twoLanes() async throws {
        let jars = 4 as UInt64, each = 50 as Int64
        try await withLane(first) { one in
            for number in 0..<jars { _ = try await submit(put(Jar(100 + number, each)), one) }
            try await withLane(second) { two in
                await withTaskGroup(of: Void.self) { group in
                    for worker in 0..<8 {
                        group.addTask { await move(worker, worker % 2 == 0 ? one : two, jars) }
                    }
                }
            }
        }
        let amounts = try await outsider.jars().filter { $0.id.low >= 100 }.map(\.amount)
        #expect(amounts.count == Int(jars))
        #expect(amounts.reduce(0, +) == Int64(jars) * each)
        let moves = try await outsider.entries().filter { $0.name.hasPrefix("move") }
        #expect(!moves.isEmpty, "something was moved at all")
    }

    private func move(_ worker: Int, _ lane: WriteLane, _ jars: UInt64) async {
        let random = SeededRandom(seed: UInt64(worker))
        for step in 0..<40 as Range<Int64> {
            let (from, to) = (100 + random.next(below: jars), 100 + random.next(below: jars))
            let amount = Int64(random.next(below: 20))
            let command = ClosureCommand([.row(Jar.key(from)), .row(Jar.key(to))]) { work, _ in
                guard from != to, var source = work[Jar.key(from)], var target = work[Jar.key(to)],
                    source.amount >= amount
                else { return Verdict<Bool>.discard(false) }
                source.amount -= amount
                target.amount += amount
                work.put(source)
                work.put(target)
                work.append(JarEntry("move\(worker)", step, amount))
                return .commit(true)
            }
            do throws(LaneFailure) { _ = try await submit(command, lane) } catch {
                // Losing against the other server is allowed, an unknown outcome is not.
                guard case .conflict = error else {
                    Issue.record("worker \(worker), step \(step): \(error)")
                    return
                }
            }
        }
    }
}
