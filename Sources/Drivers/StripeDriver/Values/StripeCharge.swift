import Determinism

/// A charge under a key of the caller's. All calls about it carry the same value: Stripe compares what comes with a key
/// to what came with it first.
public struct StripeCharge: Sendable, Hashable {
    /// Names the charge for good, and is its idempotency key: 1 to 200 visible ASCII characters. Store it before the
    /// first call.
    public var key: String
    /// For the books at Stripe, such as an order's number; at most 500 bytes.
    public var reference: String
    /// How much.
    public var amount: StripeAmount
    /// What is charged: a payment method's id, `pm_…`.
    public var paymentMethod: String
    /// Takes the money at once. Otherwise it is held until it is captured or voided; Stripe lets a card's hold go after
    /// some days.
    public var capturesAtOnce: Bool
    /// When the caller stored the key: before the first call, and never later than it. Behind
    /// ``StripeConfiguration/keyLifetime`` Stripe may have forgotten the key, and is searched.
    public var begunAt: Timestamp
    /// The payment intent's id, if the caller has kept it from a receipt. Spares the way over the key.
    public var intent: String?

    /// A charge.
    public init(
        key: String, reference: String, amount: StripeAmount, paymentMethod: String, capturesAtOnce: Bool,
        begunAt: Timestamp, intent: String? = nil
    ) {
        (self.key, self.reference, self.amount) = (key, reference, amount)
        (self.paymentMethod, self.capturesAtOnce) = (paymentMethod, capturesAtOnce)
        (self.begunAt, self.intent) = (begunAt, intent)
    }

    /// What is wrong with it, before anything is sent.
    var fault: String? {
        if !StripeCharge.isKey(key) { return "the key is not 1 to 200 visible ASCII characters" }
        if reference.utf8.count > 500 { return "the reference is longer than 500 bytes" }
        if !amount.isWellFormed { return "the amount is not positive, or its currency not three letters" }
        if !(1...255).contains(paymentMethod.utf8.count) || !paymentMethod.isVisibleASCII {
            return "the payment method is no id"
        }
        if let intent, !StripeID.isWellFormed(intent) { return "the payment intent is no id" }
        return nil
    }

    static func isKey(_ key: String) -> Bool { (1...200).contains(key.utf8.count) && key.isVisibleASCII }
}

/// Gives back a part of a captured charge, or all of it.
public struct StripeRefund: Sendable, Hashable {
    /// Names the refund for good, and is its idempotency key: 1 to 200 visible ASCII characters, no charge's key.
    public var key: String
    /// What it gives back a part of.
    public var charge: StripeCharge
    /// For the books at Stripe; at most 500 bytes.
    public var reference: String
    /// How much, in the charge's currency.
    public var amount: StripeAmount
    /// When the caller stored the key: before the first call.
    public var begunAt: Timestamp

    /// A refund.
    public init(key: String, charge: StripeCharge, reference: String, amount: StripeAmount, begunAt: Timestamp) {
        (self.key, self.charge, self.reference) = (key, charge, reference)
        (self.amount, self.begunAt) = (amount, begunAt)
    }

    var fault: String? {
        if let fault = charge.fault { return fault }
        if !StripeCharge.isKey(key) || key == charge.key { return "the refund's key is no key of its own" }
        if reference.utf8.count > 500 { return "the reference is longer than 500 bytes" }
        if !amount.isWellFormed || amount.currency != charge.amount.currency {
            return "the refund's amount is not positive, or not in the charge's currency"
        }
        return nil
    }
}

/// Ids of Stripe's objects become parts of paths.
enum StripeID {
    static func isWellFormed(_ id: String) -> Bool {
        (1...255).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || byte == UInt8(ascii: "_")
            }
    }
}
