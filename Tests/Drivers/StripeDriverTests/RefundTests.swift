import Determinism
import StripeDriver
import StripeTestKit
import Testing

@Suite("Refunds", .timeLimit(.minutes(2)))
struct RefundTests {
    @Test("A refund gives back its amount, once, however often it is made")
    func refund() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            _ = await bench.payments.authorize(charge)
            let refund = bench.refund("r1", of: charge)
            #expect(await bench.payments.lookup(refund) == .absent)
            let first = await bench.payments.refund(refund)
            #expect(first.effect == .refunded)
            #expect(await bench.payments.refund(refund) == first)
            #expect(await bench.payments.lookup(refund).effect == .refunded)
            #expect(bench.ledger.refunds("r1") == [500])
            #expect(await bench.payments.refund(bench.refund("r2", of: charge, amount: 750)).effect == .refunded)
            #expect(bench.ledger.account("k1").balance == 0)
        }
    }

    @Test("More than what was captured is refused")
    func tooMuch() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            _ = await bench.payments.authorize(charge)
            #expect(await bench.payments.refund(bench.refund("r1", of: charge, amount: 1_251)).refusal != nil)
            #expect(await bench.payments.refund(bench.refund("r2", of: charge, amount: 1_250)).effect == .refunded)
            let more = bench.refund("r3", of: charge, amount: 1)
            #expect(await bench.payments.refund(more).refusal?.code == "charge_already_refunded")
            #expect(await bench.payments.lookup(more) == .absent)
            #expect(bench.ledger.account("k1").refunded == 1_250)
        }
    }

    @Test("What was not captured is not refunded")
    func notCaptured() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1", captures: false)
            #expect(await bench.payments.refund(bench.refund("r1", of: charge)).refusal?.code == "not-captured")
            _ = await bench.payments.authorize(charge)
            #expect(await bench.payments.refund(bench.refund("r1", of: charge)).refusal?.code == "not-captured")
            #expect(bench.ledger.account("k1").held == 1_250)
        }
    }

    @Test("A refund that Stripe is still at is pending, then done or failed", arguments: ["succeeded", "failed"])
    func pending(_ end: String) async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            _ = await bench.payments.authorize(charge)
            bench.ledger.setRefundStatus("pending")
            let refund = bench.refund("r1", of: charge)
            #expect(await bench.payments.refund(refund).isUnknown)
            #expect(await bench.payments.lookup(refund).isPending)
            bench.ledger.finishRefunds(end)
            let answer = await bench.payments.lookup(refund)
            // Called again, the stored answer still says “pending”.
            let again = await bench.payments.refund(refund)
            if end == "succeeded" {
                #expect(answer.effect == .refunded)
                #expect(again.effect == .refunded)
            } else {
                #expect(answer.refusal?.code == StripeRefusal.refundFailed)
                #expect(again.refusal?.code == StripeRefusal.refundFailed)
            }
        }
    }

    @Test("A refund is found among many, over several pages")
    func pages() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1", amount: 100_000)
            _ = await bench.payments.authorize(charge)
            for number in 0..<230 {
                #expect(await bench.payments.refund(bench.refund("r\(number)", of: charge, amount: 1)).effect != nil)
            }
            #expect(await bench.payments.lookup(bench.refund("r0", of: charge, amount: 1)).effect == .refunded)
            #expect(await bench.payments.lookup(bench.refund("r230", of: charge, amount: 1)) == .absent)
            // Another amount under a known key is not that refund.
            #expect(await bench.payments.lookup(bench.refund("r1", of: charge, amount: 2)).isUnknown)
        }
    }

    @Test("A refund's repetition is known after its key was forgotten")
    func afterADay() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            _ = await bench.payments.authorize(charge)
            let refund = bench.refund("r1", of: charge)
            bench.faults.add([.dropAfter], on: .refund)
            #expect(await bench.payments.refund(refund).isUnknown)
            bench.pass(.seconds(30 * 3_600))
            #expect(await bench.payments.refund(refund).effect == .refunded)
            #expect(bench.ledger.refunds("r1") == [500])
        }
    }

    @Test("A failure that Stripe stored for a refund is never gone around with another key")
    func storedFailure() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            _ = await bench.payments.authorize(charge)
            let lost = bench.refund("r1", of: charge)
            bench.faults.add([.failWithEffect], on: .refund)
            #expect(await bench.payments.refund(lost).isUnknown)
            #expect(await bench.payments.refund(lost).effect == .refunded)
            #expect(bench.ledger.refunds("r1") == [500])
            let failed = bench.refund("r2", of: charge)
            bench.faults.add([.failWithoutEffect], on: .refund)
            #expect(await bench.payments.refund(failed).isUnknown)
            #expect(await bench.payments.refund(failed).isUnknown)
            #expect(bench.ledger.refunds("r2").isEmpty)
            // The key is forgotten after a day; then the list decides.
            bench.pass(.seconds(25 * 3_600))
            #expect(await bench.payments.refund(failed).effect == .refunded)
            #expect(bench.ledger.refunds("r2") == [500])
        }
    }

    @Test("A refund that cannot be one is refused before anything is sent")
    func malformed() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            var refunds = [
                bench.refund("k1", of: charge), bench.refund("a b", of: charge),
                bench.refund("r", of: charge, amount: 0), bench.refund("r", of: bench.charge("")),
            ]
            var foreign = bench.refund("r", of: charge)
            foreign.amount = StripeAmount(1, "usd")
            refunds.append(foreign)
            for refund in refunds {
                #expect(await bench.payments.refund(refund).refusal?.code == StripeRefusal.invalidRequest)
                #expect(await bench.payments.lookup(refund).refusal?.code == StripeRefusal.invalidRequest)
            }
            #expect(bench.ledger.requestCount == 0)
        }
    }
}
