/// A provider says that something about an order's payment has changed. It is a reason to look, never a state to go by:
/// notices come twice, late and out of order, and nobody is charged or served for one.
package struct ProviderNotice: Sendable, Hashable {
    /// The provider's id of it: the same when it is delivered again.
    package let id: String
    /// Such as `payment_intent.succeeded`.
    package let kind: String
    /// The organization's number.
    package let organization: Int64
    package let order: OrderID

    package init(id: String, kind: String, organization: Int64, order: OrderID) {
        (self.id, self.kind, self.organization, self.order) = (id, kind, organization, order)
    }
}

/// Why a notice is not to be believed.
package struct ProviderNoticeError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
