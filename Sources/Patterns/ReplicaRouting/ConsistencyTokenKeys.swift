import Crypto

/// A token that is not to be believed.
public enum ConsistencyTokenError: Error, Sendable, Hashable, CustomStringConvertible {
    /// It is no token's text.
    case malformed
    /// It was made with a secret that is not (or no longer) known here.
    case unknownKey(Int64)
    /// It was changed, or made by somebody without the secret, or for somebody else.
    case notAuthentic

    /// What would be right.
    public var description: String {
        switch self {
        case .malformed: "a consistency token is a number, a point and letters, as a write was answered with"
        case .unknownKey: "the consistency token is too old, or of another installation"
        case .notAuthentic: "the consistency token is not one that this caller was answered with"
        }
    }
}

/// Makes tokens that clients can carry and not forge: HMAC-SHA-256 (RFC 2104), cut to 128 bits, with secrets that
/// rotate.
///
/// What is in a token can be read by whoever has it (shard, epoch, timeline, position); nobody can ask for a position
/// of the future, which would make reads wait. The audience, such as the organization, is part of what is
/// authenticated and not of the text: one caller's token is no other's.
///
/// The text is the secret's number, a point, and the rest in base64url.
public struct ConsistencyTokenKeys: Sendable {
    private static let tagLength = 16
    private static let longestText = 1_024
    private let making: Int64
    /// With the key taken in already, to be copied for each token.
    private let codes: [Int64: HMAC<SHA256>]

    /// - Parameters:
    ///   - secrets: by number (of 1 to 18 digits), each of 16 bytes or more. The one with the highest number
    ///     makes tokens, all of them open tokens. To rotate, add one everywhere before it is used, and remove the old
    ///     one once the tokens that it made are no longer of interest.
    ///   - number: the secret that makes tokens, while a higher one is only being made known; the highest if nil.
    /// - Throws: ``ReplicaRoutingConfigurationError``
    public init(
        secrets: [Int64: [UInt8]], making number: Int64? = nil
    ) throws(ReplicaRoutingConfigurationError) {
        guard let newest = secrets.keys.max() else {
            throw ReplicaRoutingConfigurationError("tokens need a secret, and there is none")
        }
        for number in secrets.keys where !(0...999_999_999_999_999_999).contains(number) {
            throw ReplicaRoutingConfigurationError("secret \(number): numbers have 1 to 18 digits and no sign")
        }
        for (number, secret) in secrets where secret.count < 16 {
            throw ReplicaRoutingConfigurationError(
                "secret \(number) has \(secret.count) bytes; it must have 16 or more")
        }
        making = number ?? newest
        guard secrets[making] != nil else {
            throw ReplicaRoutingConfigurationError("secret \(making) is to make tokens, and is not among the secrets")
        }
        codes = secrets.mapValues { secret in
            // A key of its own, so that the same secret may serve other purposes.
            HMAC<SHA256>(
                key: HKDF<SHA256>.deriveKey(
                    inputKeyMaterial: SymmetricKey(data: secret), info: Array("consistency token".utf8),
                    outputByteCount: 32))
        }
    }

    /// The token's text for `audience`: at most 1,024 characters. One that would be longer (thirty shards with long
    /// names) stands for more shards than it can name, as one of too many shards does.
    public func seal(_ token: ConsistencyToken, for audience: some Sequence<UInt8>) -> String {
        let text = sealed(token, audience)
        if text.utf8.count <= Self.longestText { return text }
        return sealed(ConsistencyToken(entries: [], isOverflowing: true), audience)
    }

    private func sealed(_ token: ConsistencyToken, _ audience: some Sequence<UInt8>) -> String {
        guard let code = codes[making] else { preconditionFailure("the key that makes is one of the keys") }
        var bytes = token.encoded()
        bytes += Self.tag(bytes[...], audience, code)
        return "\(making).\(Base64URL.encode(bytes))"
    }

    /// The token of a text that was made for `audience`.
    public func open(
        _ text: some StringProtocol, for audience: some Sequence<UInt8>
    ) throws(ConsistencyTokenError) -> ConsistencyToken {
        // As bytes at once: walking over somebody's text by its own indices costs more than all the rest.
        let characters = Array(text.utf8.prefix(Self.longestText + 1))
        guard characters.count <= Self.longestText, let point = characters.firstIndex(of: UInt8(ascii: ".")),
            let number = Self.number(characters[..<point]),
            let bytes = Base64URL.decode(characters[(point + 1)...]), bytes.count > Self.tagLength
        else { throw .malformed }
        guard let code = codes[number] else { throw .unknownKey(number) }
        let payload = bytes.dropLast(Self.tagLength)
        // Every byte is looked at, whether or not one was wrong: the time tells nothing.
        let difference = zip(bytes.suffix(Self.tagLength), Self.tag(payload, audience, code))
            .reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) }
        guard difference == 0 else { throw .notAuthentic }
        guard let token = ConsistencyToken(encoded: payload) else { throw .malformed }
        return token
    }

    /// A number in its only form: digits without a leading zero.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard let first = digits.first, digits.count == 1 || first != UInt8(ascii: "0"), digits.count <= 18 else {
            return nil
        }
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }

    private static func tag(
        _ payload: ArraySlice<UInt8>, _ audience: some Sequence<UInt8>, _ code: HMAC<SHA256>
    ) -> [UInt8] {
        // The audience's length first: no audience and payload make the same bytes as others.
        var message = [UInt8](repeating: 0, count: 8)
        message += audience
        var length = UInt64(message.count - 8)
        for index in 0..<8 {
            message[index] = UInt8(truncatingIfNeeded: length)
            length >>= 8
        }
        message += payload
        var code = code
        code.update(data: message)
        return Array(code.finalize().prefix(tagLength))
    }
}
