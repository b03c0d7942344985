/// RFC 4648, section 5, without padding; strict, so that a value has one text only.
enum Base64URL {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, digit) in digits.enumerated() { table[Int(digit)] = UInt8(value) }
        return table
    }()

    static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: (bytes.count * 4 + 2) / 3) { buffer in
            var (bits, count, length): (UInt32, UInt32, Int) = (0, 0, 0)
            for byte in bytes {
                (bits, count) = (bits << 8 | UInt32(byte), count + 8)
                while count >= 6 {
                    count -= 6
                    buffer.initializeElement(at: length, to: digits[Int(bits >> count & 63)])
                    length += 1
                }
            }
            if count > 0 {
                buffer.initializeElement(at: length, to: digits[Int(bits << (6 - count) & 63)])
                length += 1
            }
            return length
        }
    }

    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var (bytes, bits, count): ([UInt8], UInt32, UInt32) = ([], 0, 0)
        bytes.reserveCapacity(text.count * 3 / 4)
        for digit in text {
            let value = values[Int(digit)]
            guard value != 0xFF else { return nil }
            (bits, count) = (bits << 6 | UInt32(value), count + 6)
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        // What is left over must be the zero bits that padding stands for.
        return count < 6 && bits & (1 << count - 1) == 0 ? bytes : nil
    }
}
