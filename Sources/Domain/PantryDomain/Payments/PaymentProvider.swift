import Determinism
import Sagas

/// Somebody who moves money. Every call carries an idempotency key that is stored before the call is made; the same key
/// never moves money twice, however often it is sent.
package protocol PaymentProvider: Sendable {
    typealias CallResult = ExternalCallMachine<ProviderReceipt>.CallResult
    typealias AskResult = ExternalCallMachine<ProviderReceipt>.AskResult

    /// Holds the amount, and takes it at once when `capture` says so: a plain charge.
    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult
    /// Takes what was authorized.
    func capture(_ charge: ProviderCharge) async -> CallResult
    /// Gives up a charge: releases an authorization, and makes sure that a charge which has not arrived yet is refused
    /// when it does. Refused with `already-captured` when the money has been taken: that takes a refund.
    func void(_ charge: ProviderCharge) async -> CallResult
    /// Gives back a part of what was captured under `refund.charge`.
    func refund(_ refund: ProviderRefund) async -> CallResult
    /// What became of a charge.
    func lookup(_ charge: ProviderCharge) async -> AskResult
    /// What became of a refund.
    func lookup(_ refund: ProviderRefund) async -> AskResult
}

package struct ProviderCharge: Sendable, Hashable {
    package var key: String
    /// The order's id, for the provider's own books.
    package var reference: String
    package var amount: Money
    package var method: String
    /// When the order was begun: providers forget keys after a while. The beginning of time where nobody knows; then it
    /// is taken for old.
    package var begunAt: Timestamp
    /// The organization's number.
    package var organization: Int64
    /// What the provider called it in its receipt, if it is known to have taken effect.
    package var receipt: String?
    package init(
        key: String, reference: String, amount: Money, method: String, begunAt: Timestamp = Timestamp(microseconds: 0),
        organization: Int64 = 0, receipt: String? = nil
    ) {
        (self.key, self.reference, self.amount) = (key, reference, amount)
        (self.method, self.begunAt) = (method, begunAt)
        (self.organization, self.receipt) = (organization, receipt)
    }
}

package struct ProviderRefund: Sendable, Hashable {
    package var key: String
    package var charge: ProviderCharge
    package var amount: Money
    /// When it was begun, as a charge's.
    package var begunAt: Timestamp
    package init(
        key: String, charge: ProviderCharge, amount: Money, begunAt: Timestamp = Timestamp(microseconds: 0)
    ) {
        (self.key, self.charge, self.amount, self.begunAt) = (key, charge, amount, begunAt)
    }
}

/// What the provider says it has done.
package struct ProviderReceipt: Sendable, Hashable {
    package enum Effect: String, Sendable {
        case authorized
        case captured
        case voided
        case refunded
    }
    package var effect: Effect
    /// The provider's own name for it.
    package var reference: String
    package init(_ effect: Effect, reference: String) { (self.effect, self.reference) = (effect, reference) }
}

/// Codes of refusals that decide something here.
package enum ProviderCode {
    /// A void came too late.
    package static let alreadyCaptured = "already-captured"
    /// A charge came after its void.
    package static let voided = "voided"
}
