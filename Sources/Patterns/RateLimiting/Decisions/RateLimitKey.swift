/// Who is limited: a tenant, and within it what the limit counts by.
///
/// A tenant's keys share a slot of a Redis cluster, so that one decision can look at several. For limits that belong to
/// nobody, such as one by address before anybody is authenticated, let the address be the tenant: such a decision has
/// one key, and spreads well.
public struct RateLimitKey: Sendable, Hashable {
    /// The organization, or whoever else has limits of its own. At most 256 bytes are told apart well: longer names
    /// cost time and memory of the store, and nothing else.
    public let tenant: String
    /// What within the tenant: an API key, a route, an address; empty for the tenant as a whole.
    public let subject: String

    /// The tenant as a whole, or a part of it.
    public init(_ tenant: String, _ subject: String = "") { (self.tenant, self.subject) = (tenant, subject) }
}
