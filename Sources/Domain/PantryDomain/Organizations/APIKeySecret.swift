import Crypto
import Determinism

/// The text that a client sends: `key_…` (the key's id) and, after a dot, 256 random bits.
package struct APIKeySecret: Sendable {
    package let id: APIKeyID
    private let secret: String

    package init(id: APIKeyID, random: any RandomSource) {
        self.id = id
        var bytes: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
        secret = Base64URL.encode(bytes)
    }
    /// Reads what a client sent; nil when it does not look like a key.
    package init?(_ text: String) {
        guard text.utf8.count < 128, let dot = text.utf8.firstIndex(of: UInt8(ascii: ".")),
            let id = APIKeyID(text[..<dot])
        else { return nil }
        (self.id, secret) = (id, String(text[text.utf8.index(after: dot)...]))
    }
    package var text: String { "\(id).\(secret)" }

    /// What is stored.
    package var digest: String { Digest.hexadecimal(Array(secret.utf8)) }
    package func matches(_ digest: String) -> Bool { Digest.areEqual(self.digest, digest) }
}

package enum Digest {
    /// SHA-256 in hexadecimal.
    package static func hexadecimal(_ bytes: [UInt8]) -> String { text(of: SHA256.hash(data: bytes)) }

    static func text(of digest: SHA256Digest) -> String {
        String(unsafeUninitializedCapacity: 2 * SHA256.byteCount) { text in
            func digit(_ value: UInt8) -> UInt8 {
                value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
            }
            for (index, byte) in digest.enumerated() {
                text.initializeElement(at: 2 * index, to: digit(byte >> 4))
                text.initializeElement(at: 2 * index + 1, to: digit(byte & 15))
            }
            return 2 * SHA256.byteCount
        }
    }

    /// Compares without telling by its duration where the texts differ.
    package static func areEqual(_ a: String, _ b: String) -> Bool {
        guard a.utf8.count == b.utf8.count else { return false }
        return zip(a.utf8, b.utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
