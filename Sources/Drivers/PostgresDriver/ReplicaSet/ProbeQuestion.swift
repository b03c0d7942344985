import ReplicaRouting
import Storage

/// What a server is asked about itself, by a probe and on each new connection.
enum ProbeQuestion {
    /// One row. The timeline of a primary is that in the name of the segment it writes: `pg_control_checkpoint()` shows
    /// the former one until the next checkpoint, seconds after a promotion.
    static let statement = PostgresStatement(
        """
        SELECT r::int::bigint, (SELECT system_identifier::text FROM pg_control_system()),
          CASE WHEN r THEN (SELECT received_tli::text FROM pg_stat_wal_receiver)
            ELSE pg_walfile_name(pg_current_wal_insert_lsn()) END,
          (SELECT timeline_id::bigint FROM pg_control_checkpoint()),
          (CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text,
          (CASE WHEN r THEN pg_last_wal_receive_lsn() END)::text,
          (CASE WHEN r THEN pg_is_wal_replay_paused() ELSE false END)::int::bigint,
          (current_setting('fsync') = 'on')::int::bigint,
          (current_setting('synchronous_commit') <> 'off')::int::bigint,
          pg_size_bytes(current_setting('wal_segment_size'))
        FROM pg_is_in_recovery() AS r
        """)
    static let batch = PostgresBatch([PostgresBatch.Item(statement)], effect: .reads)

    /// Up to where a replica has replayed; `NULL` where it is none.
    static let replayPosition = PostgresBatch(
        [
            PostgresBatch.Item(
                PostgresStatement(
                    "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END)::text"))
        ], effect: .reads)

    /// The history of a timeline, as a file beside the log.
    static func history(of timeline: Timeline) -> PostgresBatch {
        let digits = String(timeline.number, radix: 16, uppercase: true)
        let name = String(repeating: "0", count: max(0, 8 - digits.count)) + digits
        return PostgresBatch([SQLStatement("SELECT pg_read_file('pg_wal/\(name).history')")], effect: .reads)
    }

    /// Reads the row; nil when it does not say what a server must say.
    static func reading(_ result: PostgresResult) -> HostReading? {
        guard result.rowCount == 1, let row = try? Row(result.reader()), let system = UInt64(row.system),
            let position = row.position.flatMap({ LSN($0) })
        else { return nil }
        let timeline: Timeline?
        if row.isReplica {
            timeline = Timeline(max(row.log.flatMap { UInt32($0) } ?? 0, UInt32(clamping: row.checkpointTimeline)))
        } else {
            timeline = row.log.flatMap { Timeline(walFileName: $0) }
        }
        return HostReading(
            systemIdentifier: system, role: row.isReplica ? .replica : .primary, timeline: timeline,
            position: row.isReplica
                ? position : position.withoutPageHeader(segmentBytes: UInt64(max(0, row.segmentBytes))),
            received: row.received.flatMap { LSN($0) }, isReplayPaused: row.isPaused,
            durability: HostReading.Durability(
                syncsFiles: row.syncsFiles, commitsSynchronously: row.commitsSynchronously))
    }

    /// The row as it comes.
    private struct Row {
        let isReplica: Bool
        let system: String
        /// Of a primary the segment that it writes, of a replica the timeline that it receives, if it may tell.
        let log: String?
        let checkpointTimeline: Int64
        let (position, received): (String?, String?)
        let (isPaused, syncsFiles, commitsSynchronously): (Bool, Bool, Bool)
        let segmentBytes: Int64

        init(_ row: PostgresRowReader) throws {
            isReplica = try row.integer() == 1
            system = try row.text()
            log = try row.optionalText()
            checkpointTimeline = try row.integer()
            (position, received) = (try row.optionalText(), try row.optionalText())
            (isPaused, syncsFiles) = (try row.integer() == 1, try row.integer() == 1)
            commitsSynchronously = try row.integer() == 1
            segmentBytes = try row.integer()
        }
    }
}
