import Determinism
import Testing

@testable import PostgresDriver
@testable import Storage

/// What a batch leaves to the next one, and what becomes of it on the wire.
@Suite("LanePreparation")
struct LanePreparationTests {
    private struct Mark: Record {
        static let table = Table("marks", rank: 3, key: [.number("number")], mutable: ["text"])
        let number: Int64
        var text = ""
        var key: Key<Mark> { Key(number: number) }
        init(_ number: Int64, _ text: String = "") { (self.number, self.text) = (number, text) }
        init(from row: any ColumnReader) throws { (number, text) = (try row.integer(), try row.text()) }
        func write(to row: any ColumnWriter) {
            row.integer(number)
            row.text(text)
        }
    }
    private func key(_ number: Int64) -> RecordKey { Mark(number).key.erased }
    private func stored(_ number: Int64, _ text: String = "", version: Int64 = 1) -> AnyRecord {
        RecordBox(Mark(number, text), version: version)
    }
    private let statements = [
        ObjectIdentifier(Mark.table): LaneStatements(Mark.table, types: [.integer, .text, .integer])
    ]

    @Test("a heritage has the rows as the leader leaves them, and says which of them are the leader's")
    func heritage() {
        let heritage = LaneHeritage(
            id: 1, rows: [(stored(1, "read"), .known(7)), (stored(2, "read"), .known(8)), (stored(3), .known(9))],
            changes: [
                .update(stored(2, "new", version: 2)), .delete(key(3)), .insert(stored(4, "made")), .delete(key(5)),
                .insert(stored(5, "anew")),
            ], statements: statements, question: LanePosition.flushed)
        let rows = heritage.byKey
        #expect(rows.count == 4 && rows[key(3)] == nil)
        for (number, writer) in [(1, .known(7)), (2, .leader), (4, .leader), (5, .leader)] as [(Int64, RowWriter)] {
            #expect(rows[key(number)]?.writer == writer, "\(number)")
        }
        #expect(rows[key(2)]?.record.version == 2)
    }

    @Test("who wrote a row is said when the trip is sent: for one row, and for lists with rows of both kinds")
    func trips() {
        var assumptions = LaneAssumptions()
        for (number, writer) in [(1, .known(7)), (2, .leader)] as [(Int64, RowWriter)] {
            assumptions.assume(key(number), writer: writer)
        }
        var trip = LaneTrip()
        assumptions.confirm(in: &trip, statements)
        let sent = trip.complete(leader: 0x0102_0304)
        #expect(sent.items.count == 1 && trip.confirming == [0])
        let numbers = sent.items[0].parameters
        #expect(numbers.count == trip.batch.items[0].parameters.count + 1)
        #expect(Array(numbers.bytes.suffix(16)) == [0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 4, 1, 2, 3, 4])

        var one = LaneAssumptions()
        one.assume(key(1), writer: .leader)
        let writes = LaneWrites(
            [.update(stored(1, "x", version: 2))], appended: [], confirming: one, in: LaneTrip(), .byItself, statements)
        let update = writes.trip.complete(leader: 5)
        #expect(update.items.count == 1 && writes.trip.confirming == [0])
        #expect(Array(update.items[0].parameters.bytes.suffix(4)) == [0, 0, 0, 5])
    }
}
