import StrictJSON

/// An amount in minor units (cents) of a currency. All arithmetic is checked.
package struct Money: Sendable, Hashable {
    /// Minor units.
    package var amount: Int64
    /// ISO 4217, three capital letters.
    package var currency: String

    /// What JavaScript and other users of doubles can still read exactly: 2^53 − 1.
    package static let largestAmount: Int64 = 9_007_199_254_740_991

    package init(_ amount: Int64, _ currency: String) { (self.amount, self.currency) = (amount, currency) }

    package static func isCurrency(_ text: String) -> Bool {
        text.utf8.count == 3 && text.utf8.allSatisfy { (65...90).contains($0) }
    }

    /// The product, or nil when it is more than ``largestAmount``.
    package func times(_ quantity: Int64) -> Money? {
        let (product, overflow) = amount.multipliedReportingOverflow(by: quantity)
        return overflow || product > Self.largestAmount ? nil : Money(product, currency)
    }
}

extension JSONWriter {
    package mutating func member(_ name: String, _ money: Money) {
        member(
            name,
            object: { json in
                json.member("amount", money.amount)
                json.member("currency", money.currency)
            })
    }
}
