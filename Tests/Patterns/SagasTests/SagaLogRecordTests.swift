import Determinism
import Storage
import Testing

@testable import Sagas

/// The entries of one commit, in one row.
@Suite("SagaLogRecord")
struct SagaLogRecordTests {
    private let now = Timestamp(microseconds: 9_000_000)

    private func entries(_ body: (inout SagaTransition) -> Void) -> [SagaLogEntry] {
        let id = SagaID(UUIDv7(time: now, slot: 1, random: 1))
        var saga = SagaTransition(
            SagaRecord(
                organization: 7, id: id, definition: "checkout", version: 1, subject: id.uuid, input: "{}",
                step: "reserve", now: now, lease: .seconds(1)), at: now)
        body(&saga)
        return saga.log
    }

    @Test func entriesOfEveryKindAreReadAsTheyWereWritten() throws {
        for length in 1...SagaLogEntry.Kind.allCases.count {
            let written = entries { saga in
                for (place, kind) in SagaLogEntry.Kind.allCases.prefix(length).enumerated() {
                    // Within one commit a worker may take the saga over and put it aside.
                    saga.record.epoch += Int64(place % 2)
                    saga.record.attempts += Int64(place % 3)
                    saga.note(kind, "step “\(place)”", place % 2 == 0 ? nil : "\"quoted\\\" \n\u{1F95A} \(place)")
                }
            }
            let record = try #require(SagaLogRecord(written))
            #expect(record.key == Key(organization: 7, id: written[0].saga.uuid, number: 1))
            let read = try Columns.roundTrip(record)
            #expect(read == record && read.entries == written)
            #expect(read.entries.map(\.entry) == (1...Int64(length)).map { $0 })
        }
        #expect(SagaLogRecord([]) == nil)
    }

    /// The columns of a row, of which the last two are given.
    private func read(_ last: Int64?, _ further: String?) throws -> SagaLogRecord {
        let columns = Columns()
        let first = try #require(entries { $0.note(.began, "reserve") }.first)
        columns.integer(first.organization)
        columns.uuid(first.saga.uuid)
        for number in [4, now.microseconds] { columns.integer(number) }
        for text in ["reserve", "began"] { columns.text(text) }
        for number in [2, 3] as [Int64] { columns.integer(number) }
        columns.text(nil)
        columns.integer(last)
        columns.text(further)
        return try SagaLogRecord(from: columns)
    }

    @Test func rowsOfOlderServersHaveOneEntry() throws {
        let entry = try #require(try read(nil, nil).entries.first)
        #expect(entry.entry == 4 && entry.kind == .began && entry.epoch == 2 && entry.attempt == 3)
    }

    @Test func furtherEntriesTakeMomentAndNumberFromTheFirst() throws {
        let entries = try read(5, #"[["intended","charge",2,3,"key"]]"#).entries
        #expect(entries.map(\.entry) == [4, 5] && entries[1].at == now && entries[1].detail == "key")
    }

    @Test(
        arguments: [
            (5, nil), (nil, #"[["intended","charge",2,3,null]]"#), (6, #"[["intended","charge",2,3,null]]"#),
            (5, "["), (5, "{}"), (5, #"["intended"]"#), (5, #"[["thought","charge",2,3,null]]"#),
            (5, #"[["intended","charge",2,3]]"#), (5, #"[["intended","charge","2",3,null]]"#),
            (5, #"[["intended","charge",2,3,4]]"#),
        ] as [(Int64?, String?)])
    func whatIsDamagedIsNotRead(last: Int64?, further: String?) {
        #expect(throws: StorageError.self) { try read(last, further) }
    }
}
