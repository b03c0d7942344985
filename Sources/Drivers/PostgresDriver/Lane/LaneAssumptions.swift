import Storage

/// What a batch has taken from the lane's memory and its next trip must find so.
struct LaneAssumptions {
    private struct Row {
        let key: RecordKey
        /// The transaction that wrote the row; nil where there is none under the key.
        let writer: UInt32?
    }
    private var rows: [Row] = []

    /// Whether there is nothing to confirm.
    var isEmpty: Bool { rows.isEmpty }

    /// Assumes that the row is still the one that this transaction wrote.
    mutating func assume(_ key: RecordKey, writer: UInt32) { rows.append(Row(key: key, writer: writer)) }
    /// Assumes that there is no row with this key.
    mutating func assumeAbsent(_ key: RecordKey) { rows.append(Row(key: key, writer: nil)) }

    /// Leaves those rows to their own updates, which can look as well whether they are as assumed; unless rows would
    /// then be locked in another order than loads lock them in.
    /// - Returns: the transactions that wrote the rows that are left to their updates.
    mutating func leaveToUpdates(_ changes: [RowChange]) -> [RecordKey: UInt32] {
        if rows.isEmpty { return [:] }
        var updated: Set<RecordKey> = []
        for case .update(let record) in changes { updated.insert(record.key) }
        var (left, kept): ([RecordKey: UInt32], [Row]) = ([:], [])
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
    private func keepsLockOrder(_ left: [RecordKey: UInt32], _ changes: [RowChange]) -> Bool {
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
    /// division by zero unless all are as assumed.
    /// - Returns: the positions of those that may fail so.
    func confirm(
        in batch: inout PostgresBatch, _ statements: [ObjectIdentifier: LaneStatements]
    ) -> Set<Int> {
        var positions: Set<Int> = []
        for group in rows.groups({ $0.key.table === $1.key.table }) {
            guard let statements = statements[ObjectIdentifier(rows[group.lowerBound].key.table)] else { continue }
            if statements.table.locksAbsentRows {
                batch.append(LaneReading.lockNames, LaneReading.names(rows[group].lazy.map(\.key)))
            }
            if group.count == 1, let writer = rows[group.lowerBound].writer {
                let row = RowParameters()
                row.key(rows[group.lowerBound].key)
                row.transaction(writer)
                positions.insert(batch.items.count)
                batch.append(statements.confirmOne, row.parameters)
                continue
            }
            let (present, absent) = (ColumnArrays(statements.keyTypes), ColumnArrays(statements.keyTypes))
            var writers = BinaryArray(of: PostgresType.xid)
            for row in rows[group] {
                let keys = row.writer == nil ? absent : present
                keys.beginRow()
                keys.key(row.key)
                if let writer = row.writer { writers.append(transaction: writer) }
            }
            if present.rowCount > 0 {
                positions.insert(batch.items.count)
                var parameters = present.parameters
                parameters.append(writers)
                batch.append(statements.confirm, parameters)
            }
            if absent.rowCount > 0 {
                positions.insert(batch.items.count)
                batch.append(statements.confirmAbsent, absent.parameters)
            }
        }
        return positions
    }
}
