import Determinism
import PantryDomain
import StripeDriver

/// Reads Stripe's webhooks: whether they come from Stripe, and which order they are about.
struct StripeWebhook: Sendable {
    let secrets: [StripeSecret]
    let time: any TimeSource

    /// - Returns: nil for an event that is about no order of ours.
    /// - Throws: ``ProviderNoticeError`` for what is not to be believed, or no event.
    func notice(signature: String?, body: [UInt8]) throws(ProviderNoticeError) -> ProviderNotice? {
        guard let signature else { throw ProviderNoticeError("the header Stripe-Signature is missing") }
        do throws(StripeSignatureError) {
            try StripeSignature.verify(header: signature, body: body, secrets: secrets, now: time.now())
        } catch {
            throw ProviderNoticeError(error.description)
        }
        do throws(StripeEventError) {
            let event = try StripeEvent(body: body, metadataPrefix: StripeProvider.metadataPrefix)
            guard let (organization, order) = event.reference.flatMap(Self.subject) else { return nil }
            return ProviderNotice(id: event.id, kind: event.type, organization: organization, order: order)
        } catch {
            throw ProviderNoticeError(error.description)
        }
    }

    /// What a charge is called in Stripe's books: the organization's number and the order's id.
    static func reference(_ charge: ProviderCharge) -> String { "\(charge.organization)/\(charge.reference)" }

    private static func subject(_ reference: String) -> (organization: Int64, order: OrderID)? {
        let parts = reference.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let organization = Int64(parts[0]), organization >= 0,
            let order = OrderID(String(parts[1]))
        else { return nil }
        return (organization, order)
    }
}
