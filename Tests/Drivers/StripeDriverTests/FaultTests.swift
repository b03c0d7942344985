import Determinism
import StripeDriver
import StripeTestKit
import Testing

/// Every call under every fault: what the call says agrees with the books, and the call can be brought to its end.
@Suite("Every call under every fault", .timeLimit(.minutes(4)))
struct FaultTests {
    static let faults: [StripeFault] = [
        .delay(.milliseconds(20)), .dropBefore, .dropAfter, .resetAfter, .unavailable, .unavailableFor(seconds: 9),
        .failWithoutEffect, .failWithEffect, .rateLimit(seconds: 7), .lockTimeout, .halfAnswer, .garbage, .stallBefore,
        .stallAfter,
    ]

    @Test("Charges and holds", arguments: faults)
    func authorize(_ fault: StripeFault) async throws {
        try await Bench.with { bench in
            for (number, plan) in Self.plans([.create, .confirm, .fetch]).enumerated() {
                for captures in [true, false] {
                    let key = "k\(number)/\(captures)"
                    let charge = bench.charge(key, captures: captures)
                    plan.arm(fault, bench.faults)
                    let first = await bench.payments.authorize(charge)
                    let charges = bench.ledger.account(key).charges
                    switch first {
                    case .done: #expect(charges == 1)
                    case .refused, .notSent: #expect(charges == 0, "\(first)")
                    case .unknown: break
                    }
                    if first.effect == nil, case .rateLimit = fault, plan.endpoint != .fetch {
                        #expect(first.unsent?.pause == .seconds(7))
                    }
                    if first.effect == nil, case .unavailableFor = fault {
                        #expect(first.unclear?.pause == .seconds(9), "\(first)")
                    }
                    let end = await Settling.settle {
                        await bench.payments.authorize(charge)
                    } ask: {
                        await bench.payments.lookup(charge)
                    }
                    #expect(end == .done(captures ? .captured : .authorized), "\(fault) \(plan)")
                    #expect(bench.ledger.account(key).charges == 1)
                    bench.faults.clear()
                }
            }
        }
    }

    @Test("Declines", arguments: faults)
    func decline(_ fault: StripeFault) async throws {
        try await Bench.with { bench in
            for (number, plan) in Self.plans([.create, .confirm, .fetch, .cancel]).enumerated() {
                let key = "k\(number)"
                let charge = bench.charge(key, "pm_card_chargeDeclined")
                plan.arm(fault, bench.faults)
                let end = await Settling.settle {
                    await bench.payments.authorize(charge)
                } ask: {
                    await bench.payments.lookup(charge)
                }
                #expect(end == .refused("card_declined"), "\(fault) \(plan)")
                #expect(bench.ledger.account(key).charges == 0)
                bench.faults.clear()
            }
        }
    }

    @Test("Captures and voids of a hold", arguments: faults)
    func endHold(_ fault: StripeFault) async throws {
        try await Bench.with { bench in
            for (number, plan) in Self.plans([.create, .fetch, .capture, .cancel]).enumerated() {
                for captures in [true, false] {
                    let key = "k\(number)/\(captures)"
                    let charge = bench.charge(key, captures: false)
                    #expect(await bench.payments.authorize(charge).effect == .authorized)
                    plan.arm(fault, bench.faults)
                    let call: () async -> StripeOutcome = {
                        captures ? await bench.payments.capture(charge) : await bench.payments.void(charge)
                    }
                    let first = await call()
                    let isOpen = bench.ledger.account(key).held == 1_250
                    if first.effect != nil { #expect(!isOpen) }
                    if first.unsent != nil { #expect(isOpen) }
                    #expect(first.refusal == nil)
                    let end = await Settling.settle(call: call, ask: { .absent })
                    #expect(end == .done(captures ? .captured : .voided), "\(fault) \(plan)")
                    let account = bench.ledger.account(key)
                    #expect(account.held == 0)
                    #expect(account.captured == (captures ? 1_250 : 0))
                    bench.faults.clear()
                }
            }
        }
    }

    @Test("Refunds", arguments: faults)
    func refund(_ fault: StripeFault) async throws {
        try await Bench.with { bench in
            for (number, plan) in Self.plans([.create, .fetch, .refund, .refunds]).enumerated() {
                let charge = bench.charge("k\(number)")
                #expect(await bench.payments.authorize(charge).effect == .captured)
                let refund = bench.refund("r\(number)", of: charge)
                plan.arm(fault, bench.faults)
                let first = await bench.payments.refund(refund)
                let given = bench.ledger.refunds(refund.key)
                if first.effect != nil { #expect(given == [500]) }
                if first.unsent != nil { #expect(given.isEmpty) }
                #expect(first.refusal == nil)
                // It came out as unknown, and nobody heard how long to wait.
                if first.effect == nil, case .rateLimit = fault, plan.endpoint == .refund {
                    #expect(first.unsent?.pause == .seconds(7))
                }
                let settle: () async -> Settling.End = {
                    await Settling.settle {
                        await bench.payments.refund(refund)
                    } ask: {
                        await bench.payments.lookup(refund)
                    }
                }
                var end = await settle()
                if end == .open {
                    // A failure that Stripe has stored for the refund lasts for a day.
                    #expect(fault == .failWithoutEffect)
                    bench.pass(.seconds(25 * 3_600))
                    end = await settle()
                }
                #expect(end == .done(.refunded), "\(fault) \(plan)")
                #expect(bench.ledger.refunds(refund.key) == [500])
                bench.faults.clear()
            }
        }
    }

    /// Where a fault strikes, and how often in a row.
    struct Plan: CustomStringConvertible {
        let endpoint: StripeEndpoint
        let count: Int
        var description: String { "\(endpoint) × \(count)" }

        func arm(_ fault: StripeFault, _ script: StripeFaultScript) {
            script.add(Array(repeating: fault, count: count), on: endpoint)
        }
    }
    private static func plans(_ endpoints: [StripeEndpoint]) -> [Plan] {
        endpoints.flatMap { [Plan(endpoint: $0, count: 1), Plan(endpoint: $0, count: 2)] }
    }
}
