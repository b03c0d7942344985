import Testing

@testable import PostgresDriver
@testable import Storage

/// What the lane's memory keeps, and when it is trusted.
@Suite("LaneMemory")
struct LaneMemoryTests {
    private struct Mark: Record {
        static let table = Table("marks", rank: 9, key: [.number("number")], mutable: ["text"])
        let number: Int64
        let text: String
        var key: Key<Mark> { Key(number: number) }
        init(_ number: Int64, _ text: String = "") { (self.number, self.text) = (number, text) }
        init(from row: any ColumnReader) throws { self.init(try row.integer(), try row.text()) }
        func write(to row: any ColumnWriter) {
            row.integer(number)
            row.text(text)
        }
    }

    private func key(_ number: Int64) -> RecordKey { Key<Mark>(number: number).erased }

    /// A record as an engine hands it on.
    private func stored(_ number: Int64) -> AnyRecord { RecordBox(Mark(number), version: 1) }

    private struct Stone: Record {
        static let table = Table("stones", rank: 5, key: [.number("number")], mutable: ["text"], lock: .none)
        let number: Int64
        var key: Key<Stone> { Key(number: number) }
        init(_ number: Int64) { self.number = number }
        init(from row: any ColumnReader) throws { number = try row.integer() }
        func write(to row: any ColumnWriter) {
            row.integer(number)
            row.text("")
        }
    }

    /// Rows that the write locks by itself must not be locked in another order than a load would have locked them in.
    @Test func rowsAreLeftToTheirUpdatesInTheOrderOfLocksOnly() {
        func left(_ assumed: [Int64], _ updated: [Int64], _ more: [RowChange] = []) -> Set<RecordKey> {
            var assumptions = LaneAssumptions()
            for number in assumed { assumptions.assume(key(number), writer: .known(1)) }
            let left = assumptions.leaveToUpdates(more + updated.map { .update(stored($0)) })
            #expect(assumptions.isEmpty == (left.count == assumed.count))
            return Set(left.keys)
        }
        #expect(left([1, 2, 3], [3]) == [key(3)])
        #expect(left([1, 2, 3], [1, 2, 3]) == [key(1), key(2), key(3)])
        #expect(left([1, 2, 3], [1, 3]) == [], "2 would be locked before 1")
        #expect(left([1, 2, 3], [4]) == [], "4 was not taken from the memory")
        #expect(left([3, 1], [1, 3]) == [], "loaded in two rounds, 3 first")
        #expect(left([3, 1], [1]) == [key(1)])
        let stone = RecordBox(Stone(1), version: 2)
        #expect(left([1], [1], [.update(stone)]) == [], "the stone would be locked before it, and was after it")
        #expect(left([1], [1], [.insert(stone)]) == [key(1)])
    }

    @Test func theLatestStateIsRemembered() {
        var memory = LaneMemory(bytes: 1 << 20)
        #expect(memory.row(key(1)) == nil)
        memory.remember(stored(1), writer: 7, bytes: 10)
        memory.remember(stored(1), writer: 8, bytes: 10)
        #expect(memory.row(key(1))?.writer == 8 && memory.count == 1)
        memory.forget(key(1))
        #expect(memory.row(key(1)) == nil)
        memory.remember(stored(2), writer: 9, bytes: 10)
        memory.forgetAll()
        #expect(memory.row(key(2)) == nil && memory.count == 0)
    }

    @Test func itIsBoundedAndKeepsWhatIsUsed() {
        var memory = LaneMemory(bytes: 100_000)
        for number: Int64 in 0..<10_000 {
            memory.remember(stored(number), writer: 1, bytes: 100)
            #expect(memory.count <= 200)
            #expect(memory.row(key(0)) != nil, "it is asked for all the time")
        }
        #expect(memory.row(key(9_999)) != nil && memory.row(key(1)) == nil)
        // One that fills a generation by itself is kept until the next.
        memory.remember(stored(1), writer: 1, bytes: 10 << 20)
        #expect(memory.row(key(1)) != nil)
    }

    /// Large rows that were asked for again counted as small ones from then on.
    @Test func aLargeRowStaysLargeWhenItIsUsed() {
        var memory = LaneMemory(bytes: 64 << 10)
        for number: Int64 in 0..<1_000 {
            memory.remember(stored(number), writer: 1, bytes: 8 << 10)
            for earlier in max(0, number - 20)...number { _ = memory.row(key(earlier)) }
            #expect(memory.count <= 8)
        }
    }

    @Test func withoutBytesNothingIsKept() {
        var memory = LaneMemory(bytes: 0)
        memory.remember(stored(1), writer: 1, bytes: 1)
        #expect(memory.count == 0)
        #expect(!memory.isKept)
    }
}
