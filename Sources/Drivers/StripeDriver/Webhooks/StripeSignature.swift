import Crypto
import Determinism

/// The signature of a webhook: `Stripe-Signature: t=…,v1=…`. See <https://docs.stripe.com/webhooks#verify-manually>.
public enum StripeSignature {
    private static let headerLimit = 4_096
    private static let signatureLimit = 16

    /// Makes sure that a body comes from Stripe, unchanged and recently.
    ///
    /// A body that passes may still have come before: keep the ids of events, or make handling them twice do no harm.
    /// - Parameters:
    ///   - header: the value of `Stripe-Signature`.
    ///   - body: the bytes as they came, before anything has parsed them.
    ///   - secrets: the endpoint's signing secrets: two while they are being exchanged, any of which may have signed.
    ///   - tolerance: how far the signature's time may be from `now`, on either side.
    /// - Throws: why it is not to be believed.
    public static func verify(
        header: String, body: [UInt8], secrets: [StripeSecret], tolerance: Duration = .seconds(300), now: Timestamp
    ) throws(StripeSignatureError) {
        guard secrets.contains(where: { !$0.text.isEmpty }) else { throw StripeSignatureError(code: .noSecret) }
        let (seconds, signatures) = try parse(header)
        var signed = Array("\(seconds).".utf8)
        signed += body
        var isSigned = false
        for secret in secrets where !secret.text.isEmpty {
            let key = SymmetricKey(data: Array(secret.text.utf8))
            // Once for each secret, however many signatures there are: the body may be long, and anybody's.
            let code = Array(HMAC<SHA256>.authenticationCode(for: signed, using: key))
            // All are compared, and each to its end.
            for signature in signatures { isSigned = areEqual(code, signature) || isSigned }
        }
        guard isSigned else { throw StripeSignatureError(code: .wrongSignature) }
        let (microseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let moment = Timestamp(microseconds: overflow ? .max : microseconds)
        guard moment + tolerance >= now, now + tolerance >= moment else { throw StripeSignatureError(code: .outOfTime) }
    }

    /// Takes as long whatever they are.
    private static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Other schemes than `v1` are ignored, as Stripe asks: `v0` is a decoy for test mode.
    private static func parse(
        _ header: String
    ) throws(StripeSignatureError) -> (seconds: Int64, signatures: [[UInt8]]) {
        let malformed = StripeSignatureError(code: .malformedHeader)
        guard header.utf8.count <= headerLimit else { throw malformed }
        var seconds: Int64?
        var signatures: [[UInt8]] = []
        for part in header.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { throw malformed }
            let name = pair[0].drop { $0 == " " }
            if name == "t" {
                let isNumber = !pair[1].isEmpty && pair[1].utf8.allSatisfy { (48...57).contains($0) }
                guard seconds == nil, isNumber, let value = Int64(pair[1]) else { throw malformed }
                seconds = value
            } else if name == "v1" {
                guard let bytes = bytes(ofHexadecimal: pair[1]), signatures.count < signatureLimit else {
                    throw malformed
                }
                signatures.append(bytes)
            }
        }
        guard let seconds, !signatures.isEmpty else { throw malformed }
        return (seconds, signatures)
    }

    /// The 32 bytes of a SHA-256 code.
    private static func bytes(ofHexadecimal text: Substring) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count == 64 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 64, by: 2) {
            guard let high = value(of: digits[index]), let low = value(of: digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 97...102: digit - 87
        case 65...70: digit - 55
        default: nil
        }
    }
}

/// Why a webhook is not to be believed. Holds nothing of the body and no secret.
public struct StripeSignatureError: Error, Hashable, CustomStringConvertible {
    /// Why.
    public enum Code: String, Sendable {
        /// There is no secret to check with.
        case noSecret = "no signing secret is configured"
        /// The header is not `t=…,v1=…`.
        case malformedHeader = "the signature's header is malformed"
        /// No secret has made any of the signatures.
        case wrongSignature = "the signature is not Stripe's"
        /// Signed, but too long ago, or in the future.
        case outOfTime = "the signature's time is out of tolerance"
    }
    /// Why.
    public let code: Code
    /// One line for a log.
    public var description: String { "Stripe webhook: \(code.rawValue)" }
}
