import Determinism
import Foundation
import Messaging
import SQLiteDriver
import Storage
import Testing

/// Events on their way into the outbox.
@Suite("Outbox")
struct OutboxTests {
    private func record(slot: UInt16 = 77, traceparent: String? = nil, sequence: Int64 = 5) -> OutboxRecord {
        let time = Timestamp(microseconds: 1_795_424_701_042_000)
        return OutboxRecord(
            organization: 9, key: "ord_1", sequence: sequence,
            id: EventID(UUIDv7(time: time, slot: slot, random: 3)), type: "order:created", time: time,
            traceparent: traceparent, data: #"{"a":"\u00e9"}"#)
    }

    @Test(arguments: [nil, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
    func rowIsReadAsItWasWritten(traceparent: String?) throws {
        let record = record(traceparent: traceparent)
        let writer = SQLRowWriter()
        record.write(to: writer)
        #expect(writer.values.count == OutboxRecord.table.columns.count)
        #expect(try SQLRow(writer.values).record(OutboxRecord.self) == record)
        #expect(record.position == nil)
        #expect(record.key.erased.parameters == [9, "ord_1", 5])
        let named = Dictionary(zip(OutboxRecord.table.columns, writer.values), uniquingKeysWith: { a, _ in a })
        #expect(named["type"] == "order:created" && named["sequence"] == 5 && named["partition"] == 13)
        #expect(named["data"] == .text(record.data) && named["position"] == .null)
    }

    @Test func everySlotHasAPartition() {
        let partitions = (0..<4_096 as Range<UInt16>).map { record(slot: $0).partition }
        #expect(partitions.allSatisfy { (0..<OutboxRecord.partitions).contains($0) })
        #expect(Set(partitions).count == Int(OutboxRecord.partitions), "and none is left idle")
        #expect(record(slot: 64).partition == record(slot: 128).partition, "decided by the slot alone")
    }

    @Test func documentIsACloudEvent() throws {
        let writer = SQLRowWriter()
        record(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").write(to: writer)
        var values = writer.values
        values[try #require(OutboxRecord.table.columns.firstIndex(of: "position"))] = 41
        let stamped = try SQLRow(values).record(OutboxRecord.self)
        let document = stamped.cloudEvent(source: "/things/é", organization: "org_1", consistencyToken: "to\"ken")
        #expect(
            String(decoding: document, as: UTF8.self) == """
                {"specversion":"1.0","id":"\(stamped.id)","source":"/things/é","type":"order:created",\
                "time":"2026-11-23T09:05:01.042Z","subject":"ord_1","organizationid":"org_1","partitionkey":"ord_1",\
                "sequence":"5","position":41,\
                "traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",\
                "consistencytoken":"to\\\"ken","data":{"a":"\\u00e9"}}
                """)
    }

    @Test func whatDoesNotExistIsNotInTheDocument() {
        let document = String(decoding: record().cloudEvent(source: "s", organization: "o"), as: UTF8.self)
        for name in ["position", "traceparent", "consistencytoken", "null"] { #expect(!document.contains(name)) }
        #expect(document.hasPrefix(#"{"specversion":"1.0","id":"evt_"#))
        #expect(document.hasSuffix(#""sequence":"5","data":{"a":"\u00e9"}}"#))
    }

    @Test func outboxIsAppendOnlyForCommands() {
        #expect(OutboxRecord.table.isAppendOnly)
    }

    /// The schema takes the record, through the lane, once for each key and sequence.
    @Test func schemaHoldsTheRecord() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("outbox.db").path
        let database = try SQLiteDatabase.open(SQLiteConfiguration(name: "outbox", path: path), time: SystemTime())
        let schema = [Migration(1, "messaging", MessagingSchema.tables)]
        try await Migrator(schema, dialect: .sqlite).migrate(database, time: SystemTime())
        let lane = WriteLane(engine: database, time: SystemTime())
        async let running: Void = lane.run()
        let deadline = SystemTime().instant() + .seconds(60)
        let records = [record(), record(traceparent: "t", sequence: 6)]
        for record in records { _ = try await lane.submit(Append(record: record), tenant: nil, deadline: deadline) }
        for bad in [record(), record(sequence: 0)] {
            await #expect(throws: LaneFailure.self) {
                try await lane.submit(Append(record: bad), tenant: nil, deadline: deadline)
            }
        }
        lane.stop()
        await running
        let rows = try await database.read(
            SQLStatement("SELECT \(OutboxRecord.table.list("o")) FROM outbox o ORDER BY o.sequence"), .strong)
        #expect(try rows.map { try $0.record(OutboxRecord.self) } == records)
    }

    private struct Append: LaneCommand {
        let record: OutboxRecord
        func needs(_ loaded: WorkingSet) -> [Need] { [] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
            work.append(record)
            return .commit(true)
        }
    }
}
