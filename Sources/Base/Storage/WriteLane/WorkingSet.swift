/// What a batch has loaded and changed: a value that the batch's commands see one after the other, each with the
/// changes of those before it.
public struct WorkingSet: Sendable {
    /// What the set knows of a row.
    private enum Knowledge {
        case nothing
        case asked
        case loaded
    }
    private struct Entry {
        let key: RecordKey
        var current: AnyRecord?
        var original: AnyRecord?
        var knowledge: Knowledge
        /// Whether the stored row was removed before the current one came.
        var isReplaced = false
        var isTouched = false
    }
    /// Where each row's entry is: a row is looked up once for whatever is done to it, and sorted by its place.
    private var places: [RecordKey: Int] = [:]
    private var entries: [Entry] = []
    private var selections: [RecordSelection: [RecordKey]?] = [:]
    /// The places of the rows that are changed, each once.
    private var touched: [Int] = []
    private var undo: [(place: Int, entry: Entry)] = []
    /// Rows that nobody reads back inside a batch: ledger, saga log, outbox.
    private(set) var appended: [AnyRecord] = []

    /// - Parameter capacity: how many rows are expected.
    init(capacity: Int = 0) {
        places.reserveCapacity(capacity)
        entries.reserveCapacity(capacity)
    }

    // MARK: reading

    /// The record with that key, or nil when there is none. Traps when the command did not ask for it: a bug.
    @inlinable
    public subscript<R: Record>(key: Key<R>) -> R? {
        guard let record = current(key.erased) else { return nil }
        return unsafeDowncast(record, to: RecordBox<R>.self).record
    }

    /// The records that the selection found, in its order and as they are now; traps when it was never asked for.
    @inlinable
    public subscript<R: Record>(selection: Selection<R>) -> [R] {
        current(selection.erased).map { unsafeDowncast($0, to: RecordBox<R>.self).record }
    }

    /// Whether the row was asked for and looked up.
    @inlinable
    public func isLoaded<R: Record>(_ key: Key<R>) -> Bool { isLoaded(key.erased) }

    /// Whether the selection was asked for and looked up.
    public func isLoaded<R: Record>(_ selection: Selection<R>) -> Bool { isLoaded(selection.erased) }

    /// Whether what the need names was looked up.
    public func has(_ need: Need) -> Bool {
        switch need.kind {
        case .row(let key): isLoaded(key)
        case .selection(let selection): isLoaded(selection)
        }
    }

    @usableFromInline
    func isLoaded(_ key: RecordKey) -> Bool { places[key].map { entries[$0].knowledge == .loaded } ?? false }

    private func isLoaded(_ selection: RecordSelection) -> Bool { selections[selection].flatMap { $0 } != nil }

    @usableFromInline
    func current(_ key: RecordKey) -> AnyRecord? {
        guard let place = places[key], entries[place].knowledge == .loaded else {
            preconditionFailure("\(key.table.name) \(key.parameters) was read but never asked for")
        }
        return entries[place].current
    }

    @usableFromInline
    func current(_ selection: RecordSelection) -> [AnyRecord] {
        guard let keys = selections[selection], let keys else {
            preconditionFailure("\(selection.table.name) was searched but never asked for")
        }
        return keys.compactMap { key in places[key].flatMap { entries[$0].current } }
    }

    // MARK: changing

    /// Inserts the record, or changes the one with its key to it. What is changed are the mutable columns, and only if
    /// the row still has the version that was loaded.
    @inlinable
    public mutating func put<R: Record>(_ record: R) {
        let key = record.key.erased
        change(key) { RecordBox(record, key: key, version: $0) }
    }

    /// Inserts a record under a key that was just made and so cannot exist: nothing needs to be loaded for it.
    @inlinable
    public mutating func insert<R: Record>(_ record: R) {
        let key = record.key.erased
        makeRoom(key)
        change(key) { RecordBox(record, key: key, version: $0) }
    }

    /// Removes the record with that key, if there is one.
    @inlinable
    public mutating func remove<R: Record>(_ key: Key<R>) { change(key.erased) { _ in nil } }

    /// Adds a row that nobody reads back inside a batch.
    @inlinable
    public mutating func append<R: Record>(_ record: R) { append(RecordBox(record)) }

    @usableFromInline
    mutating func append(_ record: AnyRecord) { appended.append(record) }

    @usableFromInline
    mutating func makeRoom(_ key: RecordKey) {
        let place = place(of: key)
        switch entries[place].knowledge {
        case .nothing:
            undo.append((place, entries[place]))
            entries[place].knowledge = .loaded
        case .asked, .loaded:
            precondition(entries[place].current == nil, "\(key.table.name) \(key.parameters) is there already")
        }
    }

    /// Where the row's entry is, or from now on.
    private mutating func place(of key: RecordKey) -> Int {
        func taken(_ place: inout Int, orElse next: Int) -> Int {
            if place < 0 { place = next }
            return place
        }
        let next = entries.count
        let place = taken(&places[key, default: -1], orElse: next)
        if place == next { entries.append(Entry(key: key, knowledge: .nothing)) }
        return place
    }

    /// - Parameter record: makes the record, from the version that the row has once it is written; nil to remove it.
    @usableFromInline
    mutating func change(_ key: RecordKey, to record: (Int64) -> AnyRecord?) {
        guard let place = places[key], entries[place].knowledge == .loaded else {
            preconditionFailure("\(key.table.name) \(key.parameters) was written but never asked for")
        }
        let before = entries[place]
        undo.append((place, before))
        if !before.isTouched { touched.append(place) }
        entries[place].isReplaced = before.isReplaced || before.current == nil && before.original != nil
        entries[place].isTouched = true
        entries[place].current = record(1 + (before.original?.version ?? 0))
    }

    // MARK: the batch's side

    /// Notes that the rows are wanted; false when they are there, or were asked for already.
    mutating func ask(for need: Need) -> Bool {
        switch need.kind {
        case .row(let key):
            let place = place(of: key)
            guard entries[place].knowledge == .nothing else { return false }
            entries[place].knowledge = .asked
        case .selection(let selection):
            guard selections[selection] == nil else { return false }
            selections[selection] = .some(nil)
        }
        return true
    }

    mutating func absorb(_ need: Need, _ found: [AnyRecord]) {
        switch need.kind {
        case .row(let key): absorb(key, found.first)
        case .selection(let selection):
            selections[selection] = found.map { record in
                absorb(record.key, record)
                return record.key
            }
        }
    }

    /// A row that a command of this batch already knows keeps that command's changes.
    private mutating func absorb(_ key: RecordKey, _ record: AnyRecord?) {
        let place = place(of: key)
        guard entries[place].knowledge != .loaded else { return }
        entries[place].knowledge = .loaded
        (entries[place].current, entries[place].original) = (record, record)
    }

    /// Runs one command's decision; its changes are taken back unless it commits.
    mutating func scoped<T>(_ decide: (inout WorkingSet) -> Verdict<T>) -> Verdict<T> {
        undo.removeAll(keepingCapacity: true)
        return attempt { work in
            let verdict = decide(&work)
            if case .commit = verdict { return (verdict, isKept: true) }
            return (verdict, isKept: false)
        }
    }

    /// Runs a part of a decision whose changes are taken back unless it says that they are kept: for a command that can
    /// still write something else when a part of it refuses.
    public mutating func attempt<T>(_ part: (inout WorkingSet) -> (T, isKept: Bool)) -> T {
        let (undoBefore, appendedBefore, touchedBefore) = (undo.count, appended.count, touched.count)
        let (result, isKept) = part(&self)
        if isKept { return result }
        for (place, entry) in undo[undoBefore...].reversed() { entries[place] = entry }
        undo.removeSubrange(undoBefore...)
        appended.removeSubrange(appendedBefore...)
        touched.removeSubrange(touchedBefore...)
        return result
    }

    /// What is to be written, each row once (a removed and re-inserted one twice) and in lock order.
    var changes: [RowChange] {
        var changes: [RowChange] = []
        changes.reserveCapacity(touched.count)
        for place in touched.inLockOrder({ entries[$0].key }, table: { entries[$0].key.table }) {
            let entry = entries[place]
            switch (entry.original, entry.current) {
            case (nil, let record?): changes.append(.insert(record))
            case (_?, let record?) where entry.isReplaced: changes += [.delete(entry.key), .insert(record)]
            case (_?, let record?): changes.append(.update(record))
            case (_?, nil): changes.append(.delete(entry.key))
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
    /// A row that was there at the version before the record's.
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
