import Determinism
import SQLiteDriver
import Storage
import Synchronization
import Testing

/// A row that counts.
struct Counter: Record, Hashable {
    static let table = Table(
        "counters", rank: 1, key: [.organization, .text("name")], mutable: ["value", "note"], cacheBytes: 64 << 10)

    let name: String
    var value: Int64
    var note: String?

    init(_ name: String, _ value: Int64, note: String? = nil) {
        (self.name, self.value, self.note) = (name, value, note)
    }
    static func key(_ name: String) -> Key<Counter> { Key(organization: 1, text: name) }
    var key: Key<Counter> { Self.key(name) }

    init(from row: any ColumnReader) throws {
        _ = try row.integer()
        name = try row.text()
        value = try row.integer()
        note = try row.optionalText()
    }
    func write(to row: any ColumnWriter) {
        row.integer(1)
        row.text(name)
        row.integer(value)
        row.text(note)
    }
}

/// Adds to a counter, and makes it if it is not there; refuses, in memory, to go above a limit.
struct Count: LaneCommand {
    var name: String
    var amount: Int64 = 1
    var note: String?
    var limit = Int64.max

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(Counter.key(name))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int64> {
        var counter = work[Counter.key(name)] ?? Counter(name, 0)
        counter.value += amount
        counter.note = note ?? counter.note
        work.put(counter)
        return counter.value > limit ? .discard(-1) : .commit(counter.value)
    }
}

extension SQLiteDatabase {
    /// Runs a lane beside `body`.
    func withLane<Value>(_ body: (WriteLane) async throws -> Value) async throws -> Value {
        let lane = WriteLane(engine: self, time: SystemTime())
        async let running: Void = lane.run()
        do {
            let value = try await body(lane)
            lane.stop()
            await running
            return value
        } catch {
            lane.stop()
            await running
            throw error
        }
    }

    func value(_ name: String) async throws -> Int64? {
        let rows = try await read(
            SQLStatement("SELECT value FROM counters WHERE organization = 1 AND name = $1", [.text(name)]), .strong)
        return try rows.first?.integer(0)
    }
}

extension WriteLane {
    /// Submits with a deadline that no test reaches.
    func count(_ name: String, _ amount: Int64 = 1, note: String? = nil, limit: Int64 = .max) async throws -> Int64 {
        try await submit(
            Count(name: name, amount: amount, note: note, limit: limit), tenant: nil,
            deadline: SystemTime().instant() + .seconds(60))
    }
}
