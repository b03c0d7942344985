import AsyncHTTPClient
import Crypto
import Determinism
import NIOCore
import NIOHTTP1
import StrictJSON

/// A webhook as Stripe would send it.
public struct StripeWebhook: Sendable {
    /// The document, byte by byte what is signed.
    public var body: [UInt8]
    /// `Stripe-Signature`.
    public var signature: String

    /// Signs a body.
    /// - Parameter secrets: each makes one signature, as while a secret is being exchanged.
    public init(body: [UInt8], secrets: [String], at moment: Timestamp) {
        self.body = body
        let seconds = moment.microseconds / 1_000_000
        let codes = secrets.map { secret in
            let key = SymmetricKey(data: Array(secret.utf8))
            let code = HMAC<SHA256>.authenticationCode(for: Array("\(seconds).".utf8) + body, using: key)
            return ",v1=" + code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        signature = "t=\(seconds)" + codes.joined()
    }

    /// The body of an event about a payment intent.
    public static func event(
        id: String, type: String, created: Timestamp, intent: String, metadata: [String: String] = [:]
    ) -> [UInt8] {
        let object: JSONValue = [
            "id": .string(intent), "object": "payment_intent", "metadata": .object(LedgerIntent.object(metadata)),
        ]
        let event: JSONValue = [
            "id": .string(id), "object": "event", "type": .string(type), "livemode": false,
            "created": .integer(created.microseconds / 1_000_000), "data": ["object": object],
        ]
        return Array(event.serialized().utf8)
    }

    /// Posts it.
    /// - Returns: the status that came back.
    public func send(to url: String) async throws -> Int {
        var message = HTTPClientRequest(url: url)
        message.method = .POST
        message.headers.add(name: "Content-Type", value: "application/json; charset=utf-8")
        message.headers.add(name: "Stripe-Signature", value: signature)
        message.body = .bytes(ByteBuffer(bytes: body))
        let response = try await HTTPClient.shared.execute(message, timeout: .seconds(10))
        _ = try await response.body.collect(upTo: 1 << 20)
        return Int(response.status.code)
    }
}
