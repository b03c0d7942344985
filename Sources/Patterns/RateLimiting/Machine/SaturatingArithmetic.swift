/// Arithmetic that ends at the range of `Int64` instead of trapping: a limit of ten years beside a clock that stands
/// at the end of time must decide, too.
extension Int64 {
    /// `self + other`, saturating.
    func adding(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// `self - other`, saturating.
    func subtracting(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    /// `self * other` for numbers that are not negative, saturating.
    func multiplied(by other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }

    /// `self / divisor`, rounded up, for numbers that are not negative. Most limits drain one unit each tick.
    func dividedUp(by divisor: Int64) -> Int64 {
        if divisor == 1 { return self }
        let quotient = self / divisor
        return quotient * divisor < self ? quotient + 1 : quotient
    }

    /// `self * numerator / denominator` in double precision, rounded up: exact while the product is below 2^53, and to
    /// one part in 2^52 beyond. Redis counts in doubles, so that both come to the same.
    func scaledUp(_ numerator: Int64, _ denominator: Int64) -> Int64 {
        Self.clamped((Double(self) * Double(numerator) / Double(denominator)).rounded(.up))
    }

    /// The same, rounded to the nearest whole number, halves up.
    func scaled(_ numerator: Int64, _ denominator: Int64) -> Int64 {
        Self.clamped((Double(self) * Double(numerator) / Double(denominator) + 0.5).rounded(.down))
    }

    private static func clamped(_ value: Double) -> Int64 { value < 9.2e18 ? Int64(value) : .max }
}
