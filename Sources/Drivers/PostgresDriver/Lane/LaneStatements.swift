import Storage

/// One table's statements, each for any number of rows: the values come as one list for each column.
///
/// Rows are found, locked and written in the order of the lists, which is the lock order.
final class LaneStatements: Sendable {
    let table: Table
    /// Of all columns.
    let types: [LaneColumnType]
    let keyTypes: [LaneColumnType]
    /// Returns the position of the key (from 1) and the row's columns, for rows that are there.
    let load: PostgresStatement
    /// As ``load``, passing over rows that others have locked.
    let loadFree: PostgresStatement
    /// Returns the positions of the keys whose rows are there, locked or not.
    let present: PostgresStatement
    let insert: PostgresStatement
    let update: PostgresStatement
    let updateTypes: [LaneColumnType]
    /// For each column of a record, its list in ``update``.
    let updateLists: [Int?]
    let delete: PostgresStatement

    init(_ table: Table, types: [LaneColumnType]) {
        (self.table, self.types) = (table, types)
        keyTypes = table.key.map(LaneColumnType.init)
        let keys = table.key.map(\.column)
        let keyIsEqual = { (a: String, b: String) in
            keys.map { "\(a).\($0) = \(b).\($0)" }.joined(separator: " AND ")
        }
        let keyList = Self.unnest(keyTypes)

        let join = """
            FROM \(keyList) WITH ORDINALITY AS k(\(Self.list(keys)), place)
            JOIN \(table.name) t ON \(keyIsEqual("t", "k"))
            """
        let ordered = "SELECT k.place, \(table.list("t")) \(join) ORDER BY k.place"
        load = PostgresStatement(ordered + Self.lock(table.lock, of: "t"))
        loadFree = PostgresStatement(ordered + Self.lock(table.lock, of: "t", skips: true))
        present = PostgresStatement("SELECT k.place \(join)")
        insert = PostgresStatement(
            "INSERT INTO \(table.name) (\(Self.list(table.columns))) SELECT * FROM \(Self.unnest(types))")

        // What an update mentions: the key, the mutable columns, the version that is expected.
        let mentioned = table.columns.indices.filter { $0 < keys.count || table.updateParameters[$0] > 0 }
        var lists = [Int?](repeating: nil, count: table.columns.count)
        for (list, column) in mentioned.enumerated() { lists[column] = list }
        (updateLists, updateTypes) = (lists, mentioned.map { types[$0] })
        let changed = mentioned.map { table.columns[$0] }.filter { !keys.contains($0) && $0 != "version" }
        let assignments = changed.map { "\($0) = v.\($0)" } + ["version = t.version + 1"]
        update = PostgresStatement(
            Self.counted(
                """
                UPDATE \(table.name) t SET \(Self.list(assignments))
                FROM \(Self.unnest(updateTypes)) AS v(\(Self.list(mentioned.map { table.columns[$0] })))
                WHERE \(keyIsEqual("t", "v")) AND t.version = v.version
                """, first: updateTypes[0]))
        delete = PostgresStatement(
            Self.counted(
                "DELETE FROM \(table.name) t USING \(keyList) AS k(\(Self.list(keys))) WHERE \(keyIsEqual("t", "k"))",
                first: keyTypes[0]))
    }

    private static func list(_ names: [String]) -> String { names.joined(separator: ", ") }

    private static func unnest(_ types: [LaneColumnType]) -> String {
        "unnest(" + types.enumerated().map { "$\($0 + 1)::\($1.name)[]" }.joined(separator: ", ") + ")"
    }

    /// - Parameter skips: whether to pass over rows that others have locked, instead of waiting for them.
    static func lock(_ lock: RowLock, of alias: String, skips: Bool = false) -> String {
        let patience = skips ? " SKIP LOCKED" : ""
        return switch lock {
        case .exclusive: " FOR NO KEY UPDATE OF \(alias)\(patience)"
        case .shared: " FOR SHARE OF \(alias)\(patience)"
        case .none: ""
        }
    }

    /// Fails with a division by zero unless every row was found: the commit travels with the statement, so nobody could
    /// look at the count first.
    private static func counted(_ text: String, first: LaneColumnType) -> String {
        """
        WITH done AS (\(text) RETURNING 1)
        SELECT 1 / (CASE WHEN count(*) = cardinality($1::\(first.name)[]) THEN 1 ELSE 0 END) FROM done
        """
    }
}

extension SQLState {
    /// What the count of ``LaneStatements`` fails with.
    static let divisionByZero = SQLState("22012")
}
