import Determinism
import StripeDriver
import StripeTestKit
import Testing

/// Lives of charges under random faults, with hours and days between the calls. A failure names its seed.
@Suite("Random faults", .timeLimit(.minutes(5)))
struct RandomFaultTests {
    private static let seeds: Range<UInt64> = 0..<300

    @Test("No life of a charge holds or takes money twice, and each ends as the books say")
    func lives() async throws {
        try await Bench.with { bench in
            for seed in Self.seeds { await Life(seed: seed, bench: bench).run() }
        }
    }

    @Test("Two that work on one charge at the same time, under random faults, do no more than one")
    func pairs() async throws {
        try await Bench.with { bench in
            for seed in 0..<UInt64(120) {
                let life = Life(seed: 10_000 + seed, bench: bench)
                life.addFaults(6)
                let charge = life.charge
                async let one = life.settleCharge()
                async let other = life.settleCharge()
                let ends = await (one, other)
                let account = bench.ledger.account(charge.key)
                #expect(account.charges <= 1, "seed \(seed)")
                for end in [ends.0, ends.1] {
                    switch end {
                    case .done: #expect(account.charges == 1, "seed \(seed)")
                    case .refused: #expect(account.charges == 0, "seed \(seed)")
                    case .open: Issue.record("seed \(seed) did not end")
                    }
                }
                bench.faults.clear()
            }
        }
    }
}

/// One charge from its begin to its end.
private struct Life: Sendable {
    private static let faults: [StripeFault] = [
        .none, .none, .none, .delay(.milliseconds(2)), .dropBefore, .dropAfter, .resetAfter, .unavailable,
        .failWithoutEffect, .failWithEffect, .rateLimit(seconds: 1), .lockTimeout, .halfAnswer, .garbage, .stallAfter,
    ]
    private static let methods = [
        "pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired",
        "pm_card_actionRequired",
    ]
    let seed: UInt64
    let bench: Bench
    let random: SeededRandom
    let charge: StripeCharge

    init(seed: UInt64, bench: Bench) {
        (self.seed, self.bench, random) = (seed, bench, SeededRandom(seed: seed))
        let method = Self.methods[Int(random.next(below: UInt64(Self.methods.count)))]
        charge = bench.charge("life\(seed)", method, captures: random.next(below: 2) == 0)
    }

    func addFaults(_ count: UInt64) {
        for _ in 0..<random.next(below: count + 1) {
            bench.faults.add([Self.faults[Int(random.next(below: UInt64(Self.faults.count)))]])
        }
    }

    /// Hours pass, sometimes.
    private func pass() {
        let hours = [0, 0, 0, 0, 1, 5, 21, 23, 24, 30, 100][Int(random.next(below: 11))]
        bench.pass(.seconds(hours * 3_600))
    }

    func settleCharge() async -> Settling.End {
        await Settling.settle(rounds: 200) {
            await bench.payments.authorize(charge)
        } ask: {
            await bench.payments.lookup(charge)
        }
    }

    func run() async {
        bench.ledger.setSearchLag(.seconds(Int(random.next(below: 3_600))))
        for _ in 0..<random.next(below: 4) {
            addFaults(5)
            let outcome = await bench.payments.authorize(charge)
            check(outcome)
            pass()
        }
        let isGivenUp = random.next(below: 4) == 0
        addFaults(8)
        if isGivenUp { await giveUp() } else { await complete() }
        let account = bench.ledger.account(charge.key)
        #expect(account.charges <= 1, "seed \(seed)")
        bench.faults.clear()
    }

    private func check(_ outcome: StripeOutcome) {
        let account = bench.ledger.account(charge.key)
        switch outcome {
        case .done: #expect(account.charges == 1, "seed \(seed): \(outcome)")
        case .refused: #expect(account.charges == 0, "seed \(seed): \(outcome)")
        case .notSent, .unknown: #expect(account.charges <= 1, "seed \(seed): \(outcome)")
        }
    }

    /// A caller that has had enough: either it is voided and stays so, or the money had been taken.
    private func giveUp() async {
        let end = await settle { await bench.payments.void(charge) }
        let account = bench.ledger.account(charge.key)
        switch end {
        case .done(.voided):
            #expect(account.held == 0 && account.captured == 0, "seed \(seed)")
            pass()
            let late = await bench.payments.authorize(charge)
            #expect(late.effect == nil, "seed \(seed): \(late)")
            let after = bench.ledger.account(charge.key)
            #expect(after.held == 0 && after.captured == 0, "seed \(seed)")
        case .refused(StripeRefusal.alreadyCaptured):
            #expect(account.captured == charge.amount.value, "seed \(seed)")
        default:
            Issue.record("seed \(seed): a void ended as \(end)")
        }
    }

    private func complete() async {
        var end = await settleCharge()
        for _ in 0..<3 where end == .open {
            // An old charge under whose key Stripe has stored a failure waits until the key is forgotten.
            bench.pass(.seconds(25 * 3_600))
            end = await settleCharge()
        }
        pass()
        if end == .done(.authorized) {
            end = await settle { await bench.payments.capture(charge) }
            pass()
        }
        let account = bench.ledger.account(charge.key)
        switch end {
        case .done(.captured):
            #expect(account.captured == charge.amount.value && account.charges == 1, "seed \(seed)")
            await giveBack()
        case .refused:
            #expect(account.charges == 0, "seed \(seed)")
            #expect(charge.paymentMethod != "pm_card_visa", "seed \(seed)")
        default:
            Issue.record("seed \(seed): a charge ended as \(end)")
        }
    }

    private func giveBack() async {
        let refund = bench.refund("back\(seed)", of: charge)
        var end = Settling.End.open
        for _ in 0..<4 where end == .open {
            addFaults(4)
            end = await Settling.settle(rounds: 20) {
                await bench.payments.refund(refund)
            } ask: {
                await bench.payments.lookup(refund)
            }
            // A failure stored for the refund lasts for a day.
            if end == .open { bench.pass(.seconds(25 * 3_600)) }
        }
        #expect(end == .done(.refunded), "seed \(seed)")
        #expect(bench.ledger.refunds(refund.key) == [500], "seed \(seed)")
    }

    private func settle(_ call: () async -> StripeOutcome) async -> Settling.End {
        for _ in 0..<4 {
            let end = await Settling.settle(rounds: 60, call: call, ask: { .absent })
            if end != .open { return end }
            bench.pass(.seconds(25 * 3_600))
        }
        return .open
    }
}
