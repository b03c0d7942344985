/// What a ``MemoryLaneEngine`` is to know that a database has in its schema or reads out of SQL, and its limit.
public struct MemoryLaneConfiguration: Sendable {
    /// The most rows of all tables together; nil for as many as the memory holds. One million by default. A batch that
    /// would leave more is refused with ``StorageError/full(_:)``, unless it makes them fewer.
    public var rowLimit: Int? = 1_000_000
    /// The selections that commands may ask for; of two for one condition the later counts. Any other fails the
    /// command with ``StorageError/statement(_:)``.
    public var selections: [MemorySelection] = []
    /// What rows must fulfill, as `CHECK` does; one that does not is refused with ``StorageError/constraint(_:)``.
    public var checks: [MemoryCheck] = []
    /// A million rows, no selections, no checks.
    public init() {}
}

/// How a ``Selection`` is found without SQL: what its condition says, said again in Swift.
public struct MemorySelection: Sendable {
    let table: Table
    let condition: String
    let find: @Sendable (_ rows: [AnyRecord], _ parameters: [SQLValue]) throws -> [AnyRecord]
    let decoder: RecordDecoder

    /// Answers every selection that has this one's condition, with whatever parameters.
    ///
    /// All rows of the table are looked at each time: an index is what a database is for.
    /// - Parameters:
    ///   - isFound: the condition; the parameters are those of the selection that is asked for, `$1` first.
    ///   - arrange: `ORDER BY` and `LIMIT`: gets the rows that were found, by their keys, and returns those that are
    ///     wanted in the order in which they are wanted. As they are by default.
    public init<R: Record>(
        _ selection: Selection<R>, where isFound: @escaping @Sendable (R, _ parameters: [SQLValue]) throws -> Bool,
        arrange: @escaping @Sendable ([R], _ parameters: [SQLValue]) throws -> [R] = { found, _ in found }
    ) {
        (table, condition) = (R.table, selection.erased.condition)
        decoder = Need.rows(selection).decode
        find = { rows, parameters in
            var found: [(key: RecordKey, record: R)] = []
            var boxes: [RecordKey: AnyRecord] = [:]
            for row in rows {
                guard let box = row as? RecordBox<R>, try isFound(box.record, parameters) else { continue }
                found.append((row.key, box.record))
                boxes[row.key] = row
            }
            found.sort { $0.key < $1.key }
            return try arrange(found.map(\.record), parameters).compactMap { boxes[$0.key.erased] }
        }
    }
}

/// A rule that every row of a table keeps, as `CHECK` does.
public struct MemoryCheck: Sendable {
    let table: Table
    let name: String
    let holds: @Sendable (SQLRow) throws -> Bool

    /// - Parameters:
    ///   - name: what the refusal says, such as `amount >= 0`.
    ///   - holds: whether the row may be stored.
    public init<R: Record>(_ name: String, of _: R.Type = R.self, _ holds: @escaping @Sendable (R) -> Bool) {
        (table, self.name) = (R.table, name)
        self.holds = { holds(try $0.record(R.self)) }
    }
}
