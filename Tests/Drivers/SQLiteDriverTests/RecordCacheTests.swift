import DeterminismTestKit
import Testing

@testable import SQLiteDriver
@testable import Storage

/// The rows that the engine keeps between batches: bounded, and never older than the file.
@Suite("RecordCache", .timeLimit(.minutes(1)))
struct RecordCacheTests {

    private func observe(_ configuration: inout SQLiteConfiguration, _ seen: Notes<String>) {
        configuration.statementObserver = { if $0.contains("counters") { seen.note($0) } }
    }

    @Test func rowThatABatchWroteIsNotReadAgain() async throws {
        let (file, seen) = (try TemporaryDatabase(), Notes<String>())
        let database = try await file.open { observe(&$0, seen) }
        try await database.withLane { (lane: WriteLane) async throws in
            #expect(try await lane.count("a") == 1)
            let before = seen.all.count { $0.hasPrefix("SELECT") }
            for value in 2...10 as ClosedRange<Int64> { #expect(try await lane.count("a") == value) }
            #expect(seen.all.count { $0.hasPrefix("SELECT") } == before)
            #expect(seen.all.count { $0.hasPrefix("UPDATE") } == 9)
        }
        #expect(try await database.value("a") == 10)
    }

    /// Another connection of this or any other process, such as a shell in an operator's hand.
    @Test func whatAnotherConnectionCommitsIsSeen() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let other = try await file.open()
        try await database.withLane { (lane: WriteLane) async throws in
            for round in 1...5 as ClosedRange<Int64> {
                #expect(try await lane.count("a") == round * 100 - 99)
                _ = try await other.write {
                    try await $0.execute(
                        SQLStatement("UPDATE counters SET value = $1, version = version + 1", [.integer(round * 100)]))
                }
            }
            #expect(try await lane.count("a") == 501)
            _ = try await other.write { try await $0.execute(SQLStatement("DELETE FROM counters")) }
            #expect(try await lane.count("a") == 1)
        }
    }

    @Test func whatASlowTransactionWritesIsSeenAndWhatItTakesBackIsNot() async throws {
        struct Stop: Error {}
        let file = try TemporaryDatabase()
        let database = try await file.open()
        try await database.withLane { (lane: WriteLane) async throws in
            #expect(try await lane.count("a") == 1)
            _ = try await database.write {
                try await $0.execute(SQLStatement("UPDATE counters SET value = 50, version = version + 1"))
            }
            #expect(try await lane.count("a") == 51)
            await #expect(throws: Stop.self) {
                try await database.write {
                    try await $0.execute(SQLStatement("UPDATE counters SET value = 90, version = version + 1"))
                    throw Stop()
                }
            }
            #expect(try await lane.count("a") == 52)
        }
    }

    /// A batch that fails has changed nothing, so what it meant to write must not be taken for stored.
    @Test func failedBatchLeavesNothingBehind() async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        try await database.withLane { (lane: WriteLane) async throws in
            #expect(try await lane.count("a", 5) == 5)
            await #expect(throws: LaneFailure.self) { try await lane.count("a", -9) }
            #expect(try await lane.count("a") == 6)
            // The reader's connection is another one, and agrees.
            #expect(try await database.value("a") == 6)
        }
    }

    @Test func memoryIsBoundedInBytes() throws {
        var cache = RecordCache()
        for index in 0..<10_000 {
            cache.store(box("counter-\(index)"), bytes: 100)
            #expect(cache.count * (100 + RecordCache.overhead) <= Counter.table.cacheBytes + 2 * 356)
        }
        #expect(cache.count > 50)
        #expect(cache.find(Counter.key("counter-9999").erased) != nil)
        #expect(cache.find(Counter.key("counter-0").erased) == nil)
    }

    @Test func rowThatIsAskedForOftenStays() {
        var cache = RecordCache()
        cache.store(box("hot"), bytes: 10)
        for index in 0..<10_000 {
            cache.store(box("cold-\(index)"), bytes: 10)
            if index % 50 == 0 { #expect(cache.find(Counter.key("hot").erased) != nil, "after \(index)") }
        }
    }

    @Test func largeRowIsNotKeptAndTakesItsOldSelfAlong() {
        var cache = RecordCache()
        cache.store(box("a"), bytes: 10)
        cache.store(box("a"), bytes: Counter.table.cacheBytes)
        #expect(cache.find(Counter.key("a").erased) == nil)
    }

    @Test func newerRowReplacesTheOneOfTheOldGeneration() {
        var cache = RecordCache()
        cache.store(box("a", value: 1), bytes: 10)
        while cache.count > 0, cache.find(Counter.key("filler-1").erased) == nil {
            for index in 0..<200 { cache.store(box("filler-\(index)"), bytes: 10) }
        }
        cache.store(box("a", value: 2), bytes: 10)
        #expect((cache.find(Counter.key("a").erased) as? RecordBox<Counter>)?.record.value == 2)
        cache.remove(Counter.key("a").erased)
        #expect(cache.find(Counter.key("a").erased) == nil)
    }

    private func box(_ name: String, value: Int64 = 0) -> AnyRecord { RecordBox(Counter(name, value)) }
}

/// What is bound must be what is stored, whatever its size.
@Suite("RowBinder", .timeLimit(.minutes(1)))
struct RowBinderTests {
    @Test(arguments: [0, 1, 15, 16, 1_000, 16_383, 16_384, 16_385, 300_000])
    func textsOfAnySizeArriveWhole(size: Int) async throws {
        let file = try TemporaryDatabase()
        let database = try await file.open()
        let note = String((0..<size).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
        try await database.withLane { (lane: WriteLane) async throws in
            #expect(try await lane.count("a", note: "first") == 1)
            #expect(try await lane.count("a", note: note) == 2)
            #expect(try await lane.count("name-\(note.prefix(40))", note: note) == 1)
        }
        let rows = try await database.read(SQLStatement("SELECT note FROM counters"), .strong)
        #expect(rows == [SQLRow([.text(note)]), SQLRow([.text(note)])])
    }
}
