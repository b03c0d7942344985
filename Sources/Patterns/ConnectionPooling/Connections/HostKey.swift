/// The name of a host that connections belong to, such as `db-1.example:5432`. What it means is the factory's business.
public struct HostKey: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name.
    public let name: String

    /// The host of that name.
    public init(_ name: String) { self.name = name }

    /// The host of that name.
    public init(stringLiteral name: String) { self.name = name }

    /// The name.
    public var description: String { name }
}
