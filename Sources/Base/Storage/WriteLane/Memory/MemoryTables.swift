/// The rows of all tables in memory, as a value: what a ``MemoryLaneEngine`` keeps, and a snapshot of it.
///
/// Rows are kept as columns, not as the records that were written: what is read has gone through the record's own
/// writing and reading, as with a database, so that tests on memory find a record that does not come back as it was.
/// They are kept by key, appended ones too.
public struct MemoryTables: Sendable {
    private typealias Rows = [RecordKey: SQLRow]
    private struct SelectionName: Hashable {
        let table: ObjectIdentifier
        let condition: String
    }
    private var tables: [ObjectIdentifier: Rows] = [:]
    private let rowLimit: Int?
    private let selections: [SelectionName: MemorySelection]
    private let checks: [ObjectIdentifier: [MemoryCheck]]
    /// How many rows all tables have together.
    public private(set) var rowCount = 0

    /// Tables without rows.
    public init(_ configuration: MemoryLaneConfiguration = MemoryLaneConfiguration()) {
        rowLimit = configuration.rowLimit
        selections = Dictionary(
            configuration.selections.map {
                (SelectionName(table: ObjectIdentifier($0.table), condition: $0.condition), $0)
            }, uniquingKeysWith: { $1 })
        checks = Dictionary(grouping: configuration.checks) { ObjectIdentifier($0.table) }
    }

    // MARK: reading

    /// The table's rows, by their keys.
    /// - Throws: ``StorageError/corrupt(_:)`` when a row is no such record.
    public func records<R: Record>(of _: R.Type = R.self) throws(StorageError) -> [R] {
        let rows = tables[ObjectIdentifier(R.table)] ?? [:]
        var records: [R] = []
        records.reserveCapacity(rows.count)
        for (_, row) in rows.sorted(by: { $0.key < $1.key }) { records.append(try Self.record(row)) }
        return records
    }

    /// The row with this key, or nil when there is none.
    /// - Throws: ``StorageError/corrupt(_:)`` when it is no such record.
    public func record<R: Record>(_ key: Key<R>) throws(StorageError) -> R? {
        guard let row = row(key.erased) else { return nil }
        return try Self.record(row)
    }

    /// The columns of the row with this key, its version included; nil when there is none.
    public func row(_ key: RecordKey) -> SQLRow? { tables[ObjectIdentifier(key.table)]?[key] }

    /// The version of the row with this key; nil when there is none, or its table's rows never change.
    public func version(_ key: RecordKey) -> Int64? {
        guard !key.table.isAppendOnly, case .integer(let version)? = row(key)?.values.last else { return nil }
        return version
    }

    private static func record<R: Record>(_ row: SQLRow) throws(StorageError) -> R {
        do { return try row.record() } catch { throw StorageError(reading: error) }
    }

    /// What a batch's load finds.
    func records(_ load: Load) throws(StorageError) -> [AnyRecord] {
        do {
            if let key = load.key { return try row(key).map { [try load.decoder.decode(SQLRowReader($0))] } ?? [] }
            return try load.selection.map(search) ?? []
        } catch { throw StorageError(reading: error) }
    }

    private func search(_ selection: RecordSelection) throws -> [AnyRecord] {
        let name = SelectionName(table: ObjectIdentifier(selection.table), condition: selection.condition)
        guard let known = selections[name] else {
            throw StorageError.statement(
                "the rows of “\(selection.table.name)” are in memory, where the selection “\(selection.condition)” "
                    + "is not known; MemoryLaneConfiguration.selections says how it is found")
        }
        let rows = (tables[name.table] ?? [:]).values
        return try known.find(try rows.map { try known.decoder.decode(SQLRowReader($0)) }, selection.parameters)
    }

    // MARK: changing

    /// Inserts the record, or replaces the one with its key; the row's version goes on counting.
    /// - Throws: ``StorageError``; nothing is changed then.
    public mutating func put<R: Record>(_ record: R) throws(StorageError) {
        let key = record.key.erased
        try store(SQLRow(RecordBox(record, key: key, version: 1 + (version(key) ?? 0))), at: key)
    }

    /// Removes the row with this key; false when there is none.
    @discardableResult
    public mutating func remove<R: Record>(_ key: Key<R>) -> Bool { set(key.erased, nil) != nil }

    /// Stores these columns as they are, whether or not a record can be made of them: for tests of what is damaged.
    /// - Parameter row: as many columns as the table has, those of the key first.
    /// - Throws: ``StorageError``; nothing is changed then.
    public mutating func store(_ row: SQLRow, at key: RecordKey) throws(StorageError) {
        try Self.expectShape(row, key)
        let before = set(key, row)
        if before == nil, let full = full(after: rowCount - 1) {
            set(key, nil)
            throw full
        }
    }

    /// Writes what a batch has decided, all of it or nothing.
    mutating func apply(_ changes: [RowChange], appended: [AnyRecord]) throws(StorageError) {
        let countBefore = rowCount
        var undo: [(key: RecordKey, row: SQLRow?)] = []
        undo.reserveCapacity(changes.count + appended.count)
        do throws(StorageError) {
            for change in changes { undo.append((change.key, try apply(change))) }
            for record in appended { undo.append((record.key, try apply(.insert(record)))) }
            if let full = full(after: countBefore) { throw full }
        } catch {
            for (key, row) in undo.reversed() { set(key, row) }
            throw error
        }
    }

    /// - Returns: what was there.
    private mutating func apply(_ change: RowChange) throws(StorageError) -> SQLRow? {
        let key = change.key
        let stored = row(key)
        switch change {
        case .insert(let record):
            guard stored == nil else { throw .constraint("\(key.table.name) \(key.parameters) is there already") }
            try setChecked(key, SQLRow(record))
        case .update(let record):
            guard !key.table.isAppendOnly else { throw .statement("rows of “\(key.table.name)” are never updated") }
            guard let stored, version(key) == record.version - 1 else {
                throw .conflict("\(key.table.name) \(key.parameters) changed since it was read")
            }
            let row = SQLRow(record)
            try Self.expectShape(row, key)
            // An UPDATE does not mention the fixed columns.
            let columns = zip(zip(stored.values, row.values), key.table.updateParameters)
            try setChecked(key, SQLRow(columns.map { values, place in place == 0 ? values.0 : values.1 }))
        case .delete:
            guard stored != nil else {
                throw .conflict("\(key.table.name) \(key.parameters) was deleted since it was read")
            }
            set(key, nil)
        }
        return stored
    }

    private mutating func setChecked(_ key: RecordKey, _ row: SQLRow) throws(StorageError) {
        try Self.expectShape(row, key)
        for check in checks[ObjectIdentifier(key.table)] ?? [] {
            let holds: Bool
            do { holds = try check.holds(row) } catch { throw StorageError(reading: error) }
            guard holds else { throw .constraint("\(key.table.name) \(key.parameters): “\(check.name)” does not hold") }
        }
        set(key, row)
    }

    /// A record that writes other columns than its table has would be found under another key, or not be read at all.
    private static func expectShape(_ row: SQLRow, _ key: RecordKey) throws(StorageError) {
        let table = key.table
        guard row.values.count == table.columns.count else {
            throw .statement("“\(table.name)” has \(table.columns.count) columns, not \(row.values.count)")
        }
        guard row.values.starts(with: key.parameters) else {
            throw .statement("“\(table.name)” has \(key.parameters) for its key, not \(row.values)")
        }
    }

    @discardableResult
    private mutating func set(_ key: RecordKey, _ row: SQLRow?) -> SQLRow? {
        let before: SQLRow?
        if let row {
            before = tables[ObjectIdentifier(key.table), default: [:]].updateValue(row, forKey: key)
        } else {
            before = tables[ObjectIdentifier(key.table)]?.removeValue(forKey: key)
        }
        rowCount += (row == nil ? 0 : 1) - (before == nil ? 0 : 1)
        return before
    }

    private func full(after countBefore: Int) -> StorageError? {
        guard let rowLimit, rowCount > rowLimit, rowCount > countBefore else { return nil }
        return .full("\(rowCount) rows in memory, where the limit is \(rowLimit)")
    }
}

extension StorageError {
    /// What a row's own initializer threw.
    fileprivate init(reading error: any Error) { self = error as? StorageError ?? .corrupt("\(error)") }
}
