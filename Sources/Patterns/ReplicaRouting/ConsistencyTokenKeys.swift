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
/// What is in a token can be read by whoever has it (shard, epoch, timeline, position); nobody can ask for a position of
/// the future, which would make reads wait. The audience, such as the organization, is part of what is authenticated and
/// not of the text: one caller's token is no other's.
///
/// The text is the secret's number, a point, and the rest in base64url.
public struct ConsistencyTokenKeys: Sendable {
    private static let tagLength = 16
    private static let longestText = 1_024
    private let newest: Int64
    private let keys: [Int64: SymmetricKey]

    /// - Parameter secrets: by number, each of 16 bytes or more; the one with the highest number makes tokens, all of
    ///   them open tokens. To rotate, add one everywhere before it is used, and remove the old one once the tokens that
    ///   it made are no longer of interest.
    /// - Throws: ``ReplicaRoutingConfigurationError``
    public init(secrets: [Int64: [UInt8]]) throws(ReplicaRoutingConfigurationError) {
        guard let newest = secrets.keys.max() else {
            throw ReplicaRoutingConfigurationError("tokens need a secret, and there is none")
        }
        for (number, secret) in secrets where secret.count < 16 {
            throw ReplicaRoutingConfigurationError(
                "secret \(number) has \(secret.count) bytes; it must have 16 or more")
        }
        self.newest = newest
        keys = secrets.mapValues { secret in
            // A key of its own, so that the same secret may serve other purposes.
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: secret), info: Array("consistency token".utf8),
                outputByteCount: 32)
        }
    }

    /// The token's text for `audience`.
    public func seal(_ token: ConsistencyToken, for audience: some Sequence<UInt8>) -> String {
        guard let key = keys[newest] else { preconditionFailure("the newest key is one of the keys") }
        let payload = token.encoded()
        return "\(newest).\(Base64URL.encode(payload + Self.tag(payload[...], Array(audience), key)))"
    }

    /// The token of a text that was made for `audience`.
    public func open(
        _ text: some StringProtocol, for audience: some Sequence<UInt8>
    ) throws(ConsistencyTokenError) -> ConsistencyToken {
        guard text.utf8.count <= Self.longestText, let point = text.firstIndex(of: "."),
            let number = Int64(text[..<point]), text[..<point] == "\(number)",
            let bytes = Base64URL.decode(text[text.index(after: point)...]), bytes.count > Self.tagLength
        else { throw .malformed }
        guard let key = keys[number] else { throw .unknownKey(number) }
        let payload = bytes.dropLast(Self.tagLength)
        // Every byte is looked at, whether or not one was wrong: the time tells nothing.
        let difference = zip(bytes.suffix(Self.tagLength), Self.tag(payload, Array(audience), key))
            .reduce(0) { $0 | ($1.0 ^ $1.1) }
        guard difference == 0 else { throw .notAuthentic }
        guard let token = ConsistencyToken(encoded: payload) else { throw .malformed }
        return token
    }

    private static func tag(_ payload: ArraySlice<UInt8>, _ audience: [UInt8], _ key: SymmetricKey) -> [UInt8] {
        var code = HMAC<SHA256>(key: key)
        // The audience's length first: no audience and payload make the same bytes as others.
        withUnsafeBytes(of: UInt64(audience.count).littleEndian) { code.update(data: $0) }
        code.update(data: audience)
        code.update(data: payload)
        return Array(code.finalize().prefix(tagLength))
    }
}
