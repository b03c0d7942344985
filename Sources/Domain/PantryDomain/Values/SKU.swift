/// What names a product within its organization: 1–64 of `A–Z a–z 0–9 . _ -`.
package enum SKU {
    package static let rule = "a SKU is 1 to 64 of the characters A–Z, a–z, 0–9, “.”, “_” and “-”"

    package static func isValid(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 48...57, 65...90, 97...122, 45, 46, 95: true
                default: false
                }
            }
    }
}

/// Whole units of a product, as they come in requests.
package enum Quantity {
    /// More than any shop holds, and small enough that a thousand lines of it cannot overflow.
    package static let largest: Int64 = 1_000_000_000
}
