// Finds where bytes stop being UTF-8, and why (RFC 3629; the Unicode Standard, table 3-7). Used for messages only.

struct UTF8Fault {
    /// The first byte of the ill-formed sequence.
    let offset: Int
    let reason: String

    /// The first ill-formed sequence in a range of the bytes, or nil if there is none.
    static func first(in bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> UTF8Fault? {
        var at = range.lowerBound
        while at < range.upperBound {
            let lead = bytes[at]
            if lead < 0x80 {
                at += 1
                continue
            }
            let length: Int
            switch lead {
            case 0xC2...0xDF: length = 2
            case 0xE0...0xEF: length = 3
            case 0xF0...0xF4: length = 4
            case 0x80...0xBF: return fault(at, lead, "is a continuation byte without a beginning")
            case 0xC0, 0xC1: return fault(at, lead, "begins an overlong sequence")
            default: return fault(at, lead, "never occurs in UTF-8")
            }
            for index in at + 1..<at + length where index >= range.upperBound || bytes[index] & 0xC0 != 0x80 {
                return fault(at, lead, "begins a sequence of \(length) bytes that is cut short")
            }
            switch (lead, bytes[at + 1]) {
            case (0xE0, ..<0xA0), (0xF0, ..<0x90): return fault(at, lead, "begins an overlong sequence")
            case (0xED, 0xA0...): return fault(at, lead, "begins a surrogate, which has no place in UTF-8")
            case (0xF4, 0x90...): return fault(at, lead, "begins a sequence beyond U+10FFFF")
            default: at += length
            }
        }
        return nil
    }

    private static func fault(_ offset: Int, _ byte: UInt8, _ reason: String) -> UTF8Fault {
        UTF8Fault(offset: offset, reason: "\(Byte.shown(byte)) \(reason)")
    }
}
