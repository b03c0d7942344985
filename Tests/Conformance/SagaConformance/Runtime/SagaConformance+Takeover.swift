import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Testing

/// Sagas that several processes work on.
extension SagaConformance {
    static let takeover = [
        SagaBehavior("two processes bring everything that was left behind to its end, once", leftBehind),
        SagaBehavior("who recovers has brought everything to its end or to its place", recovery),
        SagaBehavior("a process that was overtaken in a call changes nothing", overtaken),
        SagaBehavior("a process that does not know that it was overtaken changes nothing", unaware),
        SagaBehavior("what a process has not finished when it ends goes on in another", ended),
        SagaBehavior("a lock is handed over between processes, in order", handover),
    ]

    private static func leftBehind(_ bench: SagaBench) async throws {
        let bank = Bank()
        let saga = Saga(Diary.self, "left", version: 1)
            .compensatable(
                "pay", .external { _, context in bank.call(context) },
                undo: .external { _, context in bank.call(context) }
            )
            .pivot("note", .local(.add(1, to: "noted"))).definition
        var sagas: [SagaID] = []
        for _ in 0..<30 { sagas.append(try await bench.began(saga)) }
        let runtimes = [bench.first, bench.second].map { bench.runtime([AnySagaDefinition(saga)], at: $0) }
        try await bench.running(runtimes[0], runtimes[1]) { [sagas] in
            for saga in sagas { try await bench.eventually(.succeeded, saga) }
        }
        #expect(try await bench.count("noted") == 30)
        #expect(bank.all.count == 30)
        for saga in sagas {
            let history = try await bench.history(saga)
            #expect(history.filter { $0 == "pay completed" || $0 == "note completed" }.count == 2)
        }
    }

    private static func recovery(_ bench: SagaBench) async throws {
        let saga = Saga(Diary.self, "recovered", version: 1)
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .compensatable("call", .external { _, _ in .done(()) }, undo: .external { _, _ in .done(()) })
            .awaiting("wait", .signal("go")).pivot("b", .local(.add(1, to: "b"))).definition
        var sagas: [SagaID] = []
        for _ in 0..<10 { sagas.append(try await bench.began(saga)) }
        let living = bench.newWorker()
        try await bench.second.stores(Definitions.registry, living).leases?.renew(living, lease: .seconds(600))
        let foreign = try await bench.began(saga, by: living)
        // It sweeps too late to have done any of it.
        let runtime = bench.runtime([AnySagaDefinition(saga)], sweeping: .seconds(600))
        try await bench.running(runtime) { [sagas] in
            let count = try await runtime.recover()
            #expect(count == 10)
            for saga in sagas { #expect(try await bench.record(saga).state == .parked) }
        }
        let untouched = try await bench.record(foreign)
        #expect(untouched.owner == living && untouched.epoch == 1)
        #expect(try await bench.count("a") == 11)
    }

    private static func overtaken(_ bench: SagaBench) async throws {
        let (bank, gate, isCut) = (Bank(), Gate(), Flag())
        let saga = Saga(Diary.self, "slow", version: 1)
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .pivot(
                "pay",
                .external { _, context in
                    // The first worker's call hangs, whatever becomes of its task.
                    if context.epoch == 1 { await gate.pass() }
                    return bank.call(context)
                }
            )
            .retriable("mail", .local(.add(1, to: "mail"))).definition
        let slow = bench.runtime(
            [AnySagaDefinition(saga)], leases: { CutLeases($0, cutBy: isCut) }, { $0.lease = .seconds(3) })
        let other = bench.runtime([AnySagaDefinition(saga)], at: bench.second)
        try await bench.running(slow, other) {
            defer { gate.open() }
            let id = try await bench.begin(saga, in: slow)
            await DeterminismTestKit.eventually("the call hangs") { gate.waitingCount == 1 }
            isCut.raise()
            try await bench.eventually(.succeeded, id)
            #expect(!slow.hasRoom, "it has noticed that its lease may have ended")
            let (record, log) = (try await bench.record(id), try await bench.archive.history(of: id, in: 1))
            #expect(record.epoch == 2)
            gate.open()
            await DeterminismTestKit.eventually("the call has come back") { bank.calls.all.count == 2 }
            await DeterminismTestKit.eventually("nothing is at work") { slow.isIdle }
            #expect(try await bench.record(id) == record)
            #expect(try await bench.archive.history(of: id, in: 1) == log)
        }
        #expect(bank.calls.all == ["pay at 2", "pay at 1"] && bank.all.count == 1)
        #expect(try await bench.count("mail") == 1)
    }

    /// Its lease was ended by somebody else, so that nothing but the epoch stands in its way.
    private static func unaware(_ bench: SagaBench) async throws {
        let gates = [Gate(), Gate()]
        let saga = Saga(Diary.self, "unaware", version: 1)
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .pivot(
                "pay",
                .external { _, context in
                    await gates[context.epoch == 1 ? 0 : 1].pass()
                    return context.epoch == 1 ? .refused(code: "late", reason: "nobody may hear this") : .done(())
                }
            )
            .retriable("mail", .local(.add(1, to: "mail"))).definition
        let unaware = bench.runtime([AnySagaDefinition(saga)], leases: nil) { $0.lease = .seconds(600) }
        let other = bench.runtime([AnySagaDefinition(saga)], at: bench.second)
        try await bench.running(unaware, other) {
            defer { for gate in gates { gate.open() } }
            let id = try await bench.begin(saga, in: unaware)
            await DeterminismTestKit.eventually("the call hangs") { gates[0].waitingCount == 1 }
            try await leases(bench, of: unaware.worker).retire(unaware.worker)
            await DeterminismTestKit.eventually("the other calls") { gates[1].waitingCount == 1 }
            let (record, log) = (try await bench.record(id), try await bench.archive.history(of: id, in: 1))
            #expect(record.epoch == 2 && record.owner == other.worker)
            gates[0].open()
            await DeterminismTestKit.eventually("it has lost the saga") { unaware.isIdle }
            #expect(unaware.hasRoom, "it has not noticed anything else")
            #expect(try await bench.record(id) == record)
            #expect(try await bench.archive.history(of: id, in: 1) == log)
            gates[1].open()
            try await bench.eventually(.succeeded, id)
            #expect(try await bench.archive.history(of: id, in: 1).dropFirst(log.count).allSatisfy { $0.epoch == 2 })
        }
        #expect(try await bench.count("mail") == 1)
    }

    private static func ended(_ bench: SagaBench) async throws {
        let isOpen = Flag()
        let policy = StepPolicy {
            $0.backoff = SagaBackoff(first: .milliseconds(20), longest: .milliseconds(20), jitter: 0)
            $0.attemptLimit = 100_000
        }
        let saga = Saga(Diary.self, "closed", version: 1)
            .pivot("call", .external { _, _ in isOpen.isRaised ? .done(()) : .notSent("closed") }, policy: policy)
            .retriable("note", .local(.add(1, to: "noted"))).definition
        // With patience, the saga stays with its worker while it waits.
        let one = bench.runtime([AnySagaDefinition(saga)], leases: nil) {
            ($0.patience, $0.lease) = (.seconds(30), .seconds(3))
        }
        let other = bench.runtime([AnySagaDefinition(saga)], at: bench.second)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await one.run() }
            try await bench.eventually("a lease") { one.hasRoom }
            let id = try await bench.begin(saga, in: one)
            try await bench.eventually("an attempt") { try await bench.history(id).count > 2 }
            #expect(try await bench.record(id).owner == one.worker)
            group.cancelAll()
            try await group.waitForAll()
            isOpen.raise()
            try await bench.running(other) { try await bench.eventually(.succeeded, id) }
            #expect(try await bench.record(id).epoch >= 2)
        }
        #expect(try await bench.count("noted") == 1)
    }

    private static func handover(_ bench: SagaBench) async throws {
        let saga = Saga(Diary.self, "editing", version: 1)
            .compensatable(
                "edit", .local(.add(1, to: "edits")), undo: .local(.add(-1, to: "edits")), locks: { _ in ["document"] }
            )
            .awaiting("saved", .signal("saved")).pivot("publish", .local(.add(1, to: "published"))).definition
        let runtimes = [bench.first, bench.second].map { bench.runtime([AnySagaDefinition(saga)], at: $0) }
        try await bench.running(runtimes[0], runtimes[1]) {
            var sagas: [SagaID] = []
            for number in 0..<4 {
                sagas.append(try await bench.begin(saga, in: runtimes[number % 2]))
                let expected = Array(sagas.dropFirst())
                try await bench.eventually("it stands in line") {
                    try await bench.archive.locks(["document"], of: 1).first?.waiting == expected
                }
            }
            for (number, saga) in sagas.enumerated() {
                let lock = try await bench.archive.locks(["document"], of: 1).first
                #expect(lock?.holder == saga)
                try await bench.eventually("it has edited") { try await bench.count("edits") == Int64(number) + 1 }
                _ = try await runtimes[(number + 1) % 2].signal(saga, of: bench.tenant(), named: "saved", token: "s")
                try await bench.eventually(.succeeded, saga)
            }
            #expect(try await bench.archive.locks(["document"], of: 1) == [])
        }
        #expect(try await bench.count("published") == 4)
    }
}
