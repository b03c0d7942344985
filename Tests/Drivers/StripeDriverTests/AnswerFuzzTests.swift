import Determinism
import StrictJSON
import StripeDriver
import StripeTestKit
import Testing

@Suite("Answers that were damaged", .timeLimit(.minutes(2)))
struct AnswerFuzzTests {
    private static let good = """
        {"id":"pi_1","object":"payment_intent","amount":1250,"currency":"eur","status":"succeeded",\
        "created":1790000000,"metadata":{"pantry_key":"k1"},"last_payment_error":null,"cancellation_reason":null}
        """

    /// Whether a document says, to somebody who reads it naively, that this very charge has succeeded.
    private static func saysDone(_ text: String) -> Bool {
        guard let json = (try? JSONReader.parse(text))?.object else { return false }
        return json["status"] == "succeeded" && json["amount"] == 1_250 && json["currency"] == "eur"
            && json["metadata"]?.object?["pantry_key"] == "k1" && json["object"] == "payment_intent"
    }

    @Test("No damaged answer crashes, or passes for a charge that succeeded")
    func damaged() async throws {
        let random = SeededRandom(seed: 11)
        let charge = StripeCharge(
            key: "k1", reference: "order", amount: StripeAmount(1_250, "eur"), paymentMethod: "pm_card_visa",
            capturesAtOnce: true, begunAt: SystemTime().now())
        var done = 0
        for round in 0..<400 {
            var bytes = Array(Self.good.utf8)
            for _ in 0..<(round == 0 ? 0 : 1 + random.next(below: 3)) {
                let index = Int(random.next(below: UInt64(bytes.count)))
                switch random.next(below: 4) {
                case 0: bytes.remove(at: index)
                case 1: bytes.insert(UInt8(random.next(below: 256)), at: index)
                case 2: bytes = Array(bytes[..<max(index, 1)])
                default: bytes[index] = UInt8(0x20 + random.next(below: 0x5F))
                }
            }
            // Bytes that are no UTF-8 are replaced, so that the test and the driver read the same text.
            let text = String(decoding: bytes, as: UTF8.self)
            try await SocketServer.with(.answer(SocketServer.response("200 OK", text))) { _, payments in
                let outcome = await payments.authorize(charge)
                if outcome.effect != nil {
                    done += 1
                    #expect(Self.saysDone(text), "\(text)")
                } else {
                    #expect(!Self.saysDone(text) || !text.contains(#""id":"pi_1""#), "\(text): \(outcome)")
                }
            }
        }
        #expect(done > 0)
    }

    @Test("Damaged webhooks are read or refused, never more")
    func damagedEvents() throws {
        let random = SeededRandom(seed: 12)
        let good = StripeWebhook.event(
            id: "evt_1", type: "payment_intent.succeeded", created: Timestamp(microseconds: 1_790_000_000_000_000),
            intent: "pi_1", metadata: ["pantry_key": "k1"])
        var (read, refused) = (0, 0)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0...random.next(below: 4) {
                bytes[Int(random.next(below: UInt64(bytes.count)))] = UInt8(random.next(below: 256))
            }
            do throws(StripeEventError) {
                let event = try StripeEvent(body: bytes, metadataPrefix: "pantry")
                read += 1
                #expect(
                    event.intent.map { $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") } }
                        ?? true)
            } catch {
                refused += 1
            }
        }
        #expect(read > 0 && refused > 0)
    }
}
