/// A server of a replica set, as it is known before anything was asked of it.
public struct ReplicaHost: Sendable, Hashable {
    /// Its name in answers, logs and the registry; the same on every server of the fleet, such as `db-1:5432`.
    public let name: String

    /// A server of this name.
    public init(_ name: String) { self.name = name }
}

/// The place of a host in the list that a router was made with.
public struct HostIndex: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// From 0.
    public let number: Int

    /// The host at that place.
    public init(_ number: Int) { self.number = number }

    /// The first in the list comes first.
    public static func < (a: Self, b: Self) -> Bool { a.number < b.number }

    /// The number.
    public var description: String { "\(number)" }
}

/// Some of a replica set's hosts. A set in a register: a choice on the hot path allocates nothing.
public struct HostSet: Sendable, Hashable {
    /// How many hosts a replica set may have.
    public static let capacity = 64

    private var bits: UInt64

    /// No host.
    public static let empty = HostSet()
    /// No host.
    public init() { bits = 0 }
    /// One host.
    public init(_ host: HostIndex) {
        bits = 0
        insert(host)
    }

    /// How many there are.
    public var count: Int { bits.nonzeroBitCount }
    /// Whether there are none.
    public var isEmpty: Bool { bits == 0 }

    /// Whether `host` is one of them.
    public func contains(_ host: HostIndex) -> Bool {
        (0..<Self.capacity).contains(host.number) && bits & 1 << UInt64(host.number) != 0
    }

    /// Adds a host; a place beyond the capacity holds none.
    public mutating func insert(_ host: HostIndex) {
        if (0..<Self.capacity).contains(host.number) { bits |= 1 << UInt64(host.number) }
    }

    /// Takes a host out.
    public mutating func remove(_ host: HostIndex) {
        if (0..<Self.capacity).contains(host.number) { bits &= ~(1 << UInt64(host.number)) }
    }

    /// Those that are in both.
    public func intersection(_ other: HostSet) -> HostSet { HostSet(bits: bits & other.bits) }
    /// Those that are not in `other`.
    public func subtracting(_ other: HostSet) -> HostSet { HostSet(bits: bits & ~other.bits) }

    private init(bits: UInt64) { self.bits = bits }

    /// The host at a rank from 0, in the list's order; nil when there are fewer.
    public func member(at rank: Int) -> HostIndex? {
        guard rank >= 0, rank < count else { return nil }
        var rest = bits
        for _ in 0..<rank { rest &= rest &- 1 }
        return HostIndex(rest.trailingZeroBitCount)
    }
}
