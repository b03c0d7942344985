/// The kind of thing that an ``Identifier`` names; its prefix is what makes `ord_…` an order to the eye and to the
/// parser.
public protocol IdentifierKind: Sendable {
    /// What stands before the underscore, such as `ord`.
    static var prefix: String { get }
}

/// An id that cannot be taken for an id of another kind: `prefix_` and the base-32 form of a ``UUIDv7``.
public struct Identifier<Kind: IdentifierKind>: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The 128 bits behind the text.
    public let uuid: UUIDv7

    /// The id with these bits.
    public init(_ uuid: UUIDv7) { self.uuid = uuid }

    /// Reads `prefix_` and 26 digits; nil for anything else, other kinds' ids included.
    public init?(_ text: some StringProtocol) {
        let uuid =
            text.utf8.withContiguousStorageIfAvailable(Self.uuid)
            ?? Array(text.utf8).withUnsafeBufferPointer(Self.uuid)
        guard let uuid else { return nil }
        self.uuid = uuid
    }

    private static func uuid(_ text: UnsafeBufferPointer<UInt8>) -> UUIDv7? {
        let prefix = Kind.prefix.utf8
        guard text.starts(with: prefix), text.dropFirst(prefix.count).first == UInt8(ascii: "_") else { return nil }
        return UUIDv7(base32: UnsafeBufferPointer(rebasing: text[(prefix.count + 1)...]))
    }

    /// The text that users meet.
    public var description: String {
        var prefix = Kind.prefix
        return prefix.withUTF8 { prefix in
            String(unsafeUninitializedCapacity: prefix.count + 27) { buffer in
                _ = buffer.initialize(fromContentsOf: prefix)
                buffer.initializeElement(at: prefix.count, to: UInt8(ascii: "_"))
                uuid.writeBase32(to: UnsafeMutableBufferPointer(rebasing: buffer[(prefix.count + 1)...]))
                return prefix.count + 27
            }
        }
    }

    /// Older ids come first.
    public static func < (a: Self, b: Self) -> Bool { a.uuid < b.uuid }
}

/// Makes ids as a pure function of a seed and the moments that it is asked for: a decision that runs twice makes the
/// same ids twice. The seed comes from a ``RandomSource``; ids are names, not secrets.
public struct IdentifierMint: Sendable {
    private var state: UInt64
    private let slot: UInt16

    /// A mint for an organization's slot (0…4095).
    public init(seed: UInt64, slot: UInt16) { (state, self.slot) = (seed, slot) }

    /// The next id, of moment `time`.
    public mutating func next<Kind>(_ kind: Kind.Type = Kind.self, at time: Timestamp) -> Identifier<Kind> {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Identifier(UUIDv7(time: time, slot: slot, random: splitMix64(state)))
    }
}
