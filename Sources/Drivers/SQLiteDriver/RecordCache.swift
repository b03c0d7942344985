import Storage

/// Rows that lane batches have read or written, kept for those that follow.
///
/// A SQLite file has one writer at a time, so what that writer knows of a row stays true until somebody else commits.
/// The engine empties the cache when that happens (`PRAGMA data_version` tells), when a slow-path transaction has run,
/// and when a batch fails; updates also guard the version that they started from. An order's second commit thereby
/// finds what its first has written, and popular products are not read again for each order.
///
/// Bounded in bytes for each table, in two generations: whatever is not asked for while the young one fills up is
/// forgotten with the old one. That is a cheap stand-in for least recently used, without a list to keep.
struct RecordCache {
    private struct Entry {
        let record: AnyRecord
        let bytes: Int
    }
    private struct Rows {
        var young: [RecordKey: Entry] = [:]
        var old: [RecordKey: Entry] = [:]
        var youngBytes = 0

        mutating func store(_ entry: Entry, limit: Int) {
            let replaced = young.updateValue(entry, forKey: entry.record.key)
            youngBytes += entry.bytes - (replaced?.bytes ?? 0)
            guard youngBytes > limit / 2 else { return }
            (old, young, youngBytes) = (young, [:], 0)
        }
    }
    /// What an entry takes beside its texts, roughly.
    static let overhead = 256
    private var tables: [ObjectIdentifier: Rows] = [:]

    /// The row, if it is known.
    mutating func find(_ key: RecordKey) -> AnyRecord? {
        let table = key.table
        guard table.cacheBytes > 0, let index = tables.index(forKey: ObjectIdentifier(table)) else { return nil }
        if let known = tables.values[index].young[key] { return known.record }
        guard let known = tables.values[index].old.removeValue(forKey: key) else { return nil }
        tables.values[index].store(known, limit: table.cacheBytes)
        return known.record
    }

    /// Keeps the row as it is stored now. A row that alone would take a large part of the memory is not worth it.
    /// - Parameter bytes: the length of its texts.
    mutating func store(_ record: AnyRecord, bytes: Int) {
        let table = record.key.table
        guard table.cacheBytes > 0 else { return }
        guard bytes <= table.cacheBytes / 32 else { return remove(record.key) }
        tables[ObjectIdentifier(table), default: Rows()].store(
            Entry(record: record, bytes: bytes + Self.overhead), limit: table.cacheBytes)
    }

    mutating func remove(_ key: RecordKey) {
        guard let index = tables.index(forKey: ObjectIdentifier(key.table)) else { return }
        if let gone = tables.values[index].young.removeValue(forKey: key) {
            tables.values[index].youngBytes -= gone.bytes
        }
        tables.values[index].old[key] = nil
    }

    mutating func removeAll() { tables = [:] }

    /// How many rows are known.
    var count: Int { tables.values.reduce(0) { $0 + Set($1.young.keys).union($1.old.keys).count } }
}
