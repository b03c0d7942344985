import Synchronization

/// What customers came across, from any task.
final class Sightings: Sendable {
    private let state = Mutex((faults: [String](), servers: [String: Int]()))

    /// Something that must not be.
    func add(_ fault: String) { state.withLock { $0.faults.append(fault) } }
    /// A read was answered by that server.
    func served(_ server: String) { state.withLock { $0.servers[server, default: 0] += 1 } }

    var faults: [String] { state.withLock { $0.faults } }
    /// How many reads each server answered.
    var servers: [String: Int] { state.withLock { $0.servers } }
    /// How many reads replicas answered.
    var byReplicas: Int { servers.filter { $0.key.contains("replica") }.values.reduce(0, +) }
}
