import Determinism
import Storage
import StrictJSON

/// What one commit has added to a saga's history: its entries in one row, because a row costs more than what is in it.
/// The first entry has columns of its own; the others are a list in JSON.
public struct SagaLogRecord: Record, Hashable {
    /// Append-only.
    public static let table = Table(
        "saga_log", rank: 91, key: [.organization, .id("saga"), .number("entry")],
        fixed: ["at", "step", "kind", "epoch", "attempt", "detail", "last_entry", "further"])

    /// At least one, in their order, all of the same moment.
    public let entries: [SagaLogEntry]

    /// - Returns: nil where there are no entries.
    init?(_ entries: [SagaLogEntry]) {
        if entries.isEmpty { return nil }
        self.entries = entries
    }
    /// The row's key.
    public var key: Key<SagaLogRecord> {
        Key(organization: entries[0].organization, id: entries[0].saga.uuid, number: entries[0].entry)
    }

    /// Reads the row.
    public init(from row: any ColumnReader) throws {
        let first = try SagaLogEntry(from: row)
        let last = try row.optionalInteger()
        entries = [first] + (try Self.further(try row.optionalText(), after: first))
        // Older servers write a row for each entry, without the two columns.
        guard entries[entries.count - 1].entry == last ?? first.entry else {
            throw StorageError.corrupt(
                "saga \(first.saga) has \(entries.count) entries from \(first.entry) to \(last ?? first.entry)")
        }
    }
    /// Writes the row.
    public func write(to row: any ColumnWriter) {
        entries[0].write(to: row)
        row.integer(entries[entries.count - 1].entry)
        row.text(further)
    }

    // MARK: the further entries

    /// `[[kind, step, epoch, attempt, detail], …]`; nil where there are none.
    private var further: String? {
        if entries.count == 1 { return nil }
        var json = JSONWriter(capacity: 96 * entries.count)
        json.array { list in
            for entry in entries.dropFirst() {
                list.array { json in
                    json.value(entry.kind.rawValue)
                    json.value(entry.step)
                    json.value(entry.epoch)
                    json.value(entry.attempt)
                    json.value(entry.detail)
                }
            }
        }
        return json.string()
    }

    private static func further(_ text: String?, after first: SagaLogEntry) throws -> [SagaLogEntry] {
        guard let text else { return [] }
        guard let list = (try? JSONReader.parse(text))?.array else { throw corrupt(text, first) }
        return try list.enumerated().map { index, value in
            guard let parts = value.array, parts.count == 5,
                let kind = parts[0].string.flatMap(SagaLogEntry.Kind.init(rawValue:)), let step = parts[1].string,
                let epoch = parts[2].integer, let attempt = parts[3].integer,
                parts[4].isNull || parts[4].string != nil
            else { throw corrupt(text, first) }
            return SagaLogEntry(
                first, number: first.entry + 1 + Int64(index), step: step, kind, epoch: epoch, attempt: attempt,
                detail: parts[4].string)
        }
    }

    private static func corrupt(_ text: String, _ first: SagaLogEntry) -> StorageError {
        .corrupt("“\(text)” is not what follows entry \(first.entry) of saga \(first.saga)")
    }
}

extension SagaLogEntry {
    fileprivate init(from row: any ColumnReader) throws {
        organization = try row.integer()
        saga = SagaID(try row.uuid())
        entry = try row.integer()
        at = try row.timestamp()
        step = try row.text()
        kind = try row.value()
        epoch = try row.integer()
        attempt = try row.integer()
        detail = try row.optionalText()
    }

    fileprivate init(
        _ first: SagaLogEntry, number: Int64, step: String, _ kind: Kind, epoch: Int64, attempt: Int64, detail: String?
    ) {
        (organization, saga, entry, at) = (first.organization, first.saga, number, first.at)
        (self.step, self.kind, self.epoch, self.attempt, self.detail) = (step, kind, epoch, attempt, detail)
    }

    fileprivate func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(saga.uuid)
        row.integer(entry)
        row.timestamp(at)
        row.text(step)
        row.value(kind)
        row.integer(epoch)
        row.integer(attempt)
        row.text(detail)
    }
}
