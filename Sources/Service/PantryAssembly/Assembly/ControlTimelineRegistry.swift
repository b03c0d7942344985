import Determinism
import PantryDomain
import ReplicaRouting
import Storage

/// Keeps the valid timeline of a shard in the control database, by compare-and-set: of two promoted replicas one is the
/// primary for the whole fleet, and a primary that was replaced stays replaced, however often it comes back.
struct ControlTimelineRegistry: TimelineRegistry {
    let control: any Database
    let shard: String
    let time: any TimeSource

    func current() async throws(TimelineRegistryFailure) -> TimelineRecord? {
        do { return try Self.record(try await control.read(query, .strong)) } catch {
            throw TimelineRegistryFailure()
        }
    }

    func advance(
        from expected: TimelineRecord?, to record: TimelineRecord
    ) async throws(TimelineRegistryFailure) -> TimelineRecord? {
        let change = change(from: expected, to: record)
        do {
            return try await control.write { transaction in
                try await transaction.execute(change)
                return try Self.record(try await transaction.execute(query))
            }
        } catch { throw TimelineRegistryFailure() }
    }

    private func change(from expected: TimelineRecord?, to record: TimelineRecord) -> SQLStatement {
        let new: [SQLValue] = [
            .text(shard), .text(String(record.systemIdentifier)), .integer(Int64(record.timeline.number)),
            .text(record.primary), .integer(time.now().microseconds),
        ]
        guard let expected else {
            return SQLStatement(
                """
                INSERT INTO shard_timelines (shard, system_identifier, timeline, primary_server, changed_at)
                VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
                """, new)
        }
        return SQLStatement(
            """
            UPDATE shard_timelines SET system_identifier = $2, timeline = $3, primary_server = $4, changed_at = $5
            WHERE shard = $1 AND system_identifier = $6 AND timeline = $7 AND primary_server = $8
            """,
            new + [
                .text(String(expected.systemIdentifier)), .integer(Int64(expected.timeline.number)),
                .text(expected.primary),
            ])
    }

    private var query: SQLStatement {
        SQLStatement(
            "SELECT system_identifier, timeline, primary_server FROM shard_timelines WHERE shard = $1", [.text(shard)])
    }

    private static func record(_ rows: [SQLRow]) throws -> TimelineRecord? {
        guard let row = rows.first else { return nil }
        guard let system = UInt64(try row.text(0)), let timeline = UInt32(exactly: try row.integer(1)) else {
            throw StorageError.corrupt("a row of shard_timelines cannot be read")
        }
        return TimelineRecord(systemIdentifier: system, timeline: Timeline(timeline), primary: try row.text(2))
    }
}
