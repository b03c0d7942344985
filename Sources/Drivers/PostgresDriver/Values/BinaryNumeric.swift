/// `numeric` in binary, which is what `SUM` over `bigint` answers with: `numeric_send` in PostgreSQL's `numeric.c`.
enum BinaryNumeric {
    /// The number without its fraction; nil where it is no number or does not fit.
    ///
    /// Its form is four 16-bit words (how many digits, the weight of the first, the sign, the scale) and then the
    /// digits, each to the base 10,000.
    static func integer(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        func word(_ index: Int) -> UInt16 {
            UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
        }
        guard bytes.count >= 8 else { return nil }
        let (count, weight, sign) = (Int(word(0)), Int(Int16(bitPattern: word(1))), word(2))
        guard bytes.count == 8 + count * 2, sign == 0x0000 || sign == 0x4000 else { return nil }
        if weight < 0 || count == 0 { return 0 }
        guard weight < 5 else { return nil }  // 10,000 to the fifth is beyond 64 bits
        var value: Int64 = 0
        for index in 0...weight {
            let digit = index < count ? Int64(word(4 + index)) : 0
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10_000)
            // Counted downwards, because there is one more negative number.
            let (next, carry) = shifted.subtractingReportingOverflow(digit)
            if overflow || carry { return nil }
            value = next
        }
        if sign == 0x4000 { return value }
        return value == .min ? nil : -value
    }
}
