import Determinism
import DeterminismTestKit
import StripeDriver
import StripeTestKit
import Testing

/// One caller's request is held up on its way while another works on the same charge.
@Suite("Requests that arrive late", .timeLimit(.minutes(2)))
struct RaceTests {
    /// Runs `call` with its next request of a kind held up, `meanwhile` while it is, and lets it arrive then.
    private func late(
        _ endpoint: StripeEndpoint, _ bench: Bench, call: @escaping @Sendable () async -> StripeOutcome,
        meanwhile: () async -> Void
    ) async -> StripeOutcome? {
        bench.faults.add([.held], on: endpoint)
        return await withTaskGroup(of: StripeOutcome.self) { group in
            group.addTask { await call() }
            await eventually("the request is on its way") { bench.faults.heldCount == 1 }
            await meanwhile()
            bench.faults.release()
            return await group.next()
        }
    }

    @Test("A confirm that arrives after the charge was made and voided is told what is so now")
    func confirmAfterVoid() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1", captures: false)
            let outcome = await late(.confirm, bench) {
                await bench.payments.authorize(charge)
            } meanwhile: {
                #expect(await bench.payments.authorize(charge).effect == .authorized)
                #expect(await bench.payments.void(charge).effect == .voided)
            }
            #expect(outcome?.refusal?.code == StripeRefusal.voided)
            #expect(bench.ledger.account("k1") == .init(intents: 1, charges: 1))
        }
    }

    @Test("A confirm that arrives after the void is refused, and holds nothing")
    func confirmAfterVoidAlone() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            let outcome = await late(.confirm, bench) {
                await bench.payments.authorize(charge)
            } meanwhile: {
                #expect(await bench.payments.lookup(charge) == .absent)
                #expect(await bench.payments.void(charge).effect == .voided)
            }
            #expect(outcome?.refusal?.code == StripeRefusal.voided)
            #expect(bench.ledger.account("k1") == .init(intents: 1))
        }
    }

    @Test("A create that arrives after the void meets the intent that was closed")
    func createAfterVoid() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            let outcome = await late(.create, bench) {
                await bench.payments.authorize(charge)
            } meanwhile: {
                #expect(await bench.payments.void(charge).effect == .voided)
            }
            #expect(outcome?.refusal?.code == StripeRefusal.voided)
            #expect(bench.ledger.account("k1") == .init(intents: 1))
        }
    }

    @Test("When the charge cannot be looked at behind a confirm, the call is unknown, not unsent")
    func blindAfterConfirm() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            let outcome = await late(.confirm, bench) {
                await bench.payments.authorize(charge)
            } meanwhile: {
                #expect(await bench.payments.authorize(charge).effect == .captured)
                bench.faults.add([.rateLimit(seconds: 1)], on: .fetch)
            }
            #expect(outcome == .unknown(StripeCause("too many requests for Stripe (req_test)", pause: .seconds(1))))
            #expect(await bench.payments.lookup(charge).effect == .captured)
        }
    }

    @Test("A capture and a void that arrive behind the other do nothing, and say so")
    func endsOfAHold() async throws {
        try await Bench.with { bench in
            let taken = bench.charge("k1", captures: false), released = bench.charge("k2", captures: false)
            for charge in [taken, released] {
                #expect(await bench.payments.authorize(charge).effect == .authorized)
            }
            let void = await late(.cancel, bench) {
                await bench.payments.void(taken)
            } meanwhile: {
                #expect(await bench.payments.capture(taken).effect == .captured)
            }
            #expect(void?.refusal?.code == StripeRefusal.alreadyCaptured)
            let capture = await late(.capture, bench) {
                await bench.payments.capture(released)
            } meanwhile: {
                #expect(await bench.payments.void(released).effect == .voided)
            }
            #expect(capture?.refusal?.code == StripeRefusal.voided)
            #expect(bench.ledger.account("k1") == .init(intents: 1, charges: 1, captured: 1_250))
            #expect(bench.ledger.account("k2") == .init(intents: 1, charges: 1))
        }
    }

    @Test("A refund that arrives behind its own repetition gives back once")
    func refundTwice() async throws {
        try await Bench.with { bench in
            let charge = bench.charge("k1")
            #expect(await bench.payments.authorize(charge).effect == .captured)
            let refund = bench.refund("r1", of: charge)
            let outcome = await late(.refund, bench) {
                await bench.payments.refund(refund)
            } meanwhile: {
                #expect(await bench.payments.lookup(refund) == .absent)
                #expect(await bench.payments.refund(refund).effect == .refunded)
            }
            #expect(outcome?.effect == .refunded)
            #expect(bench.ledger.refunds("r1") == [500])
        }
    }
}
