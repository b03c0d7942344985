import ReplicaRouting
import Storage

/// How far the log is, asked behind a commit, or behind a read of what has been committed. The timeline comes along:
/// behind a pooler the server may be another one than a moment ago.
enum LanePosition {
    /// Behind a commit that waited for its log to be on the disk.
    static let flushed = PostgresStatement(
        "SELECT pg_walfile_name(pg_current_wal_insert_lsn()), (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint")
    /// Behind one that did not.
    static let inserted = PostgresStatement(
        "SELECT pg_walfile_name(pg_current_wal_insert_lsn()), (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
    /// Behind a read, in the session's own terms: commits that did not wait may be seen before they are on the disk.
    static let ofSession = PostgresStatement(
        """
        SELECT pg_walfile_name(pg_current_wal_insert_lsn()),
          ((CASE WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn()
            ELSE pg_current_wal_flush_lsn() END) - '0/0'::pg_lsn)::bigint
        """)

    /// Reads the answer; nil if it is none.
    static func read(_ result: PostgresResult) -> CommitPosition? {
        let row = result.reader()
        guard let name = try? row.text(), let timeline = Timeline(walFileName: name), let offset = try? row.integer()
        else { return nil }
        let end = LSN(bytes: UInt64(bitPattern: offset)).withoutPageHeader()
        return CommitPosition(timeline: timeline.number, offset: end.bytes)
    }
}
