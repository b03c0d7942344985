import Storage

/// What a batch has taken from the lane's memory, or read without a lock, and its next trip must find so.
struct LaneAssumptions {
    private struct Row {
        let key: RecordKey
        /// The transaction that wrote the row; nil where there is none under the key.
        let writer: RowWriter?
        /// Whether the batch makes the row that is not there, which fails if it is: its name need only be locked.
        var isMade = false
    }
    private var rows: [Row] = []

    /// Whether there is nothing to confirm.
    var isEmpty: Bool { rows.isEmpty }

    /// Assumes that the row is still the one that this transaction wrote.
    mutating func assume(_ key: RecordKey, writer: RowWriter) { rows.append(Row(key: key, writer: writer)) }
    /// Assumes that there is no row with this key.
    mutating func assumeAbsent(_ key: RecordKey) { rows.append(Row(key: key, writer: nil)) }

    /// Assumes that what was read without locks, all of it by keys, is still so. Where a load would have locked
    /// nothing, nothing is assumed.
    mutating func assume(_ loads: [Load], _ findings: LaneFindings) {
        // What was read is in the order of the loads.
        var read = findings.read.makeIterator()
        for (load, records) in zip(loads, findings.records) {
            guard let key = load.key else { continue }
            if !records.isEmpty, let writer = read.next()?.writer {
                if load.table.lock != .none { assume(key, writer: writer) }
            } else if load.table.locksAbsentRows {
                assumeAbsent(key)
            }
        }
    }

    /// Leaves those rows to their own updates, which can look as well whether they are as assumed; unless rows would
    /// then be locked in another order than loads lock them in.
    /// - Returns: the transactions that wrote the rows that are left to their updates.
    mutating func leaveToUpdates(_ changes: [RowChange]) -> [RecordKey: RowWriter] {
        if rows.isEmpty { return [:] }
        var (updated, made): (Set<RecordKey>, Set<RecordKey>) = ([], [])
        for change in changes {
            switch change {
            case .update(let record): updated.insert(record.key)
            case .insert(let record): if record.key.table.locksAbsentRows { made.insert(record.key) }
            case .delete: break
            }
        }
        if !made.isEmpty {
            for index in rows.indices where rows[index].writer == nil && made.contains(rows[index].key) {
                rows[index].isMade = true
            }
        }
        var (left, kept): ([RecordKey: RowWriter], [Row]) = ([:], [])
        for row in rows {
            if let writer = row.writer, updated.contains(row.key) { left[row.key] = writer } else { kept.append(row) }
        }
        guard !left.isEmpty, keepsLockOrder(left, changes) else { return [:] }
        rows = kept
        return left
    }

    /// Whether rows are locked in the order of the loads, which was theirs before, if those are left to their updates:
    /// these come after all that is confirmed, in the order of their keys, among the writes of rows that nobody has
    /// locked.
    private func keepsLockOrder(_ left: [RecordKey: RowWriter], _ changes: [RowChange]) -> Bool {
        var latest: RecordKey?
        for row in rows {
            let isLeft = left[row.key] != nil
            let isLocked = row.key.table.lock != .none || row.key.table.locksAbsentRows
            if let latest, isLeft ? row.key < latest : isLocked { return false }
            if isLeft { latest = row.key }
        }
        guard let latest else { return false }
        return changes.allSatisfy { change in
            if case .insert = change { return true }
            return change.key.table.lock != .none || latest < change.key
        }
    }

    /// Appends statements that lock the rows, in the order and in the way in which a load would have, and fail with a
    /// division by zero unless all are as assumed. So do the locks of names whose rows are made.
    func confirm(in trip: inout LaneTrip, _ statements: [ObjectIdentifier: LaneStatements]) {
        for group in rows.groups({ $0.key.table === $1.key.table }) {
            guard let statements = statements[ObjectIdentifier(rows[group.lowerBound].key.table)] else { continue }
            if statements.table.locksAbsentRows {
                trip.confirm(LaneReading.lockNames, LaneReading.names(rows[group].lazy.map(\.key)))
            }
            if group.count == 1, let writer = rows[group.lowerBound].writer {
                let row = RowParameters()
                row.key(rows[group.lowerBound].key)
                trip.confirm(statements.confirmOne, row.parameters, .one(writer))
                continue
            }
            let (present, absent) = (ColumnArrays(statements.keyTypes), ColumnArrays(statements.keyTypes))
            var writers: [RowWriter] = []
            for row in rows[group] where !row.isMade {
                let keys = row.writer == nil ? absent : present
                keys.beginRow()
                keys.key(row.key)
                if let writer = row.writer { writers.append(writer) }
            }
            if present.rowCount > 0 { trip.confirm(statements.confirm, present.parameters, .list(writers)) }
            if absent.rowCount > 0 { trip.confirm(statements.confirmAbsent, absent.parameters) }
        }
    }
}
