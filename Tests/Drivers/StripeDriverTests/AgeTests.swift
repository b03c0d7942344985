import Determinism
import StripeDriver
import StripeTestKit
import Testing

/// What holds when a key is old, and when Stripe has stored a failure under it.
@Suite("Keys that grow old or go bad", .timeLimit(.minutes(2)))
struct AgeTests {
    private static let day: Duration = .seconds(86_400)

    @Test("A charge whose answer was lost is found after its key was forgotten", arguments: [23, 25, 200])
    func found(_ hours: Int) async throws {
        try await Bench.with { bench in
            bench.ledger.setSearchLag(.seconds(3_600))
            let charge = bench.charge("k'1\\x")
            bench.faults.add([.dropAfter], on: .confirm)
            #expect(await bench.payments.authorize(charge).isUnknown)
            bench.pass(.seconds(hours * 3_600))
            #expect(await bench.payments.lookup(charge).effect == .captured)
            #expect(await bench.payments.authorize(charge).effect == .captured)
            #expect(bench.ledger.account(charge.key) == .init(intents: 1, charges: 1, captured: 1_250))
        }
    }

    @Test("An old charge that arrived late is known by its key, while the search does not show it yet")
    func lateArrival() async throws {
        try await Bench.with { bench in
            bench.ledger.setSearchLag(.seconds(3_600))
            let charge = bench.charge("k1")
            bench.faults.add([.dropBefore], on: .create)
            #expect(await bench.payments.authorize(charge).isUnknown)
            bench.pass(.seconds(40 * 3_600))
            bench.faults.add([.dropAfter], on: .confirm)
            #expect(await bench.payments.authorize(charge).isUnknown)
            #expect(await bench.payments.lookup(charge).effect == .captured)
            bench.pass(.seconds(23 * 3_600))
            #expect(await bench.payments.authorize(charge).effect == .captured)
            bench.pass(.seconds(2 * 3_600))
            #expect(await bench.payments.authorize(charge).effect == .captured)
            #expect(bench.ledger.account("k1") == .init(intents: 1, charges: 1, captured: 1_250))
        }
    }

    @Test("A void stays found, however old")
    func oldVoid() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            #expect(await bench.payments.void(charge).effect == .voided)
            bench.pass(Self.day * 3)
            #expect(await bench.payments.authorize(charge).refusal?.code == StripeRefusal.voided)
            #expect(bench.ledger.account("k1").charges == 0)
        }
    }

    @Test("Where the search is not to be had, an old charge stays unknown, unless its intent's id was kept")
    func withoutSearch() async throws {
        try await Bench.with { bench in
            var charge = bench.charge("k1")
            let receipt = await bench.payments.authorize(charge)
            bench.pass(Self.day * 2)
            bench.ledger.setSearchable(false)
            #expect(await bench.payments.lookup(charge).isUnknown)
            #expect(await bench.payments.authorize(charge).isUnknown)
            #expect(bench.ledger.account("k1").intents == 1)
            charge.intent = receipt.reference
            #expect(await bench.payments.lookup(charge).effect == .captured)
        }
    }

    @Test("The search ignores case; the driver does not")
    func caseOfKeys() async throws {
        try await Bench.with { bench in
            let upper = bench.charge("KEY"), lower = bench.charge("key")
            #expect(await bench.payments.authorize(upper).effect == .captured)
            bench.pass(Self.day * 2)
            #expect(await bench.payments.lookup(lower) == .absent)
            #expect(await bench.payments.lookup(upper).effect == .captured)
        }
    }

    @Test("A failure stored for a create is gone around; one charge comes of it")
    func storedCreate() async throws {
        try await Bench.with { bench in
            for (number, fault) in [StripeFault.failWithEffect, .failWithoutEffect].enumerated() {
                let charge = bench.charge("k\(number)")
                bench.faults.add([fault, .none, fault], on: .create)
                #expect(await bench.payments.authorize(charge).isUnknown)
                #expect(await bench.payments.authorize(charge).isUnknown)
                #expect(await bench.payments.authorize(charge).effect == .captured)
                #expect(bench.ledger.account(charge.key).charges == 1)
                // The intent that counts is found again when the keys are forgotten, whatever else was left behind.
                bench.pass(Self.day * 2)
                #expect(await bench.payments.lookup(charge).effect == .captured)
                #expect(await bench.payments.authorize(charge).effect == .captured)
                #expect(await bench.payments.void(charge).refusal?.code == StripeRefusal.alreadyCaptured)
                #expect(bench.ledger.account(charge.key).charges == 1)
            }
        }
    }

    @Test("An old charge does not go around it: the search may not show yet what the next key has made")
    func storedCreateOfAnOldCharge() async throws {
        try await Bench.with { bench in
            bench.ledger.setSearchLag(.seconds(3_600))
            let charge = bench.charge("k1")
            bench.pass(.seconds(23 * 3_600))
            bench.faults.add([.failWithEffect], on: .create)
            #expect(await bench.payments.authorize(charge).isUnknown)
            #expect(await bench.payments.authorize(charge).isUnknown)
            #expect(bench.ledger.account("k1").intents == 1)
            bench.pass(.seconds(3_601))
            #expect(await bench.payments.authorize(charge).effect == .captured)
            #expect(bench.ledger.account("k1") == .init(intents: 1, charges: 1, captured: 1_250))
        }
    }

    @Test("A failure stored for a confirm: the intent says whether it charged; if not, the next key is taken")
    func storedConfirm() async throws {
        try await Bench.with { bench in
            let done = bench.charge("k1")
            bench.faults.add([.failWithEffect], on: .confirm)
            #expect(await bench.payments.authorize(done).isUnknown)
            #expect(await bench.payments.lookup(done).effect == .captured)
            #expect(await bench.payments.authorize(done).effect == .captured)
            let undone = bench.charge("k2")
            bench.faults.add([.failWithoutEffect, .none, .failWithoutEffect], on: .confirm)
            #expect(await bench.payments.authorize(undone).isUnknown)
            #expect(await bench.payments.lookup(undone) == .absent)
            #expect(await bench.payments.authorize(undone).isUnknown)
            #expect(await bench.payments.authorize(undone).effect == .captured)
            #expect(bench.ledger.account("k1").charges == 1)
            #expect(bench.ledger.account("k2").charges == 1)
        }
    }

    @Test("Stripe that fails for every key leaves the charge unknown, not refused")
    func everyKeyBad() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            bench.faults.add(Array(repeating: .failWithoutEffect, count: 100), on: .create)
            for _ in 0..<6 {
                #expect(await bench.payments.authorize(charge).isUnknown)
                #expect(await bench.payments.lookup(charge).isUnknown)
            }
            bench.faults.clear()
            bench.pass(Self.day * 2)
            #expect(await bench.payments.authorize(charge).effect == .captured)
        }
    }

    @Test("The first confirm's key keeps a second intent of the same key from being charged")
    func confirmKeyIsBound() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            #expect(await bench.payments.authorize(charge).effect == .captured)
            // Somebody with a wrong idea of time: for them the key is young, and Stripe has forgotten the create.
            bench.ledger.forgetKey("k1")
            #expect(await bench.payments.authorize(charge).isUnknown)
            #expect(bench.ledger.account("k1") == .init(intents: 2, charges: 1, captured: 1_250))
        }
    }
}
