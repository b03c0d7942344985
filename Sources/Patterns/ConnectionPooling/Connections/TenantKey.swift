/// Whom a connection is leased for: an organization, a customer, a queue. Tenants have fair shares of the pool.
///
/// A number, so that the hot path neither hashes a text nor allocates. Two names that hash to one key share one share,
/// which is unfair to them and harmful to nobody else.
public struct TenantKey: Sendable, Hashable, CustomStringConvertible {
    /// The number.
    public let value: UInt64

    /// The tenant with this number.
    public init(_ value: UInt64) { self.value = value }

    /// The tenant with this number.
    public init(_ value: Int64) { self.value = UInt64(bitPattern: value) }

    /// The tenant of this name: FNV-1a, 64 bits, the same in every process.
    public init(named name: String) {
        value = name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// The number in hexadecimal.
    public var description: String { String(value, radix: 16) }
}
