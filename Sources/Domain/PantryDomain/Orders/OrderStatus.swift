/// Where an order stands, and where it may go.
package enum OrderStatus: String, Sendable, CaseIterable {
    /// Stock is held, the payment is not settled. → `confirmed`, `failed`, `expired`, `canceled`
    case pending
    /// Paid. → `fulfilled`, `canceled`, `refunded`
    case confirmed
    /// The units have left. Money may still be given back; the order stays fulfilled.
    case fulfilled
    /// The payment was declined or could not be made.
    case failed
    /// The payment did not come before the hold's time was up.
    case expired
    /// Undone by its owner: stock and money are back.
    case canceled
    /// All the money was given back before the units left: stock is back as well.
    case refunded

    /// The states that may follow.
    package var next: [OrderStatus] {
        switch self {
        case .pending: [.confirmed, .failed, .expired, .canceled]
        case .confirmed: [.fulfilled, .canceled, .refunded]
        case .fulfilled, .failed, .expired, .canceled, .refunded: []
        }
    }

    /// Whether the order's value is the customer's to pay.
    package var stands: Bool { self == .confirmed || self == .fulfilled }
}
