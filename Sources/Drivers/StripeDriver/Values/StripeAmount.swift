/// An amount as Stripe takes it: an integer in the currency's smallest unit *in Stripe's sense*, and a currency.
///
/// For most currencies that is the minor unit of ISO 4217. Where it is not, taking one for the other is wrong by a
/// factor of a hundred; ``init(minorUnits:currency:)`` knows the differences.
/// See <https://docs.stripe.com/currencies#special-cases>.
public struct StripeAmount: Sendable, Hashable {
    /// In Stripe's smallest unit.
    public var value: Int64
    /// ISO 4217, in small letters as Stripe wants it.
    public var currency: String

    /// An amount that is in Stripe's unit already.
    public init(_ value: Int64, _ currency: String) { (self.value, self.currency) = (value, currency.lowercased()) }

    /// Whole currencies that Stripe writes with two decimals, `00`, as it did before they lost them.
    private static let writtenWithDecimals: Set<String> = ["isk", "ugx"]
    /// ISO 4217 gives it two decimals, Stripe none.
    private static let writtenWithoutDecimals: Set<String> = ["mga"]
    /// Three decimals, of which Stripe takes two: the last digit must be 0.
    private static let threeDecimals: Set<String> = ["bhd", "jod", "kwd", "omr", "tnd"]

    /// Converts from the minor units of ISO 4217.
    /// - Returns: nil when Stripe cannot charge the amount exactly: a fraction of an ariary, a last digit of a
    ///   three-decimal currency that is not 0, or more than fits.
    public init?(minorUnits: Int64, currency: String) {
        let code = currency.lowercased()
        var value = minorUnits
        if Self.writtenWithDecimals.contains(code) {
            let (product, overflow) = minorUnits.multipliedReportingOverflow(by: 100)
            if overflow { return nil }
            value = product
        } else if Self.writtenWithoutDecimals.contains(code) {
            guard minorUnits % 100 == 0 else { return nil }
            value = minorUnits / 100
        } else if Self.threeDecimals.contains(code), minorUnits % 10 != 0 {
            return nil
        }
        self.init(value, code)
    }

    var isWellFormed: Bool {
        value > 0 && currency.utf8.count == 3 && currency.utf8.allSatisfy { (97...122).contains($0) }
    }
}
