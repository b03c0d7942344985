import Foundation
import PostgresTestKit
import ReplicaRouting

/// Asks real servers through `psql`: slower than a driver, and the same questions.
struct SQLProbe: ReplicaProbe {
    let servers: [PostgresServer]

    static let question = """
        SELECT r, (SELECT system_identifier FROM pg_control_system()), \
        CASE WHEN r THEN (SELECT received_tli::text FROM pg_stat_wal_receiver) \
        ELSE pg_walfile_name(pg_current_wal_insert_lsn()) END, \
        (SELECT timeline_id FROM pg_control_checkpoint()), \
        CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END, \
        current_setting('fsync') = 'on', current_setting('synchronous_commit') <> 'off' \
        FROM pg_is_in_recovery() AS r
        """

    func read(_ host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> HostReading {
        let fields = try await ask(host, Self.question, timeout).split(
            separator: "|", omittingEmptySubsequences: false)
        guard fields.count == 7, let system = UInt64(fields[1]), let checkpoint = UInt32(fields[3]),
            let position = LSN(fields[4])
        else { throw .refused }
        let isReplica = fields[0] == "t"
        let timeline =
            isReplica
            ? Timeline(max(UInt32(fields[2]) ?? 0, checkpoint)) : Timeline(walFileName: fields[2])
        return HostReading(
            systemIdentifier: system, role: isReplica ? .replica : .primary, timeline: timeline,
            position: isReplica ? position : position.withoutPageHeader(),
            durability: HostReading.Durability(
                syncsFiles: fields[5] == "t", commitsSynchronously: fields[6] == "t"))
    }

    func replayPosition(of host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> LSN? {
        // A process takes longer to start than a reader waits.
        LSN(try await ask(host, "SELECT pg_last_wal_replay_lsn()", .seconds(1)))
    }

    func history(
        of timeline: Timeline, on host: HostIndex, timeout: Duration
    ) async throws(ProbeFailure) -> TimelineHistory {
        let digits = String(timeline.number, radix: 16, uppercase: true)
        let name = String(repeating: "0", count: 8 - digits.count) + digits
        let text = try await ask(host, "SELECT pg_read_file('pg_wal/\(name).history')", timeout)
        guard let history = TimelineHistory(of: timeline, parsing: text) else { throw .refused }
        return history
    }

    private func ask(_ host: HostIndex, _ question: String, _ timeout: Duration) async throws(ProbeFailure) -> String {
        do { return try await servers[host.number].psql(question, within: timeout) } catch is PostgresFailure {
            throw .unreachable
        } catch { throw .timedOut }
    }
}
