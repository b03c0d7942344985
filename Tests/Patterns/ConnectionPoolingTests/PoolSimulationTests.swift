import ConnectionPooling
import Determinism
import Testing

@testable import ConnectionPoolingTestKit

@Suite("Simulated pools")
struct PoolSimulationTests {
    @Test("Every promise holds under random events")
    func promisesHold() async throws {
        var total = PoolSimulation.Summary()
        for seed in UInt64(0)..<80 {
            total += try PoolSimulation(seed: seed).run()
            await Task.yield()
        }
        #expect(total.grants > 3_000 && total.immediate > 1_000, "\(total)")
        #expect(total.replacements > 50, "\(total)")
        for reason in [PoolRefusal.timedOut, .cancelled, .queueFull, .unavailable, .shed] {
            #expect(total.refusals[reason, default: 0] > 0, "nobody was ever refused as \(reason): \(total)")
        }
        for reason in [CloseReason.idle, .lifetime, .evicted, .broken, .notReset, .notValid, .suspect, .shutDown] {
            #expect(total.closes[reason, default: 0] > 0, "nothing was ever closed as \(reason): \(total)")
        }
    }

    /// A model that hears no lie is worth nothing: each way of getting it wrong must be noticed.
    @Test("A machine that gets it wrong is caught", arguments: Lie.allCases)
    func lieIsCaught(lie: Lie) async {
        var failures: [PoolSimulation.Failure] = []
        for seed in UInt64(0)..<10 {
            if let failure = failure(seed: seed, lie) { failures.append(failure) }
            await Task.yield()
        }
        #expect(!failures.isEmpty)
        for failure in failures.prefix(1) {
            #expect(failure.steps.count < 100, "hardly shrunk: \(failure)")
            #expect("\(failure)".contains("seed \(failure.seed)"))
        }
    }

    private func failure(seed: UInt64, _ lie: Lie) -> PoolSimulation.Failure? {
        let simulation = PoolSimulation(seed: seed, steps: 400, configuration: nil) { $0.flatMap(lie.tell) }
        do throws(PoolSimulation.Failure) {
            try simulation.run()
            return nil
        } catch { return error }
    }

    enum Lie: CaseIterable {
        case forgetsGrant, grantsTwice, closesTwice, neverCloses, validatesInVain, refusesWrongly, swapsWaiters

        @Sendable func tell(_ action: PoolAction) -> [PoolAction] {
            switch (self, action) {
            case (.forgetsGrant, .grant), (.neverCloses, .close): []
            case (.grantsTwice, .grant), (.closesTwice, .close): [action, action]
            case (.validatesInVain, .close(let id, _)): [.validate(id)]
            case (.refusesWrongly, .refuse(let id, _, let since)): [.refuse(id, .unavailable, enqueued: since)]
            case (.swapsWaiters, .grant(let id, let lease, let since)):
                [.grant(WaiterID(index: id.index, number: id.number + 1), lease, enqueued: since)]
            default: [action]
            }
        }
    }
}
