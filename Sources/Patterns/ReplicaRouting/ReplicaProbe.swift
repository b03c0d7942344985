/// Asks hosts about themselves: the port that a driver implements.
///
/// Each host is asked over a connection of its own, outside any pool: when the pool is exhausted or its connections
/// hang, the answer matters most. Calls for one host are made one after the other by the router's loop, except
/// ``replayPosition(of:timeout:)``, which may come beside another call.
public protocol ReplicaProbe: Sendable {
    /// Asks a host for everything.
    /// - Parameter timeout: after which the call ends with ``ProbeFailure/timedOut``; it covers connecting, too. The
    ///   connection is then closed: its answer may be on the way.
    func read(_ host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> HostReading

    /// Asks a replica only up to where it has replayed, for a read that waits. Nil when it is none.
    func replayPosition(of host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> LSN?

    /// Asks a primary for the history of its timeline (`pg_wal/0000000N.history`).
    func history(
        of timeline: Timeline, on host: HostIndex, timeout: Duration
    ) async throws(ProbeFailure)
        -> TimelineHistory
}

/// Why a host gave no answer.
public enum ProbeFailure: Error, Sendable, Hashable {
    /// No connection, or it was lost.
    case unreachable
    /// No answer in time.
    case timedOut
    /// It answered, but refused: starting up, shutting down, too many connections, or a missing right.
    case refused
}
