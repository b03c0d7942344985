import Determinism
import StripeDriver
import StripeTestKit
import Testing

@Suite("Webhooks")
struct WebhookTests {
    private let now = Timestamp(microseconds: 1_790_000_000_000_000)
    private let body = Array(#"{"id":"evt_1","object":"event"}"#.utf8)

    private func verify(
        _ header: String, body: [UInt8]? = nil, secrets: [String] = ["whsec_new"], now: Timestamp? = nil
    ) -> StripeSignatureError.Code? {
        do throws(StripeSignatureError) {
            try StripeSignature.verify(
                header: header, body: body ?? self.body, secrets: secrets.map(StripeSecret.init), now: now ?? self.now)
            return nil
        } catch {
            return error.code
        }
    }
    private func header(_ secrets: [String] = ["whsec_new"], at moment: Timestamp? = nil) -> String {
        StripeWebhook(body: body, secrets: secrets, at: moment ?? now).signature
    }

    @Test("A signature is good with its secret, its body and its time")
    func good() {
        #expect(verify(header()) == nil)
        #expect(verify(header(), secrets: ["whsec_old", "whsec_new"]) == nil)
        #expect(verify(header(["whsec_old", "whsec_new"])) == nil)
        #expect(verify(header() + ",v0=00") == nil)
        #expect(verify(header(["whsec_else"])) == .wrongSignature)
        #expect(verify(header(), secrets: []) == .noSecret)
        #expect(verify(header(), secrets: [""]) == .noSecret)
        #expect(verify(header(), body: body + [0x20]) == .wrongSignature)
    }

    @Test("A known signature: computed with another implementation")
    func knownValue() {
        // printf '1790000000.{"id":"evt_1","object":"event"}' | openssl dgst -sha256 -hmac whsec_new
        let known = "eda3ab78bd1b30658ce338c75230f91fc6d6cd286fc9daf2dee66b6e2a8caec9"
        #expect(verify("t=1790000000,v1=\(known)") == nil)
    }

    @Test("Five minutes are tolerated, on either side")
    func time() {
        #expect(verify(header(), now: now + .seconds(300)) == nil)
        #expect(verify(header(), now: now + .seconds(301)) == .outOfTime)
        #expect(verify(header(), now: now + .seconds(-300)) == nil)
        #expect(verify(header(), now: now + .seconds(-301)) == .outOfTime)
        // Who has no secret learns nothing about the time.
        #expect(verify(header(["whsec_else"]), now: now + .seconds(900)) == .wrongSignature)
    }

    @Test("A header that is none is refused as such")
    func malformed() {
        let code = String(repeating: "a", count: 64)
        let headers = [
            "", ",", "t", "t=", "t=1", "v1=\(code)", "t=1,t=2,v1=\(code)", "t=-1,v1=\(code)", "t=1.5,v1=\(code)",
            "t=99999999999999999999,v1=\(code)", "t=1,v1=", "t=1,v1=\(code)0", "t=1,v1=\(code.dropLast())g",
            "t=1,v1=\(code),", "t=1;v1=\(code)", "t=1" + String(repeating: ",v1=\(code)", count: 17),
            "t=1,v1=\(code)" + String(repeating: ",x=y", count: 2_000),
        ]
        for header in headers { #expect(verify(header) == .malformedHeader, "\(header)") }
        #expect(verify("t=9223372036854775807,v1=\(code)") == .wrongSignature)
    }

    @Test("No header that is not Stripe's passes: bytes of a good one changed at random")
    func mutations() {
        let random = SeededRandom(seed: 7)
        let good = Array(header().utf8)
        for _ in 0..<5_000 {
            var bytes = good
            for _ in 0...random.next(below: 3) {
                bytes[Int(random.next(below: UInt64(bytes.count)))] = UInt8(random.next(below: 256))
            }
            let text = String(decoding: bytes, as: UTF8.self)
            if text.lowercased() != String(decoding: good, as: UTF8.self).lowercased() {
                #expect(verify(text) != nil, "\(text)")
            }
        }
    }

    @Test("An event is read, of a type that nobody knows too")
    func event() throws {
        let body = StripeWebhook.event(
            id: "evt_1", type: "payment_intent.frobnicated", created: now, intent: "pi_1",
            metadata: ["pantry_key": "k1", "other": "x"])
        let event = try StripeEvent(body: body, metadataPrefix: "pantry")
        #expect(event.id == "evt_1")
        #expect(event.type == "payment_intent.frobnicated")
        #expect(event.created == now)
        #expect(event.intent == "pi_1")
        #expect(event.key == "k1")
        #expect(!event.isLive)
        #expect(try StripeEvent(body: body, metadataPrefix: "else").key == nil)
    }

    @Test("An event about a charge or a refund names its intent")
    func otherObjects() throws {
        func event(_ object: String) throws -> StripeEvent {
            let text = """
                {"id":"evt_2","object":"event","type":"charge.refunded","created":1790000000,"livemode":true,
                "data":{"object":\(object)}}
                """
            return try StripeEvent(body: Array(text.utf8), metadataPrefix: "pantry")
        }
        let charge = try event(#"{"id":"ch_1","object":"charge","payment_intent":"pi_2"}"#)
        #expect(charge.intent == "pi_2")
        #expect(charge.isLive)
        #expect(charge.key == nil)
        let refund = try event(
            #"{"id":"re_1","object":"refund","payment_intent":{"id":"pi_3"},"metadata":{"pantry_key":"r1"}}"#)
        #expect(refund.intent == "pi_3")
        #expect(refund.key == "r1")
        #expect(try event(#"{"id":"cus_1","object":"customer"}"#).intent == nil)
        #expect(try event(#"{"object":"payment_intent","id":"pi_1/../x"}"#).intent == nil)
        #expect(try event("null").intent == nil)
    }

    @Test("What is no event is refused")
    func noEvent() {
        for text in ["", "[]", "{}", #"{"object":"event"}"#, #"{"object":"event","id":"evt_1","type":"","created":1}"#]
        {
            #expect(throws: StripeEventError.self) {
                try StripeEvent(body: Array(text.utf8), metadataPrefix: "pantry")
            }
        }
    }
}
