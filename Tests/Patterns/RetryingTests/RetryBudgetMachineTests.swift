import Determinism
import Retrying
import Testing

/// `RetryBudgetMachine`: never more retries than calls and time have paid for.
@Suite("Retry budgets: the account")
struct RetryBudgetMachineTests {
    private let start = Instant(nanoseconds: 1_000)

    private func machine(_ percent: Int, _ perSecond: Int, _ capacity: Int) -> RetryBudgetMachine {
        RetryBudgetMachine(percent: percent, perSecond: perSecond, capacity: capacity, now: start)
    }

    private func granted(_ machine: inout RetryBudgetMachine, of count: Int, at now: Instant) -> Int {
        (0..<count).reduce(0) { granted, _ in granted + (machine.withdraw(now: now) ? 1 : 0) }
    }

    @Test func itBeginsFull() {
        var machine = machine(20, 1, 50)
        #expect(machine.balance(now: start) == 50)
        #expect(granted(&machine, of: 60, at: start) == 50)
        #expect(machine.refusals == 10)
        #expect(machine.balance(now: start) == 0)
    }

    @Test func callsPayForTheirShare() {
        var machine = machine(20, 0, 50)
        _ = granted(&machine, of: 50, at: start)
        for call in 1...100 {
            machine.deposit()
            #expect(machine.withdraw(now: start) == (call % 5 == 0), "call \(call)")
        }
        #expect(machine.refusals == 80)
    }

    @Test func timePaysToo() {
        var machine = machine(0, 4, 50)
        _ = granted(&machine, of: 50, at: start)
        #expect(granted(&machine, of: 1, at: start + .nanoseconds(249_999_999)) == 0)
        #expect(granted(&machine, of: 1, at: start + .milliseconds(250)) == 1)
        #expect(granted(&machine, of: 50, at: start + .milliseconds(2_250)) == 8)
    }

    @Test(arguments: [1, 7, 1_000_000]) func noMoreIsSavedThanTheCapacity(perSecond: Int) {
        var machine = machine(1_000, perSecond, 3)
        for _ in 0..<100 { machine.deposit() }
        #expect(machine.balance(now: start + .seconds(Int64.max)) == 3)
        _ = granted(&machine, of: 3, at: .init(nanoseconds: .max))
        for _ in 0..<100 { machine.deposit() }
        #expect(machine.balance(now: Instant(nanoseconds: .max)) == 3)
    }

    @Test func settingsOutsideOfTheirRangesAreTheNearestInside() {
        var low = machine(-5, -5, 0)
        #expect(granted(&low, of: 10, at: start) == 1)
        low.deposit()
        #expect(granted(&low, of: 1, at: start + .seconds(1_000_000)) == 0, "nothing pays")
        var high = machine(.max, .max, .max)
        #expect(high.balance(now: start) == 1_000_000)
        #expect(granted(&high, of: 1_000_000, at: start) == 1_000_000)
        high.deposit()
        #expect(granted(&high, of: 20, at: start) == 10, "ten for a call are the most")
    }

    @Test func aReadingThatComesLateIsNotPaidForTwice() {
        var machine = machine(0, 1, 5)
        _ = granted(&machine, of: 5, at: start)
        // Two threads that read the clock in one order and get to the lock in the other.
        for _ in 0..<100 {
            _ = machine.balance(now: start + .milliseconds(900))
            _ = machine.balance(now: start)
        }
        #expect(machine.balance(now: start + .milliseconds(999)) == 0)
        #expect(machine.balance(now: start + .seconds(1)) == 1)
    }

    @Test func aClockThatWasPutBackGoesOnFromThere() {
        var machine = machine(0, 1, 5)
        let late = start + .seconds(3_600)
        _ = granted(&machine, of: 5, at: late)
        #expect(machine.balance(now: late + .seconds(-1_800)) == 0)
        #expect(machine.balance(now: late + .milliseconds(-1_799_001)) == 0)
        #expect(machine.balance(now: late + .seconds(-1_799)) == 1)
    }

    /// Beside a number that cannot overflow.
    @Test(arguments: 0..<100 as Range<UInt64>) func itIsWhatCallsAndTimeHavePaidFor(seed: UInt64) {
        let schedule = BudgetSchedule(seed: seed)
        let second: Int128 = 1_000_000_000
        let capacity = Int128(schedule.capacity) * second
        var machine = schedule.machine
        var (saved, latest, refusals) = (capacity, Int128(0), UInt64(0))
        for event in schedule.events(lateReadings: false) {
            saved = min(saved + (Int128(event.moment) - latest) * Int128(schedule.perSecond), capacity)
            latest = Int128(event.moment)
            if event.isCall {
                machine.deposit()
                saved = min(saved + Int128(schedule.percent) * second / 100, capacity)
            } else {
                let isPaid = saved >= second
                if isPaid { saved -= second } else { refusals += 1 }
                #expect(machine.withdraw(now: event.reading) == isPaid)
            }
            #expect(machine.balance(now: event.reading) == Int(saved / second))
        }
        #expect(machine.refusals == refusals)
    }

    /// Over every stretch of every schedule: retries ≤ capacity + percent of the calls + perSecond × time, whatever
    /// order the clock's readings come in. A reading may be up to 900 ms late, so that at the beginning of a stretch,
    /// and behind a clock that was put back, that much time may still have to be paid for.
    @Test(arguments: [false, true]) func noStretchHasMoreRetriesThanItHasPaidFor(lateReadings: Bool) {
        var granted = 0
        for seed in 0..<300 as Range<UInt64> {
            let schedule = BudgetSchedule(seed: seed)
            var machine = schedule.machine
            let second: Int128 = 1_000_000_000
            let late = Int128(schedule.perSecond) * 900_000_000
            let slack = lateReadings ? late : 0
            // What was granted less what was paid, and the least that this has been.
            var (debt, least): (Int128, Int128) = (0, 0)
            var latest: Int64 = 0
            for event in schedule.events(lateReadings: lateReadings) {
                debt -= Int128(event.moment - latest) * Int128(schedule.perSecond)
                latest = event.moment
                if event.isPutBack { debt -= late }
                least = min(least, debt)
                if event.isCall {
                    machine.deposit()
                    debt -= Int128(schedule.percent) * second / 100
                } else if machine.withdraw(now: event.reading) {
                    debt += second
                    granted += 1
                }
                least = min(least, debt)
                #expect(debt - least <= Int128(schedule.capacity) * second + slack, "seed \(seed)")
            }
        }
        #expect(granted > 10_000, "the schedules are worth something")
    }
}

/// Calls and failures at random moments, on a clock whose readings may come late and that may be put back.
private struct BudgetSchedule {
    struct Event {
        /// The true time, in nanoseconds.
        let moment: Int64
        /// What the clock said, by the time that it matters.
        let reading: Instant
        let isCall: Bool
        /// Since the event before, the clock was put back.
        let isPutBack: Bool
    }
    let (percent, perSecond, capacity): (Int, Int, Int)
    private let seed: UInt64

    init(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        percent = Int(random.next(below: 120))
        perSecond = Int(random.next(below: 40))
        capacity = 1 + Int(random.next(below: 20))
        self.seed = random.next()
    }

    var machine: RetryBudgetMachine {
        RetryBudgetMachine(percent: percent, perSecond: perSecond, capacity: capacity, now: Instant(nanoseconds: 0))
    }

    func events(lateReadings: Bool) -> [Event] {
        let random = SeededRandom(seed: seed)
        let share = 20 + random.next(below: 60)
        var (moment, offset): (Int64, Int64) = (0, 0)
        return (0..<400).map { _ in
            let longest: UInt64 = random.next(below: 30) == 0 ? 5_000_000_000 : 40_000_000
            moment += Int64(random.next(below: longest))
            let isLate = lateReadings && random.next(below: 3) == 0
            let late = isLate ? Int64(random.next(below: 900_000_000)) : 0
            let isPutBack = lateReadings && random.next(below: 100) == 0
            if isPutBack { offset -= 2_000_000_000 + Int64(random.next(below: 98_000_000_000)) }
            return Event(
                moment: moment, reading: Instant(nanoseconds: moment + offset - late),
                isCall: random.next(below: 100) < share, isPutBack: isPutBack)
        }
    }
}
