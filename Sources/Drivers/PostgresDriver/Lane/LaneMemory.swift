import Storage

/// Rows as the lane's first connection has last read or written them, so that a batch need not ask for them again.
///
/// A row is remembered with the number of the transaction that wrote it, its `xmin`. A batch that takes rows from here
/// has its next trip lock and compare them before anything else (``LaneAssumptions``); if anybody has changed one, by
/// whatever means, the batch begins anew and reads. It is the optimistic method of Kung & Robinson, "On Optimistic
/// Methods for Concurrency Control" (1981), with a validation under the locks that a read would have taken: what a
/// batch decides is decided over the rows that it holds, as ever.
///
/// Two generations bound it: when the younger one is full, the older one is dropped.
struct LaneMemory {
    struct Row {
        let record: AnyRecord
        /// The transaction that wrote the row.
        let writer: UInt32
        /// What it takes, about.
        let bytes: Int
        /// As a load finds it.
        var found: LaneFindings.Row { (record, .known(writer)) }
    }
    private let generationBytes: Int
    private var young: [RecordKey: Row] = [:]
    private var old: [RecordKey: Row] = [:]
    private var youngBytes = 0
    /// What an entry takes beside its columns: key, record and place, about.
    private static let entryBytes = 400

    /// - Parameter bytes: how much may be remembered, about; nothing if 0.
    init(bytes: Int) { generationBytes = bytes / 2 }

    /// How many rows are remembered.
    var count: Int { young.count + old.keys.count { young[$0] == nil } }

    /// Whether anything is ever remembered.
    var isKept: Bool { generationBytes > 0 }

    // MARK: rows

    /// The row with that key, if it is remembered.
    mutating func row(_ key: RecordKey) -> Row? {
        if let row = young[key] { return row }
        guard let row = old.removeValue(forKey: key) else { return nil }
        insert(row)
        return row
    }

    /// - Parameter bytes: what its columns take, about.
    mutating func remember(_ record: AnyRecord, writer: UInt32, bytes: Int) {
        if generationBytes == 0 { return }
        insert(Row(record: record, writer: writer, bytes: Self.entryBytes + bytes))
    }

    private mutating func insert(_ row: Row) {
        if youngBytes + row.bytes > generationBytes { (old, young, youngBytes) = (young, [:], 0) }
        youngBytes += row.bytes
        young[row.record.key] = row
    }

    mutating func forget(_ key: RecordKey) {
        young[key] = nil
        old[key] = nil
    }

    mutating func forgetAll() {
        if !young.isEmpty || !old.isEmpty { (old, young, youngBytes) = ([:], [:], 0) }
    }
}
