import PantryDomain
import StrictJSON

extension OrderRequest {
    /// Lines of one order.
    static let lineCount = 1...1_000
    private static let members = ["items", "paymentMethod", "onPaymentUnavailable", "metadata"]
    private static let lineMembers = ["sku", "quantity"]

    /// - Throws: ``Refusal/invalid(_:)`` with everything that is wrong.
    init(body: JSONValue, paymentMethods: PaymentMethods, isOnlyCalculated: Bool = false) throws(Refusal) {
        let problems = FieldProblemList()
        guard let reader = ObjectReader(body, at: "", members: Self.members, problems) else {
            throw .invalid(problems.all)
        }
        let items = Self.items(reader)
        let method = Self.method(reader, paymentMethods, isOnlyCalculated ? .optional : .required)
        let choices: [OnPaymentUnavailable] = [.queue, .fail]
        let onUnavailable = reader.choice("onPaymentUnavailable", .optional, choices)
        let metadata = reader.document("metadata")
        try problems.check()
        self.init(items: items, method: method, onUnavailable: onUnavailable ?? .queue, metadata: metadata)
    }

    private static func items(_ order: ObjectReader) -> [(sku: String, quantity: Int64)] {
        guard let elements = order.array("items", lineCount) else { return [] }
        var items: [(sku: String, quantity: Int64)] = []
        items.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard let line = ObjectReader(element, at: "/items/\(index)", members: lineMembers, order.problems) else {
                continue
            }
            let sku = line.sku("sku")
            let quantity = line.integer("quantity", .required, 1...Quantity.largest)
            if let sku, let quantity { items.append((sku: sku, quantity: quantity)) }
        }
        return items
    }

    /// - Parameter presence: of a method where there is no default one.
    private static func method(
        _ order: ObjectReader, _ methods: PaymentMethods, _ presence: ObjectReader.Presence
    ) -> String {
        switch methods {
        case .known(let known):
            let fallback = known.first ?? ""
            guard let word = order.text("paymentMethod", .optional, .word) else { return fallback }
            if let method = known.first(where: { ClientText.areSame($0, word) }) { return method }
            order.note(
                "paymentMethod", "unknown-payment-method",
                "there is no such payment method; the methods are: \(known.joined(separator: ", "))")
            return fallback
        case .prefixed(let prefix):
            guard let word = order.text("paymentMethod", presence, .word) else { return "" }
            let isID = word.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte & 0xDF) || byte == UInt8(ascii: "_")
            }
            if isID, word.hasPrefix(prefix), word.utf8.count > prefix.utf8.count { return word }
            order.note(
                "paymentMethod", "unknown-payment-method",
                "a payment method is an id of the provider's, such as \(prefix)1NVChw2eZvKYlo2C")
            return ""
        }
    }
}

/// What an order's `paymentMethod` may be.
package enum PaymentMethods: Sendable, Hashable {
    /// One of these; the first one if an order names none.
    case known([String])
    /// An id of the provider's that begins so; an order names one.
    case prefixed(String)
}

/// The body of a refund: `{amount?, reason}`. The amount may be money, or only its minor units: the order has but one
/// currency.
struct RefundBody {
    /// Minor units; nil for all that is left.
    let amount: Int64?
    /// The currency that the amount was given in, to be compared with the order's.
    let currency: String?
    let reason: String

    init(_ body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ["amount", "reason"], problems)
        if reader?.value("amount")?.object != nil {
            let money = reader?.price("amount", .required)
            (amount, currency) = (money?.amount, money?.currency)
        } else {
            (amount, currency) = (reader?.integer("amount", .optional, 1...Money.largestAmount), nil)
        }
        reason = reader?.text("reason", .required, .reason) ?? ""
        try problems.check()
    }
}
