import Crypto

/// Seals small texts so that only servers of this installation can make or read them: cursors, and kept answers that
/// hold a secret. AES-256-GCM (NIST SP 800-38D) with the purpose as associated data, so that a cursor
/// cannot be passed off as an answer.
package struct FleetSeal: Sendable {
    package enum Purpose: String, Sendable {
        case cursor
        case answer
    }
    private let sealing: Int64
    private let keys: [Int64: SymmetricKey]

    /// - Parameters:
    ///   - secrets: by number; all of them open.
    ///   - sealing: the number of the one that seals; the highest if nil.
    package init(secrets: [Int64: [UInt8]], sealing: Int64? = nil) {
        precondition(!secrets.isEmpty, "there is always a fleet secret")
        self.sealing = sealing ?? secrets.keys.max() ?? 0
        keys = secrets.mapValues { secret in
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: secret), info: Array("pantry seal".utf8), outputByteCount: 32)
        }
    }

    /// An opaque text in the URL-safe alphabet.
    package func seal(_ text: String, for purpose: Purpose) -> String {
        guard let key = keys[sealing],
            let box = try? AES.GCM.seal(Array(text.utf8), using: key, authenticating: Array(purpose.rawValue.utf8)),
            let combined = box.combined
        else { preconditionFailure("sealing with a 256-bit key does not fail") }
        return "\(sealing).\(Base64URL.encode(combined))"
    }

    /// What was sealed for that purpose; nil for anything else.
    package func open(_ sealed: String, for purpose: Purpose) -> String? {
        let parts = sealed.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int64(parts[0]), let key = keys[number],
            let bytes = Base64URL.decode(parts[1]), let box = try? AES.GCM.SealedBox(combined: bytes),
            let opened = try? AES.GCM.open(box, using: key, authenticating: Array(purpose.rawValue.utf8))
        else { return nil }
        return String(validating: Array(opened), as: UTF8.self)
    }
}

/// RFC 4648, section 5, without padding.
package enum Base64URL {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, digit) in digits.enumerated() { table[Int(digit)] = UInt8(value) }
        return table
    }()

    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var (text, bits, count): ([UInt8], UInt32, Int) = ([], 0, 0)
        for byte in bytes {
            (bits, count) = (bits << 8 | UInt32(byte), count + 8)
            while count >= 6 {
                count -= 6
                text.append(digits[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { text.append(digits[Int(bits << UInt32(6 - count) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var (bytes, bits, count): ([UInt8], UInt32, Int) = ([], 0, 0)
        for digit in text.utf8 {
            guard values[Int(digit)] != 0xFF else { return nil }
            (bits, count) = (bits << 6 | UInt32(values[Int(digit)]), count + 6)
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        // What is left over must be the zero bits that padding stands for.
        return count < 6 && bits & (1 << UInt32(count) - 1) == 0 ? bytes : nil
    }
}
