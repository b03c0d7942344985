import PantryDomain

/// What Pantry's keys in Redis are called. They say whose they are: installations that use one database of Redis must
/// not share limits, nor count each other's processes.
struct RedisKeys: Sendable, Hashable {
    /// What the keys of rate limits begin with. What decides on a key's slot in a cluster comes behind it, in braces.
    let limits: String
    /// The key of the processes that are alive.
    let processes: String

    init(_ installation: InstallationID) {
        limits = "pantry:\(installation.text):rl:"
        processes = "pantry:\(installation.text):processes"
    }
}
