/// A secret of Stripe's: an API key (`sk_…`, `rk_…`) or the signing secret of a webhook endpoint (`whsec_…`).
///
/// It shows itself nowhere: descriptions, string interpolation and mirrors give `StripeSecret(…)`.
public struct StripeSecret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The secret itself, for the header and the HMAC.
    let text: String

    /// Takes a secret as Stripe gave it.
    public init(_ text: String) { self.text = text }

    /// Whether it can stand in a header: 8 to 255 visible ASCII characters.
    var isWellFormed: Bool { (8...255).contains(text.utf8.count) && text.isVisibleASCII }

    /// Never the secret.
    public var description: String { "StripeSecret(…)" }
    /// Never the secret.
    public var debugDescription: String { description }
    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: [] as [Mirror.Child]) }
}

extension String {
    /// Whether every byte is a visible ASCII character: no white space, nothing that could end a header.
    var isVisibleASCII: Bool { utf8.allSatisfy { (0x21...0x7E).contains($0) } }
}

/// Makes texts from outside fit for a log: secrets are masked, control characters dropped, the length is bounded.
struct TextMask: Sendable {
    private static let lengthLimit = 300
    /// Kept as secrets, because whoever describes the driver describes this.
    private let secrets: [StripeSecret]

    init(_ secrets: [StripeSecret]) { self.secrets = secrets.filter { !$0.text.isEmpty } }

    func clean(_ text: String) -> String {
        var text = String(text.unicodeScalars.prefix(4 * Self.lengthLimit).filter { $0.value >= 0x20 })
        for secret in secrets {
            text = text.split(separator: secret.text, omittingEmptySubsequences: false).joined(separator: "…")
        }
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        text = words.map { Self.looksSecret($0) ? "…" : $0 }.joined(separator: " ")
        return text.unicodeScalars.count <= Self.lengthLimit
            ? text : String(text.unicodeScalars.prefix(Self.lengthLimit)) + "…"
    }

    /// Stripe repeats a wrong key in its answer, partly masked; and a payment intent has a client secret.
    private static func looksSecret(_ word: Substring) -> Bool {
        ["sk_", "rk_", "whsec_", "_secret_"].contains { word.contains($0) }
    }
}
