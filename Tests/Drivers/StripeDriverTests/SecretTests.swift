import Determinism
import DeterminismTestKit
import StripeDriver
import StripeTestKit
import Testing

@Suite("Secrets, settings and amounts")
struct SecretTests {
    @Test("A secret shows itself in no description")
    func descriptions() {
        let secret = StripeSecret("sk_test_51TheSecretOfThisTest")
        var dumped = ""
        dump(secret, to: &dumped)
        dump(StripeConfiguration(secretKey: secret), to: &dumped)
        let texts = [
            "\(secret)", secret.debugDescription, String(reflecting: secret), "\([secret])",
            "\(Optional(secret) as Any)",
            "\(StripeConfiguration(secretKey: secret))", dumped,
        ]
        for text in texts { #expect(!text.contains("51TheSecret"), "\(text)") }
    }

    @Test("A key that Stripe refuses is told as such, and the key with it never")
    func wrongKey() async throws {
        // The server repeats the key that it was given, as Stripe does.
        let server = try await StripeTestServer(secretKey: "sk_test_another")
        let payments = try StripePayments(configuration: Bench.configuration(server.baseURL))
        let bench = Bench(time: ManualTime(), server: server, payments: payments)
        let charge = bench.charge("k1")
        let outcome = await payments.authorize(charge)
        #expect(outcome.unsent?.reason == "Stripe does not accept the API key (req_test)")
        #expect(outcome.unsent?.pause == nil)
        let texts = [
            "\(outcome)", "\(await payments.lookup(charge))", "\(await payments.void(charge))", "\(payments)",
            "\(await payments.refund(bench.refund("r1", of: charge)))",
        ]
        for text in texts { #expect(!text.contains("51TheSecret"), "\(text)") }
        await payments.shutdown()
        await server.stop()
    }

    @Test("Whatever an error of Stripe's repeats, secrets are masked in it and its length is bounded")
    func masking() async throws {
        let long = String(repeating: "x", count: 2_000)
        let message = "No such key: \(Bench.secret), nor sk_live_…abc or pi_1_secret_xyz\\n\\u0007 \(long)"
        let body = #"{"error":{"type":"invalid_request_error","code":"\#(Bench.secret)","message":"\#(message)"}}"#
        try await SocketServer.with(.answer(SocketServer.response("400 Bad Request", body))) { _, payments in
            let charge = StripeCharge(
                key: "k1", reference: "", amount: StripeAmount(1, "eur"), paymentMethod: "pm_1", capturesAtOnce: true,
                begunAt: SystemTime().now())
            let refusal = await payments.authorize(charge).refusal
            let text = "\(String(describing: refusal))"
            for secret in [Bench.secret, "abc", "xyz", "\u{7}", "\n"] { #expect(!text.contains(secret), "\(text)") }
            #expect((refusal?.reason.count ?? 0) <= 301)
            #expect(refusal?.reason.hasPrefix("No such key: ") == true)
        }
    }

    @Test("Settings that cannot work are refused before the first charge")
    func settings() {
        func code(_ change: (inout StripeConfiguration) -> Void) -> StripeConfigurationError.Code? {
            var configuration = StripeConfiguration(secretKey: StripeSecret("sk_test_key"))
            change(&configuration)
            do throws(StripeConfigurationError) {
                try configuration.validate()
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code { _ in } == nil)
        #expect(code { $0.secretKey = StripeSecret("") } == .secretKey)
        #expect(code { $0.secretKey = StripeSecret("sk_test_key\r\nX: y") } == .secretKey)
        #expect(code { $0.baseURL = "http://127.0.0.1:1" } == .baseURL)
        #expect(code { ($0.baseURL, $0.allowsPlainHTTP) = ("http://127.0.0.1:1", true) } == nil)
        #expect(code { $0.baseURL = "https://api.stripe.com/" } == .baseURL)
        #expect(code { $0.baseURL = "https://user@api.stripe.com" } == .baseURL)
        #expect(code { $0.apiVersion = "" } == .apiVersion)
        #expect(code { $0.metadataPrefix = "a]b" } == .metadataPrefix)
        #expect(code { $0.metadataPrefix = "" } == .metadataPrefix)
        #expect(code { $0.requestTimeout = .zero } == .timeout)
        #expect(code { $0.keyLifetime = .seconds(24 * 3_600) } == .keyLifetime)
        #expect(code { $0.connectionLimit = 0 } == .connectionLimit)
        #expect(code { $0.answerLimit = 0 } == .answerLimit)
    }

    @Test("Amounts are in Stripe's smallest unit, which is not always ISO's")
    func amounts() {
        func value(_ minorUnits: Int64, _ currency: String) -> Int64? {
            StripeAmount(minorUnits: minorUnits, currency: currency)?.value
        }
        #expect(value(1_250, "EUR") == 1_250)
        #expect(StripeAmount(minorUnits: 1, currency: "EUR")?.currency == "eur")
        #expect(value(500, "JPY") == 500)
        #expect(value(5, "ISK") == 500)
        #expect(value(5, "UGX") == 500)
        #expect(value(.max, "ISK") == nil)
        #expect(value(500, "MGA") == 5)
        #expect(value(550, "MGA") == nil)
        #expect(value(5_120, "KWD") == 5_120)
        #expect(value(5_124, "KWD") == nil)
        #expect(value(1_045, "HUF") == 1_045)
        #expect(value(80_045, "TWD") == 80_045)
    }

    @Test("The test kit posts a signed webhook that verifies")
    func webhook() async throws {
        let server = try await StripeTestServer()
        let now = SystemTime().now()
        let body = StripeWebhook.event(id: "evt_1", type: "payment_intent.succeeded", created: now, intent: "pi_1")
        let webhook = StripeWebhook(body: body, secrets: ["whsec_test"], at: now)
        // The server knows no webhooks, and says so.
        #expect(try await webhook.send(to: server.baseURL + "/webhook") == 401)
        try StripeSignature.verify(
            header: webhook.signature, body: webhook.body, secrets: [StripeSecret("whsec_test")], now: now)
        await server.stop()
    }
}
