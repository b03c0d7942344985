import Storage

/// The statements that write what a batch has decided, and the places of those whose failure or answer means something.
struct LaneWrites {
    private let statements: [ObjectIdentifier: LaneStatements]
    /// What is sent.
    var batch = PostgresBatch()
    /// The places of statements that fail where a row is not as it was remembered.
    var confirming: Set<Int> = []
    /// The places of statements that fail where a row has changed since it was read.
    private(set) var guarded: Set<Int> = []
    /// The place of a statement that returns the transaction's number.
    private var numbered: Int?

    /// - Parameter statements: of all tables that are written.
    init(_ statements: [ObjectIdentifier: LaneStatements]) { self.statements = statements }

    /// The transaction's number as rows have it, without the count of times that numbers began anew; nil if no
    /// statement has returned it.
    func number(in results: [PostgresResult]) -> UInt32? {
        guard let numbered else { return nil }
        let row = results[numbered].reader()
        row.begin(row: 0, column: 1)
        return (try? row.integer()).map { UInt32(truncatingIfNeeded: $0) }
    }

    /// Appends changes, in their order.
    /// - Parameter seen: the transactions that wrote the rows whose updates confirm what was taken from the memory.
    mutating func append(_ changes: [RowChange], _ seen: [RecordKey: UInt32]) {
        var index = 0
        while index < changes.count {
            let (table, kind) = (changes[index].key.table, changes[index].kind)
            let isSeen = seen[changes[index].key] != nil
            let end =
                changes[index...].firstIndex {
                    $0.key.table !== table || $0.kind != kind || kind == .update && (seen[$0.key] != nil) != isSeen
                } ?? changes.endIndex
            let alike = changes[index..<end]
            index = end
            guard let statements = statements[ObjectIdentifier(table)] else { continue }
            switch kind {
            case .insert:
                let isNumbered = numbered != nil
                numbered = numbered ?? batch.items.count
                append(
                    alike.compactMap(\.record), statements,
                    by: isNumbered ? statements.insert : statements.insertNumbered)
            case .update: append(updates: alike, statements, isSeen ? seen : [:])
            case .delete: append(deletes: alike, statements)
            }
        }
    }

    /// Appends inserts of rows that nobody reads back: those of one table together, tables in the order in which they
    /// first occur.
    mutating func append(_ records: [AnyRecord]) {
        var tables: [ObjectIdentifier] = []
        var byTable: [ObjectIdentifier: [AnyRecord]] = [:]
        for record in records {
            let table = ObjectIdentifier(record.key.table)
            if byTable[table] == nil { tables.append(table) }
            byTable[table, default: []].append(record)
        }
        for table in tables {
            guard let statements = statements[table], let records = byTable[table] else { continue }
            append(records, statements, by: statements.insert)
        }
    }

    private mutating func append(
        _ records: [AnyRecord], _ statements: LaneStatements, by statement: PostgresStatement
    ) {
        func write(_ record: AnyRecord, to row: some ColumnWriter) {
            record.write(to: row)
            if record.version > 0 { row.integer(record.version) }
        }
        if records.count == 1 {
            let row = RowParameters()
            write(records[0], to: row)
            return batch.append(statements.insertOne, row.parameters)
        }
        let lists = ColumnArrays(statements.types)
        for record in records {
            lists.beginRow()
            write(record, to: lists)
        }
        batch.append(statement, lists.parameters)
    }

    /// - Parameter seen: the transactions that wrote the rows; none where the updates do not look at them.
    private mutating func append(
        updates changes: ArraySlice<RowChange>, _ statements: LaneStatements, _ seen: [RecordKey: UInt32]
    ) {
        guarded.insert(batch.items.count)
        numbered = numbered ?? batch.items.count
        if !seen.isEmpty { confirming.insert(batch.items.count) }
        func write(_ record: AnyRecord, to row: some ColumnWriter) {
            record.write(to: row)
            row.integer(record.version - 1)
        }
        let records = changes.compactMap(\.record)
        if records.count == 1 {
            let row = RowParameters(lists: statements.updateLists)
            write(records[0], to: row)
            let writer = seen[records[0].key]
            if let writer { row.transaction(writer) }
            return batch.append(writer == nil ? statements.updateOne : statements.updateSeenOne, row.parameters)
        }
        let lists = ColumnArrays(statements.updateTypes, lists: statements.updateLists)
        for record in records {
            lists.beginRow()
            write(record, to: lists)
        }
        guard !seen.isEmpty else { return batch.append(statements.update, lists.parameters) }
        var (parameters, writers) = (lists.parameters, BinaryArray(of: PostgresType.xid))
        for record in records { if let writer = seen[record.key] { writers.append(transaction: writer) } }
        parameters.append(writers)
        batch.append(statements.updateSeen, parameters)
    }

    private mutating func append(deletes changes: ArraySlice<RowChange>, _ statements: LaneStatements) {
        let keys = ColumnArrays(statements.keyTypes)
        for change in changes {
            keys.beginRow()
            keys.key(change.key)
        }
        guarded.insert(batch.items.count)
        batch.append(statements.delete, keys.parameters)
    }
}

extension RowChange {
    fileprivate enum Kind { case insert, update, delete }
    fileprivate var kind: Kind {
        switch self {
        case .insert: .insert
        case .update: .update
        case .delete: .delete
        }
    }
    /// What the row is to be; nil where it is removed.
    var record: AnyRecord? {
        switch self {
        case .insert(let record), .update(let record): record
        case .delete: nil
        }
    }
}
