import PantryDomain

/// What Pantry's keys in Redis are called. They say whose they are: installations that use one database of Redis must
/// not share limits, nor count each other's processes, nor wait for each other's sessions.
struct RedisKeys: Sendable, Hashable {
    /// What the keys of rate limits begin with. What decides on a key's slot in a cluster comes behind it, in braces.
    let limits: String
    /// The key of the processes that are alive.
    let processes: String
    private let sessions: String
    /// Written to find out whether anything can be.
    var sessionProbe: String { "\(sessions)probe" }

    init(_ installation: InstallationID) {
        limits = "pantry:\(installation.text):rl:"
        processes = "pantry:\(installation.text):processes"
        sessions = "pantry:\(installation.text):session:"
    }

    /// The keys of a session, in one slot of a cluster: of its furthest write, and of the mark that it has one which
    /// nobody can place.
    func session(_ id: SessionID) -> [String] { ["\(sessions){\(id)}", "\(sessions){\(id)}:doubt"] }
}
