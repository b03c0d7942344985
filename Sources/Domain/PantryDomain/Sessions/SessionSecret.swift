import Determinism

/// The text that a client sends: `ses_…` (the session's id), the number of its organization, and 256 random bits, with
/// dots between. By the number a server finds the shard, without asking a table that all organizations share.
package struct SessionSecret: Sendable {
    package let id: SessionID
    package let organization: Int64
    private let secret: String

    package init(id: SessionID, organization: Int64, bits: [UInt8]) {
        (self.id, self.organization, secret) = (id, organization, Base64URL.encode(bits))
    }

    /// Reads what a client sent; nil when it does not look like a session's, which costs no question.
    package init?(_ text: String) {
        guard text.utf8.count < 128 else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let id = SessionID(parts[0]), let organization = Int64(parts[1]), organization >= 0,
            // A number in its only form, and of the slot that the id names.
            parts[1].utf8.elementsEqual(String(organization).utf8), id.uuid.slot == Slot.of(organization: organization)
        else { return nil }
        (self.id, self.organization, secret) = (id, organization, String(parts[2]))
    }

    package var text: String { "\(id).\(organization).\(secret)" }

    /// Whether a text names itself a session's, right or wrong.
    package static func isMeant(by text: String) -> Bool { text.utf8.starts(with: "ses_".utf8) }

    /// What is stored.
    package var digest: String { Digest.hexadecimal(Array(secret.utf8)) }
    package func matches(_ digest: String) -> Bool { Digest.areEqual(self.digest, digest) }

    /// What a secret is made of.
    static func bits(_ random: any RandomSource) -> [UInt8] {
        var bits: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: random.next()) { bits.append(contentsOf: $0) } }
        return bits
    }
}
