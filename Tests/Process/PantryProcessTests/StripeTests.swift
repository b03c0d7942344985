import Determinism
import PantryTestKit
import ProcessTestKit
import StrictJSON
import StripeTestKit
import Testing

extension ProcessTests {
    /// Orders that are charged through a server of Stripe's kind, which keeps its own books.
    @Suite("Charged through Stripe")
    struct StripeTests {
        private let catalog = Catalog([Catalog.Item("TEA", price: 250, stocked: 100)])
        private static let secret = "whsec_of_a_test"

        private func withStripe(
            _ body: (StripeTestServer, Shop, PantryProcess, Installation) async throws -> Void
        ) async throws {
            let stripe = try await StripeTestServer(ledger: StripeLedger(metadataPrefix: "pantry"))
            var settings = InstallationSettings()
            settings["payments", "provider"] = "stripe"
            settings["payments", "url"] = "\"\(stripe.baseURL)\""
            settings["payments", "key"] = "sk_test_key"
            settings["payments", "webhookSecrets"] = "[\(Self.secret)]"
            // Some of these tests let most calls fail; the circuit is not their subject.
            settings["payments", "errorThreshold"] = "100"
            do {
                try await Installation.with(settings) { installation in
                    let process = try await installation.start()
                    let shop = try await Shop.open(catalog, in: installation, on: process)
                    try await body(stripe, shop, process, installation)
                    #expect(!process.errorText.contains("sk_test_key"), "the key is in the log")
                    process.terminate()
                    #expect(try await process.ended(within: .seconds(20)) == .status(0))
                    let verified = try await installation.run("verify")
                    #expect(verified.exit.isSuccess, "\(verified.text)")
                }
            } catch {
                await stripe.stop()
                throw error
            }
            await stripe.stop()
        }

        private func id(_ outcome: Outcome) throws -> String {
            try #require(outcome.answer?["id"]?.string, "\(outcome)")
        }

        @Test func ordersAreChargedDeclinedCanceledAndRefunded() async throws {
            try await withStripe { stripe, shop, process, _ in
                let session = try shop.session(on: process)
                let tea = [(sku: "TEA", quantity: Int64(2))]
                let order = await session.order(tea, method: "pm_card_visa", key: "good")
                #expect(order.status == 201, "\(order)")
                let good = try id(order)
                #expect(stripe.ledger.account("\(good)/charge").captured == 500)
                let declined = await session.order(tea, method: "pm_card_chargeDeclined", key: "declined")
                #expect(declined.status == 402, "\(declined)")
                let refund = await session.refund(good, amount: 200, key: "part")
                #expect(refund.status == 201, "\(refund)")
                #expect(stripe.ledger.account("\(good)/charge").refunded == 200)
                let canceled = try id(await session.order(tea, method: "pm_card_visa", key: "to-cancel"))
                #expect(await session.cancel(canceled, key: "cancel").status == 200)
                #expect(stripe.ledger.account("\(canceled)/charge").balance == 0)
                let missing = await session.send(
                    "POST", "/v1/orders", ["items": [["sku": "TEA", "quantity": 1]]], key: "missing")
                #expect(missing.status == 422, "a method is needed: \(missing)")
                let sandbox = await session.order(tea, method: "cash", key: "sandbox")
                #expect(sandbox.status == 422, "\(sandbox)")
            }
        }

        @Test func whateverGoesWrongOnTheWayIsChargedOnce() async throws {
            let faults: [StripeFault] = [
                .dropBefore, .dropAfter, .resetAfter, .failWithoutEffect, .failWithEffect, .halfAnswer, .garbage,
                .unavailable, .lockTimeout,
            ]
            try await withStripe { stripe, shop, process, _ in
                let session = try shop.session(on: process)
                for endpoint in [StripeEndpoint.create, .confirm] {
                    for (index, fault) in faults.enumerated() {
                        stripe.faults.add([fault], on: endpoint)
                        let key = "\(endpoint.rawValue)-\(index)"
                        let outcome = await session.order(
                            [(sku: "TEA", quantity: 1)], method: "pm_card_visa", key: key)
                        let order = try id(outcome)
                        try await Poll.untilTrue("\(key), \(fault), is confirmed", within: .seconds(60)) {
                            let read = await session.client.get("/v1/orders/\(order)", key: shop.tenant.apiKey)
                            return read.json?.object?["status"] == "confirmed"
                        }
                        let account = stripe.ledger.account("\(order)/charge")
                        #expect(account.charges == 1 && account.captured == 250, "\(key) \(fault): \(account)")
                        stripe.faults.clear()
                    }
                }
            }
        }

        @Test func webhooksAreBelievedOnlyWithTheirSignature() async throws {
            try await withStripe { stripe, shop, process, installation in
                let session = try shop.session(on: process)
                let order = try id(
                    await session.order([(sku: "TEA", quantity: 1)], method: "pm_card_visa", key: "heard"))
                let url = "\(session.client.base)/v1/providers/stripe/webhook"
                let now = SystemTime().now()
                func webhook(_ secret: String, _ moment: Timestamp = now) -> StripeWebhook {
                    let body = StripeWebhook.event(
                        id: "evt_1", type: "payment_intent.succeeded", created: now, intent: "pi_1",
                        metadata: ["pantry_key": "\(order)/charge", "pantry_reference": "0/\(order)"])
                    return StripeWebhook(body: body, secrets: [secret], at: moment)
                }
                for _ in 0..<2 { #expect(try await webhook(Self.secret).send(to: url) == 200) }
                #expect(try await webhook("whsec_other").send(to: url) == 400)
                #expect(try await webhook(Self.secret, now + .seconds(-3_600)).send(to: url) == 400)
                let unsigned = await session.client.send("POST", "/v1/providers/stripe/webhook", [:])
                #expect(unsigned.status == 400)
                #expect(await session.client.send("POST", "/v1/providers/paypal/webhook", [:]).status == 404)
                // Of somebody else who shares the account.
                let foreign = StripeWebhook.event(
                    id: "evt_2", type: "payment_intent.succeeded", created: now, intent: "pi_2",
                    metadata: ["pantry_reference": "4711/\(order)"])
                #expect(try await StripeWebhook(body: foreign, secrets: [Self.secret], at: now).send(to: url) == 200)
                let read = await session.client.get("/v1/orders/\(order)", key: shop.tenant.apiKey)
                #expect(read.json?.object?["status"] == "confirmed", "nothing has changed")
                let sandbox = await session.client.get("/ops/breakers", key: installation.operatorToken)
                #expect(sandbox.status == 200)
            }
        }
    }
}
