import Determinism
import StripeDriver
import StripeTestKit
import Testing

@Suite("Charges, holds and voids", .timeLimit(.minutes(2)))
struct ChargeTests {
    @Test("A charge takes the money, once, however often it is made")
    func charge() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            #expect(await bench.payments.lookup(charge) == .absent)
            let first = await bench.payments.authorize(charge)
            #expect(first.effect == .captured)
            #expect(await bench.payments.authorize(charge) == first)
            #expect(await bench.payments.lookup(charge).effect == .captured)
            let account = bench.ledger.account("k1")
            #expect(account == .init(intents: 1, charges: 1, held: 0, captured: 1_250, refunded: 0))
        }
    }

    @Test("A hold is captured once")
    func hold() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1", captures: false)
            #expect(await bench.payments.capture(charge).refusal?.code == StripeRefusal.notAuthorized)
            #expect(await bench.payments.authorize(charge).effect == .authorized)
            #expect(await bench.payments.lookup(charge).effect == .authorized)
            #expect(bench.ledger.account("k1").held == 1_250)
            #expect(await bench.payments.capture(charge).effect == .captured)
            #expect(await bench.payments.capture(charge).effect == .captured)
            #expect(bench.ledger.account("k1").captured == 1_250)
            #expect(await bench.payments.void(charge).refusal?.code == StripeRefusal.alreadyCaptured)
            // The stored answer of the confirm says “authorized”; the intent says what is so now.
            #expect(await bench.payments.authorize(charge).effect == .captured)
        }
    }

    @Test("A void releases a hold, and a charge that comes after it is refused")
    func void() async throws {
        try await Bench.with { bench in
            let held = bench.charge("k1", captures: false)
            #expect(await bench.payments.authorize(held).effect == .authorized)
            #expect(await bench.payments.void(held).effect == .voided)
            #expect(await bench.payments.void(held).effect == .voided)
            #expect(bench.ledger.account("k1").held == 0)
            #expect(await bench.payments.capture(held).refusal?.code == StripeRefusal.voided)
            let late = bench.charge("k2")
            #expect(await bench.payments.void(late).effect == .voided)
            #expect(await bench.payments.authorize(late).refusal?.code == StripeRefusal.voided)
            #expect(await bench.payments.lookup(late).refusal?.code == StripeRefusal.voided)
            #expect(bench.ledger.account("k2") == .init(intents: 1))
        }
    }

    @Test(
        "A decline is refused for good, with the issuer's reason",
        arguments: [
            ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
            ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
            ("pm_card_authenticationRequired", "authentication-required", "authentication_required"),
        ])
    func decline(_ method: String, _ code: String, _ declineCode: String) async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1", method)
            let refusal = await bench.payments.authorize(charge).refusal
            #expect(refusal?.code == code)
            #expect(refusal?.declineCode == declineCode)
            // Nothing that is still on its way can charge it any more.
            #expect(bench.ledger.statuses("k1") == ["canceled"])
            #expect(await bench.payments.lookup(charge).refusal == refusal)
            #expect(await bench.payments.authorize(charge).refusal == refusal)
            #expect(await bench.payments.void(charge).effect == .voided)
            #expect(bench.ledger.account("k1").charges == 0)
        }
    }

    @Test("A charge that waits for the customer is closed and refused")
    func customerAction() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1", "pm_card_actionRequired")
            #expect(await bench.payments.authorize(charge).refusal?.code == StripeRefusal.authenticationRequired)
            #expect(bench.ledger.statuses("k1") == ["canceled"])
            #expect(await bench.payments.void(charge).effect == .voided)
        }
    }

    @Test("A charge that Stripe is still at is unknown, then pending, then done")
    func processing() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1", "pm_card_processing")
            #expect(await bench.payments.authorize(charge).isUnknown)
            #expect(await bench.payments.lookup(charge).isPending)
            #expect(await bench.payments.void(charge).isUnknown)
            bench.ledger.finishProcessing("k1")
            #expect(await bench.payments.lookup(charge).effect == .captured)
            #expect(await bench.payments.authorize(charge).effect == .captured)
        }
    }

    @Test("A hold that has expired is refused as such")
    func expiry() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1", captures: false)
            _ = await bench.payments.authorize(charge)
            bench.ledger.expireHold("k1")
            #expect(await bench.payments.capture(charge).refusal?.code == StripeRefusal.authorizationExpired)
            #expect(await bench.payments.void(charge).effect == .voided)
        }
    }

    @Test("What Stripe does not take is refused, and nothing is left of it")
    func invalid() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1", "tok_visa")
            #expect(await bench.payments.authorize(charge).refusal?.code == "resource_missing")
            #expect(await bench.payments.lookup(charge).refusal?.code == "resource_missing")
            #expect(await bench.payments.void(charge) == .done(StripeReceipt(.voided, reference: "k1")))
            #expect(bench.ledger.account("k1").intents == 0)
        }
    }

    @Test("A charge that cannot be one is refused before anything is sent")
    func malformed() async throws {
        try await Bench.with { bench in
            var charges = ["", "white space", "line\r\nfeed", String(repeating: "k", count: 201)].map {
                bench.charge($0)
            }
            charges.append(bench.charge("k", amount: 0))
            charges.append(bench.charge("k", amount: -1))
            charges.append(bench.charge("k", "pm with space"))
            var intent = bench.charge("k")
            intent.intent = "pi_1/cancel"
            charges.append(intent)
            for charge in charges {
                #expect(await bench.payments.authorize(charge).refusal?.code == StripeRefusal.invalidRequest)
                #expect(await bench.payments.void(charge).refusal?.code == StripeRefusal.invalidRequest)
            }
            #expect(bench.ledger.requestCount == 0)
        }
    }

    @Test("A key that belongs to another charge is never taken for this one")
    func keyReuse() async throws {
        try await Bench.with { bench in
            #expect(await bench.payments.authorize(bench.charge("k1")).effect == .captured)
            let other = bench.charge("k1", amount: 9_999)
            #expect(await bench.payments.authorize(other).isUnknown)
            #expect(await bench.payments.lookup(other).isUnknown)
            #expect(bench.ledger.account("k1").captured == 1_250)
        }
    }

    @Test("An intent whose id was kept is gone to directly, and must be the charge's")
    func knownIntent() async throws {
        try await Bench.with { bench in
            var charge = bench.charge("k1", captures: false)
            charge.intent = await bench.payments.authorize(charge).reference
            #expect(charge.intent != nil)
            let requests = bench.ledger.requestCount
            #expect(await bench.payments.capture(charge).effect == .captured)
            #expect(bench.ledger.requestCount == requests + 2)
            var other = bench.charge("k2")
            other.intent = charge.intent
            #expect(await bench.payments.capture(other).isUnknown)
            other.intent = "pi_unknown"
            #expect(await bench.payments.capture(other).isUnknown)
        }
    }

    @Test("Many callers with one key make one charge")
    func parallelCallers() async throws {
        try await Bench.with { bench in
            bench.faults.add([.delay(.milliseconds(50))], on: .create)
            bench.faults.add([.delay(.milliseconds(50))], on: .confirm)
            let charge = bench.charge("k1")
            let ends = await withTaskGroup(of: Settling.End.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        await Settling.settle(rounds: 2_000) {
                            await bench.payments.authorize(charge)
                        } ask: {
                            await bench.payments.lookup(charge)
                        }
                    }
                }
                return await group.reduce(into: [Settling.End]()) { $0.append($1) }
            }
            #expect(ends == Array(repeating: .done(.captured), count: 16))
            #expect(bench.ledger.account("k1") == .init(intents: 1, charges: 1, captured: 1_250))
        }
    }

    @Test("A charge and its void at the same time end in one of the two")
    func chargeAgainstVoid() async throws {
        try await Bench.with { bench in
            for round in 0..<40 {
                let key = "k\(round)"
                let charge = bench.charge(key)
                async let charged = Settling.settle {
                    await bench.payments.authorize(charge)
                } ask: {
                    await bench.payments.lookup(charge)
                }
                let voided = await bench.payments.void(charge)
                let end = await charged
                let account = bench.ledger.account(key)
                switch end {
                case .done:
                    #expect(account.captured == 1_250)
                    #expect(voided.refusal?.code == StripeRefusal.alreadyCaptured || voided.isUnknown)
                case .refused(let code):
                    #expect(code == StripeRefusal.voided)
                    #expect(account.captured == 0)
                    #expect(voided.effect == .voided)
                case .open:
                    Issue.record("round \(round) did not end")
                }
            }
        }
    }
}
