import Determinism
import Storage
import Testing

@testable import Messaging

/// An outbox, its rows as they are committed, and the positions that they get.
struct OutboxBench: Sendable {
    static let organization: Int64 = 7
    static let partition: Int64 = 13
    let database: DatabaseBench

    init(_ database: DatabaseBench) async throws {
        self.database = database
        let fences = """
            CREATE TABLE fences (
              organization {int} NOT NULL PRIMARY KEY, epoch {int} NOT NULL, state TEXT NOT NULL, version {int} NOT NULL
            ) {table}
            """
        try await Migrator([Migration(1, "outbox", MessagingSchema.tables + [fences])], dialect: database.dialect)
            .migrate(database.first, time: SystemTime())
    }

    func stamp(limit: Int = 500, epoch: Int64? = nil, of organization: Int64 = organization) -> OutboxStamp {
        OutboxStamp(organization: organization, partition: Self.partition, epoch: epoch, limit: limit)
    }

    static func insertion(
        _ key: String, _ sequence: Int64, time: Int64, of organization: Int64 = organization
    ) -> SQLStatement {
        SQLStatement(
            """
            INSERT INTO outbox (organization, key, sequence, id, type, partition, position, time, traceparent, data)
            VALUES ($1, $2, $3, $4, 'thing:happened', $5, NULL, $6, NULL, '{}')
            """,
            [
                .integer(organization), .text(key), .integer(sequence), .uuid(UUIDv7(high: 1, low: UInt64(sequence))),
                .integer(partition), .integer(time),
            ])
    }
    func insert(_ key: String, _ sequence: Int64, time: Int64, of organization: Int64 = organization) async throws {
        try await database.first.write { transaction in
            _ = try await transaction.execute(Self.insertion(key, sequence, time: time, of: organization))
        }
    }

    func tail(of organization: Int64 = organization) async throws -> OutboxTail {
        let question = OutboxTail.question(of: organization, partition: Self.partition)
        return try OutboxTail(try #require(await database.first.read(question, .strong).first))
    }
    /// The events with a position, in its order, as `key/sequence`.
    func stream(of organization: Int64 = organization) async throws -> [String] {
        let events = OutboxTail.events(of: organization, after: 0, limit: 10_000)
        let records = try await database.first.read(events, .strong).map { try $0.record(OutboxRecord.self) }
        #expect(records.map(\.position) == (0..<records.count).map { Int64($0) + 1 }, "without gaps")
        return records.map { "\($0.eventKey)/\($0.sequence)" }
    }
    /// How often positions were given under the partition's lock; nil before the first time.
    func epoch() async throws -> Int64? {
        try await database.rows(
            "SELECT epoch FROM outbox_partitions WHERE partition = $1", [.integer(Self.partition)]
        ).first?.integer(0)
    }
}
