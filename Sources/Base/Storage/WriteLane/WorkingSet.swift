/// What a batch has loaded and changed: a value that the batch's commands see one after the other, each with the
/// changes of those before it.
public struct WorkingSet: Sendable {
    private struct Entry {
        var current: AnyRecord?
        let original: AnyRecord?
        /// Whether the stored row was removed before the current one came.
        var isReplaced = false
    }
    private var entries: [RecordKey: Entry] = [:]
    private var selections: [RecordSelection: [RecordKey]] = [:]
    private var touched: [RecordKey] = []
    private var undo: [(RecordKey, Entry?)] = []
    /// Rows that nobody reads back inside a batch: ledger, saga log, outbox.
    private(set) var appended: [AnyRecord] = []

    init() {}

    // MARK: reading

    /// The record with that key, or nil when there is none. Traps when the command did not ask for it: a bug.
    public subscript<R: Record>(key: Key<R>) -> R? {
        guard let entry = entries[key.erased] else {
            preconditionFailure("\(key.erased.table.name) \(key.erased.parameters) was read but never asked for")
        }
        return entry.current.map { unsafeDowncast($0, to: RecordBox<R>.self).record }
    }

    /// The records that the selection found, in its order and as they are now; traps when it was never asked for.
    public subscript<R: Record>(selection: Selection<R>) -> [R] {
        guard let keys = selections[selection.erased] else {
            preconditionFailure("\(selection.erased.table.name) was searched but never asked for")
        }
        return keys.compactMap { key in
            entries[key]?.current.map { unsafeDowncast($0, to: RecordBox<R>.self).record }
        }
    }

    /// Whether the row was asked for and looked up.
    public func isLoaded<R: Record>(_ key: Key<R>) -> Bool { entries[key.erased] != nil }

    /// Whether the selection was asked for and looked up.
    public func isLoaded<R: Record>(_ selection: Selection<R>) -> Bool { selections[selection.erased] != nil }

    /// Whether what the need names was looked up.
    public func has(_ need: Need) -> Bool {
        switch need.kind {
        case .row(let key): entries[key] != nil
        case .selection(let selection): selections[selection] != nil
        }
    }

    // MARK: changing

    /// Inserts the record, or changes the one with its key to it. What is changed are the mutable columns, and the
    /// record must be the one that was read: it carries the version that the update guards.
    public mutating func put<R: Record>(_ record: R) { change(record.key.erased, to: RecordBox(record)) }

    /// Inserts a record under a key that was just made and so cannot exist: nothing needs to be loaded for it.
    public mutating func insert<R: Record>(_ record: R) {
        let key = record.key.erased
        precondition(entries[key]?.current == nil, "\(key.table.name) \(key.parameters) is there already")
        if entries[key] == nil {
            undo.append((key, nil))
            entries[key] = Entry(current: nil, original: nil)
        }
        change(key, to: RecordBox(record))
    }

    /// Removes the record with that key, if there is one.
    public mutating func remove<R: Record>(_ key: Key<R>) { change(key.erased, to: nil) }

    /// Adds a row that nobody reads back inside a batch.
    public mutating func append<R: Record>(_ record: R) { appended.append(RecordBox(record)) }

    private mutating func change(_ key: RecordKey, to record: AnyRecord?) {
        guard let index = entries.index(forKey: key) else {
            preconditionFailure("\(key.table.name) \(key.parameters) was written but never asked for")
        }
        let before = entries.values[index]
        undo.append((key, before))
        if before.current == nil, before.original != nil { entries.values[index].isReplaced = true }
        entries.values[index].current = record
        touched.append(key)
    }

    // MARK: the batch's side

    mutating func absorb(_ need: Need, _ found: [AnyRecord]) {
        switch need.kind {
        case .row(let key):
            if entries[key] == nil { entries[key] = Entry(current: found.first, original: found.first) }
        case .selection(let selection):
            selections[selection] = found.map { record in
                let key = record.key
                // A row that a command of this batch already knows keeps that command's changes.
                if entries[key] == nil { entries[key] = Entry(current: record, original: record) }
                return key
            }
        }
    }

    /// Runs one command's decision; its changes are taken back unless it commits.
    mutating func scoped<T>(_ decide: (inout WorkingSet) -> Verdict<T>) -> Verdict<T> {
        let (appendedBefore, touchedBefore) = (appended.count, touched.count)
        undo.removeAll(keepingCapacity: true)
        let verdict = decide(&self)
        if case .commit = verdict { return verdict }
        for (key, entry) in undo.reversed() { entries[key] = entry }
        touched.removeSubrange(touchedBefore...)
        appended.removeSubrange(appendedBefore...)
        return verdict
    }

    /// What is to be written, each row once (a removed and re-inserted one twice) and in lock order.
    var changes: [RowChange] {
        var changes: [RowChange] = []
        for key in Set(touched).sorted() {
            guard let entry = entries[key] else { continue }
            switch (entry.original, entry.current) {
            case (nil, let record?): changes.append(.insert(record))
            case (_?, let record?) where entry.isReplaced: changes += [.delete(key), .insert(record)]
            case (_?, let record?): changes.append(.update(record))
            case (_?, nil): changes.append(.delete(key))
            case (nil, nil): break
            }
        }
        return changes
    }
}

/// A row to write. A row that was removed and made anew is a delete and, directly after it, an insert.
public enum RowChange: Sendable {
    /// A row that was not there.
    case insert(AnyRecord)
    /// A row that was there at the version that the record still carries.
    case update(AnyRecord)
    /// A row that was there.
    case delete(RecordKey)

    /// The row's key.
    public var key: RecordKey {
        switch self {
        case .insert(let record), .update(let record): record.key
        case .delete(let key): key
        }
    }
}
