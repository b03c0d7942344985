/// One connection of a pool, from its first attempt to its end. The slot is used again, the number never is: what
/// arrives for a connection that is gone is recognised by it.
public struct ConnectionID: Sendable, Hashable, CustomStringConvertible {
    /// Which of the pool's places it stands in, `0..<limit`.
    public let slot: Int
    /// The how-manieth connection of this pool it is.
    public let number: UInt64

    /// The connection `number`, in `slot`.
    public init(slot: Int, number: UInt64) { (self.slot, self.number) = (slot, number) }

    /// Such as `c12@3`.
    public var description: String { "c\(number)@\(slot)" }
}

/// One lease of a connection. Its number is used once: a lease that is returned twice, or after the pool has closed its
/// connection, is recognised.
public struct LeaseID: Sendable, Hashable, CustomStringConvertible {
    /// The place of the leased connection.
    public let slot: Int
    /// The how-manieth lease of this pool it is.
    public let number: UInt64

    /// The lease `number` of what stands in `slot`.
    public init(slot: Int, number: UInt64) { (self.slot, self.number) = (slot, number) }

    /// Such as `l40@3`.
    public var description: String { "l\(number)@\(slot)" }
}

/// One caller that waits.
public struct WaiterID: Sendable, Hashable, CustomStringConvertible {
    /// Its place in the table of those who wait; used again.
    public let index: Int
    /// The how-manieth waiter of this pool it is.
    public let number: UInt64

    /// The waiter `number`, at `index`.
    public init(index: Int, number: UInt64) { (self.index, self.number) = (index, number) }

    /// Such as `w7`.
    public var description: String { "w\(number)" }
}
