import Determinism
import Testing

@testable import Sagas
@testable import Storage

/// Stored rows, on which commands are carried out one by one as a batch would: what a command did not ask for is not
/// there.
struct Rows {
    private var stored: [RecordKey: AnyRecord] = [:]
    /// The entries of all histories, in their order.
    private(set) var log: [SagaLogEntry] = []

    subscript<R: Record>(key: Key<R>) -> R? { (stored[key.erased] as? RecordBox<R>)?.record }

    /// Stores the row, as somebody else would have done.
    mutating func store<R: Record>(_ record: R) { stored[record.key.erased] = RecordBox(record) }

    /// Loads what the command asks for, decides it, and stores its changes if it commits.
    /// - Returns: its outcome; nil, with an issue, when it still asks for more after eight rounds.
    mutating func run<C: LaneCommand>(_ command: C, at now: Timestamp) -> C.Outcome? {
        decided(command, at: now)?.outcome
    }

    /// The same, with whether it has committed.
    mutating func decided<C: LaneCommand>(
        _ command: C, at now: Timestamp
    ) -> (outcome: C.Outcome, hasCommitted: Bool)? {
        var (work, wanted) = (WorkingSet(), [Need]())
        for _ in 0..<8 {
            while true {
                let missing = (command.needs(work) + wanted).filter { !work.has($0) }
                if missing.isEmpty { break }
                for need in missing { load(need, into: &work) }
            }
            switch work.scoped({ command.decide(&$0, at: now) }) {
            case .commit(let outcome):
                apply(work)
                return (outcome, true)
            case .discard(let outcome): return (outcome, false)
            case .more(let needs): wanted += needs
            }
        }
        Issue.record("\(C.self) still asks for more rows")
        return nil
    }

    private func load(_ need: Need, into work: inout WorkingSet) {
        guard case .row(let key) = need.kind else {
            Issue.record("a selection was asked for")
            return
        }
        work.absorb(need, stored[key].map { [$0] } ?? [])
    }

    private mutating func apply(_ work: WorkingSet) {
        for change in work.changes {
            switch change {
            case .insert(let record), .update(let record): stored[record.key] = record
            case .delete(let key): stored[key] = nil
            }
        }
        log += work.entries
    }
}

extension WorkingSet {
    /// What the batch has to tell of its sagas.
    var entries: [SagaLogEntry] { appended.flatMap { ($0 as? RecordBox<SagaLogRecord>)?.record.entries ?? [] } }
}

/// A row's columns, written and read back.
final class Columns: ColumnWriter, ColumnReader {
    private var values: [SQLValue] = []
    private var place = 0

    func integer(_ value: Int64?) { values.append(value.map { .integer($0) } ?? .null) }
    func text(_ value: String?) { values.append(value.map { .text($0) } ?? .null) }
    func uuid(_ value: UUIDv7?) { values.append(value.map { .uuid($0) } ?? .null) }
    func bytes(_ value: [UInt8]) { Issue.record("no saga's row has bytes") }

    private func next() -> SQLValue {
        defer { place += 1 }
        return place < values.count ? values[place] : .null
    }
    func integer() throws -> Int64 {
        guard case .integer(let value) = next() else { throw StorageError.corrupt("column \(place) is no number") }
        return value
    }
    func optionalInteger() throws -> Int64? {
        guard case .integer(let value) = next() else { return nil }
        return value
    }
    func text() throws -> String {
        guard case .text(let value) = next() else { throw StorageError.corrupt("column \(place) is no text") }
        return value
    }
    func optionalText() throws -> String? {
        guard case .text(let value) = next() else { return nil }
        return value
    }
    func uuid() throws -> UUIDv7 {
        guard case .uuid(let value) = next() else { throw StorageError.corrupt("column \(place) is no id") }
        return value
    }
    func optionalUUID() throws -> UUIDv7? {
        guard case .uuid(let value) = next() else { return nil }
        return value
    }
    func bytes() throws -> [UInt8] { throw StorageError.corrupt("no saga's row has bytes") }

    /// The record, written and read back.
    static func roundTrip<R: Record>(_ record: R) throws -> R {
        let columns = Columns()
        record.write(to: columns)
        return try R(from: columns)
    }
}
