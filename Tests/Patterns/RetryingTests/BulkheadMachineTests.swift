import Determinism
import Testing

@testable import Retrying

/// `BulkheadMachine` beside a list of everybody who waits.
@Suite("Bulkheads: places")
struct BulkheadMachineTests {
    private struct Model {
        let (limit, queueLimit): (Int, Int)
        var running = 0
        var waiting: [UInt64] = []
        var refusals: UInt64 = 0
        var given: UInt64 = 0

        mutating func enter() -> BulkheadMachine.Entry {
            if waiting.isEmpty, running < limit {
                running += 1
                return .entered
            }
            if waiting.count >= queueLimit {
                refusals += 1
                return .refused
            }
            waiting.append(given)
            given += 1
            return .queued(given - 1)
        }
        mutating func leave() -> UInt64? {
            if waiting.isEmpty {
                running -= 1
                return nil
            }
            return waiting.removeFirst()
        }
        mutating func abandon(_ number: UInt64) -> Bool {
            guard let index = waiting.firstIndex(of: number) else { return false }
            waiting.remove(at: index)
            return true
        }
    }

    private func compare(seed: UInt64, limit: Int, queueLimit: Int, steps: Int, entering: UInt64) {
        let random = SeededRandom(seed: seed)
        var (machine, model) = (
            BulkheadMachine(limit: limit, queueLimit: queueLimit), Model(limit: limit, queueLimit: queueLimit)
        )
        for step in 0..<steps {
            let comment: Comment = "seed \(seed), step \(step)"
            switch random.next(below: 100) {
            case ..<entering:
                let (entry, expected) = (machine.enter(), model.enter())
                #expect(entry == expected, comment)
            case ..<80 where model.running > 0:
                let (next, expected) = (machine.leave(), model.leave())
                #expect(next == expected, comment)
            default:
                // Anybody who ever waited, some who still do, and some who never have.
                let number =
                    Bool.random(random)
                    ? random.next(below: model.given + 3)
                    : model.waiting.isEmpty ? 0 : model.waiting[Int(random.next(below: UInt64(model.waiting.count)))]
                let (isOut, expected) = (machine.abandon(number), model.abandon(number))
                #expect(isOut == expected, comment)
            }
            #expect(machine.running == model.running, comment)
            #expect(machine.waiting == model.waiting.count, comment)
            #expect(machine.refusals == model.refusals, comment)
            #expect(machine.running <= limit && machine.waiting <= queueLimit, comment)
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func itAgreesWithAList(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        compare(
            seed: seed, limit: 1 + Int(random.next(below: 4)), queueLimit: Int(random.next(below: 6)), steps: 300,
            entering: 30 + random.next(below: 30))
    }

    @Test(arguments: 0..<10 as Range<UInt64>) func itAgreesWithAListWhenQueuesAreLong(seed: UInt64) {
        compare(seed: 1_000 + seed, limit: 2, queueLimit: 300, steps: 6_000, entering: 50)
    }

    @Test func itIsFirstComeFirstServed() {
        var machine = BulkheadMachine(limit: 1, queueLimit: 3)
        let entries = (0..<5).map { _ in machine.enter() }
        #expect(entries == [.entered, .queued(0), .queued(1), .queued(2), .refused])
        let isOut = machine.abandon(1)
        #expect(isOut)
        let served = (0..<3).map { _ in machine.leave() }
        #expect(served == [0, 2, nil])
        #expect(machine.running == 0)
    }

    @Test func whoIsInCannotLeaveTheQueue() {
        var machine = BulkheadMachine(limit: 1, queueLimit: 1)
        _ = (machine.enter(), machine.enter())
        let next = machine.leave()
        #expect(next == 0)
        let (again, never) = (machine.abandon(0), machine.abandon(7))
        #expect(!again && !never)
        #expect(machine.running == 1)
    }

    /// One waits for long, and behind it others come and are cancelled.
    @Test func whoHasLeftTakesNoMemory() throws {
        var machine = BulkheadMachine(limit: 1, queueLimit: 4)
        _ = (machine.enter(), machine.enter())
        for number in 1...10_000 as ClosedRange<UInt64> {
            let entry = machine.enter()
            #expect(entry == .queued(number))
            let isOut = machine.abandon(number)
            #expect(isOut)
        }
        let queue = try #require(Mirror(reflecting: machine).children.first { $0.label == "queue" }?.value as? [UInt64])
        #expect(queue.count <= 4)
    }

    @Test func whoWasServedTakesNoMemory() throws {
        var machine = BulkheadMachine(limit: 1, queueLimit: 100)
        _ = machine.enter()
        for _ in 0..<50 { _ = machine.enter() }
        for _ in 0..<10_000 { _ = (machine.enter(), machine.leave()) }
        #expect(machine.waiting == 50)
        let queue = try #require(Mirror(reflecting: machine).children.first { $0.label == "queue" }?.value as? [UInt64])
        #expect(queue.count <= 200)
    }
}

extension Bool {
    fileprivate static func random(_ source: any RandomSource) -> Bool { source.next() & 1 == 1 }
}
