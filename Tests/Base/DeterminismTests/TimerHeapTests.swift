import Testing

@testable import Determinism

/// `TimerHeap` beside a sorted array that does the same slowly.
@Suite("Timer heap")
struct TimerHeapTests {
    private final class Target: DeadlineTarget {
        let number: Int
        init(_ number: Int) { self.number = number }
        func deadlinePassed() {}
    }

    /// A heap to be used inside of `#expect`, which takes no mutating calls.
    private final class Bench {
        private var heap = TimerHeap()
        var count: Int { heap.count }
        var earliest: Instant? { heap.earliest }
        func insert(_ target: Target, at deadline: Int64) -> TimerTicket {
            heap.insert(target, at: Instant(nanoseconds: deadline))
        }
        func remove(_ ticket: TimerTicket) -> Bool { heap.remove(ticket) }
        func takeDue(now: Int64) -> Target? { heap.takeDue(now: Instant(nanoseconds: now)) as? Target }
    }

    private struct Model {
        var entries: [(deadline: Int64, number: Int)] = []

        func earliest() -> Int64? { entries.map(\.deadline).min() }
    }

    @Test(arguments: UInt64(0)..<60)
    func doesWhatASortedArrayDoes(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        let heap = Bench()
        var model = Model()
        var tickets: [(ticket: TimerTicket, number: Int)] = []
        // Few different deadlines make for many equal ones.
        let span: UInt64 = seed % 3 == 0 ? 8 : 1_000
        for step in 0..<600 {
            switch random.next(below: 10) {
            case 0..<5:
                let deadline = Int64(random.next(below: span))
                let ticket = heap.insert(Target(step), at: deadline)
                #expect(!tickets.contains { $0.ticket == ticket }, "a ticket was given twice")
                model.entries.append((deadline, step))
                tickets.append((ticket, step))
            case 5..<8 where !tickets.isEmpty:
                // Any ticket that was ever given: what it named may be gone, and its slot may be somebody else's.
                let (ticket, number) = tickets[Int(random.next(below: UInt64(tickets.count)))]
                let isThere = model.entries.contains { $0.number == number }
                #expect(heap.remove(ticket) == isThere)
                model.entries.removeAll { $0.number == number }
            default:
                let now = Int64(random.next(below: span))
                let due = model.earliest().map { $0 <= now } ?? false
                let target = heap.takeDue(now: now)
                #expect((target != nil) == due)
                guard let target else { continue }
                let index = try #require(model.entries.firstIndex { $0.number == target.number }, "one that was gone")
                #expect(model.entries[index].deadline == model.earliest(), "not the earliest one")
                model.entries.remove(at: index)
            }
            #expect(heap.count == model.entries.count)
            #expect(heap.earliest?.nanoseconds == model.earliest())
        }
    }

    @Test func takesOutInTheOrderOfTheDeadlines() {
        let heap = Bench()
        let random = SeededRandom(seed: 5)
        let deadlines = (0..<2_000).map { _ in Int64(random.next(below: 500)) }
        for deadline in deadlines { _ = heap.insert(Target(Int(deadline)), at: deadline) }
        var taken: [Int64] = []
        while let target = heap.takeDue(now: .max) { taken.append(Int64(target.number)) }
        #expect(taken == deadlines.sorted())
        #expect(heap.count == 0)
    }

    @Test func aDeadlineIsReachedInItsOwnInstant() {
        let heap = Bench()
        _ = heap.insert(Target(1), at: 10)
        #expect(heap.takeDue(now: 9) == nil)
        #expect(heap.takeDue(now: 10) != nil)
    }

    @Test func ticketOfAReusedSlotTakesNothingOut() {
        let heap = Bench()
        let first = heap.insert(Target(1), at: 1)
        #expect(heap.remove(first))
        let second = heap.insert(Target(2), at: 1)
        #expect(second.slot == first.slot, "the slot is reused")
        #expect(!heap.remove(first))
        #expect(heap.count == 1)
        #expect(heap.remove(second))
        #expect(!heap.remove(second))
    }

    @Test func ticketThatWasNeverGivenTakesNothingOut() {
        let heap = Bench()
        _ = heap.insert(Target(1), at: 1)
        #expect(!heap.remove(TimerTicket(slot: 7, number: 0)))
        #expect(!heap.remove(TimerTicket(slot: -1, number: 0)))
        #expect(heap.count == 1)
    }

    @Test func holdsOnToNobodyWhoIsOut() {
        let heap = Bench()
        weak var weakly: Target?
        let ticket: TimerTicket
        do {
            let target = Target(1)
            weakly = target
            ticket = heap.insert(target, at: 1)
        }
        #expect(weakly != nil)
        _ = heap.remove(ticket)
        #expect(weakly == nil)
    }
}
