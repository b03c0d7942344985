import Determinism
import StrictJSON

/// What a webhook tells: that something about a payment intent has changed. It is a hint to look, not a state: events
/// come twice, late and out of order.
public struct StripeEvent: Sendable, Hashable {
    /// The event's id, `evt_…`: the same when it is delivered again.
    public var id: String
    /// Such as `payment_intent.succeeded` or `charge.refunded`. Types that nobody knows yet are events too.
    public var type: String
    /// When it happened.
    public var created: Timestamp
    /// False in a sandbox or in test mode.
    public var isLive: Bool
    /// The payment intent it is about, if any.
    public var intent: String?
    /// The caller's key in the metadata of what it is about, if any: a charge's, or a refund's.
    public var key: String?
    /// The caller's reference in the same metadata, if any.
    public var reference: String?

    /// Reads a body whose signature was verified.
    /// - Parameter metadataPrefix: that of ``StripeConfiguration/metadataPrefix``.
    /// - Throws: when it is no event.
    public init(body: [UInt8], metadataPrefix: String) throws(StripeEventError) {
        guard let json = (try? JSONReader.parse(body))?.object else { throw StripeEventError(code: .noJSON) }
        guard json["object"]?.string == "event", let id = json["id"]?.string, StripeID.isWellFormed(id),
            let type = json["type"]?.string, (1...100).contains(type.utf8.count), type.isVisibleASCII,
            let created = json["created"]?.integer, (0...1 << 40).contains(created)
        else { throw StripeEventError(code: .noEvent) }
        (self.id, self.type) = (id, type)
        self.created = Timestamp(microseconds: created * 1_000_000)
        isLive = json["livemode"]?.bool ?? false
        guard let object = json["data"]?.object?["object"]?.object else { return }
        let reference = object["object"]?.string == "payment_intent" ? object["id"] : object["payment_intent"]
        intent = (reference?.string ?? reference?.object?["id"]?.string).flatMap {
            StripeID.isWellFormed($0) ? $0 : nil
        }
        let metadata = object["metadata"]?.object
        key = metadata?[metadataPrefix + "_key"]?.string.flatMap { StripeCharge.isKey($0) ? $0 : nil }
        self.reference = metadata?[metadataPrefix + "_reference"]?.string.flatMap { $0.utf8.count <= 500 ? $0 : nil }
    }
}

/// Why a body is no event.
public struct StripeEventError: Error, Hashable, CustomStringConvertible {
    /// Why.
    public enum Code: String, Sendable {
        /// No JSON object.
        case noJSON = "the body is no JSON object"
        /// An object without what every event has.
        case noEvent = "the body is no event"
    }
    /// Why.
    public let code: Code
    /// One line for a log.
    public var description: String { "Stripe webhook: \(code.rawValue)" }
}
