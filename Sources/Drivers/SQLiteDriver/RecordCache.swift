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

        mutating func find(_ key: RecordKey, limit: Int) -> AnyRecord? {
            if let known = young[key] { return known.record }
            guard let known = old.removeValue(forKey: key) else { return nil }
            store(known, limit: limit)
            return known.record
        }

        mutating func remove(_ key: RecordKey) {
            if let gone = young.removeValue(forKey: key) { youngBytes -= gone.bytes }
            old[key] = nil
        }

        var count: Int { Set(young.keys).union(old.keys).count }
    }
    /// What an entry takes beside its texts, roughly.
    static let overhead = 256
    /// By the table's rank, which no two tables of a database share.
    private var tables = [Rows?](repeating: nil, count: 256)

    /// The row, if it is known.
    mutating func find(_ key: RecordKey) -> AnyRecord? {
        let table = key.table
        guard table.cacheBytes > 0, tables[table.rank] != nil else { return nil }
        return tables[table.rank]?.find(key, limit: table.cacheBytes)
    }

    /// Keeps the row as it is stored now. A row that alone would take a large part of the memory is not worth it.
    /// - Parameter bytes: the length of its texts.
    mutating func store(_ record: AnyRecord, bytes: Int) {
        let table = record.key.table
        guard table.cacheBytes > 0 else { return }
        guard bytes <= table.cacheBytes / 32 else { return remove(record.key) }
        if tables[table.rank] == nil { tables[table.rank] = Rows() }
        tables[table.rank]?.store(Entry(record: record, bytes: bytes + Self.overhead), limit: table.cacheBytes)
    }

    mutating func remove(_ key: RecordKey) { tables[key.table.rank]?.remove(key) }

    mutating func removeAll() {
        for rank in tables.indices where tables[rank] != nil { tables[rank] = nil }
    }

    /// How many rows are known.
    var count: Int { tables.reduce(0) { $0 + ($1?.count ?? 0) } }
}
