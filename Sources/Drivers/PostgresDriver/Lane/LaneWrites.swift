import Storage

/// The statements that write what a batch has decided, and the places of those whose failure or answer means something.
struct LaneWrites: Sendable {
    /// What comes behind the writes.
    enum Closing: Sendable {
        /// Nothing: the trip is a transaction by itself.
        case byItself
        case commit
        /// A question how far the log is, behind the commit.
        case commitAndAsk(PostgresStatement)
    }
    private let statements: [ObjectIdentifier: LaneStatements]
    let changes: [RowChange]
    /// What is sent.
    private(set) var trip: LaneTrip
    /// The places of statements that fail where a row has changed since it was read.
    private(set) var guarded: Set<Int> = []
    /// The place of a statement that returns the transaction's number.
    private var numbered: Int?

    /// - Parameters:
    ///   - assumptions: what has to be confirmed before, or by the writes.
    ///   - trip: empty, or what opens the transaction.
    ///   - statements: of all tables that are written or confirmed.
    init(
        _ changes: [RowChange], appended: [AnyRecord], confirming assumptions: LaneAssumptions, in trip: LaneTrip,
        _ closing: Closing, _ statements: [ObjectIdentifier: LaneStatements]
    ) {
        (self.changes, self.trip, self.statements) = (changes, trip, statements)
        var assumptions = assumptions
        let seen = assumptions.leaveToUpdates(changes)
        assumptions.confirm(in: &self.trip, statements)
        append(changes, seen)
        append(appended)
        switch closing {
        case .byItself: break
        case .commit: self.trip.appendCommit()
        case .commitAndAsk(let question):
            self.trip.appendCommit()
            self.trip.append(question)
        }
    }

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
    private mutating func append(_ changes: [RowChange], _ seen: [RecordKey: RowWriter]) {
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
                numbered = numbered ?? trip.nextPlace
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
    private mutating func append(_ records: [AnyRecord]) {
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
            return trip.append(statements.insertOne, row.parameters)
        }
        let lists = ColumnArrays(statements.types)
        for record in records {
            lists.beginRow()
            write(record, to: lists)
        }
        trip.append(statement, lists.parameters)
    }

    /// - Parameter seen: the transactions that wrote the rows; none where the updates do not look at them.
    private mutating func append(
        updates changes: ArraySlice<RowChange>, _ statements: LaneStatements, _ seen: [RecordKey: RowWriter]
    ) {
        guarded.insert(trip.nextPlace)
        numbered = numbered ?? trip.nextPlace
        func write(_ record: AnyRecord, to row: some ColumnWriter) {
            record.write(to: row)
            row.integer(record.version - 1)
        }
        let records = changes.compactMap(\.record)
        if records.count == 1 {
            let row = RowParameters(lists: statements.updateLists)
            write(records[0], to: row)
            guard let writer = seen[records[0].key] else {
                return trip.append(statements.updateOne, row.parameters)
            }
            return trip.confirm(statements.updateSeenOne, row.parameters, .one(writer))
        }
        let lists = ColumnArrays(statements.updateTypes, lists: statements.updateLists)
        for record in records {
            lists.beginRow()
            write(record, to: lists)
        }
        guard !seen.isEmpty else { return trip.append(statements.update, lists.parameters) }
        trip.confirm(statements.updateSeen, lists.parameters, .list(records.compactMap { seen[$0.key] }))
    }

    private mutating func append(deletes changes: ArraySlice<RowChange>, _ statements: LaneStatements) {
        let keys = ColumnArrays(statements.keyTypes)
        for change in changes {
            keys.beginRow()
            keys.key(change.key)
        }
        guarded.insert(trip.nextPlace)
        trip.append(statements.delete, keys.parameters)
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
