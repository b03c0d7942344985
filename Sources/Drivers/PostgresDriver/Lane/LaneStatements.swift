import Storage

/// One table's statements, each for any number of rows: the values come as one list for each column.
///
/// Rows are found, locked and written in the order of the lists, which is the lock order.
final class LaneStatements: Sendable {
    let table: Table
    /// Of all columns.
    let types: [LaneColumnType]
    let keyTypes: [LaneColumnType]
    /// Returns the position of the key (from 1), the row's columns and the transaction that wrote it, for rows that are
    /// there.
    let load: PostgresStatement
    /// As ``load``, locking nothing.
    let read: PostgresStatement
    /// As ``load``, passing over rows that others have locked.
    let loadFree: PostgresStatement
    /// Returns the positions of the keys whose rows are there, locked or not.
    let present: PostgresStatement
    /// Locks the rows as ``load`` does, and fails with a division by zero unless each is there and was written by the
    /// transaction beside its key.
    let confirm: PostgresStatement
    /// Fails with a division by zero unless no row is there.
    let confirmAbsent: PostgresStatement
    let insert: PostgresStatement
    /// As ``insert``; returns the transaction's number.
    let insertNumbered: PostgresStatement
    /// Returns in its second column the transaction's number, as ``delete`` does.
    let update: PostgresStatement
    /// As ``update``; fails as well unless each row was written by the transaction behind its columns.
    let updateSeen: PostgresStatement
    let updateTypes: [LaneColumnType]
    /// For each column of a record, its list in ``update``.
    let updateLists: [Int?]
    let delete: PostgresStatement
    /// ``confirm``, ``insertNumbered``, ``update`` and ``updateSeen`` for one row, whose columns are the parameters.
    let (confirmOne, insertOne, updateOne, updateSeenOne):
        (PostgresStatement, PostgresStatement, PostgresStatement, PostgresStatement)

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
        let ordered = "SELECT k.place, \(table.list("t")), t.xmin \(join) ORDER BY k.place"
        load = PostgresStatement(ordered + Self.lock(table.lock, of: "t"))
        read = table.lock == .none ? load : PostgresStatement(ordered)
        loadFree = PostgresStatement(ordered + Self.lock(table.lock, of: "t", skips: true))
        present = PostgresStatement("SELECT k.place \(join)")
        confirm = PostgresStatement(
            """
            SELECT 1 / (CASE WHEN count(*) = cardinality($1::\(keyTypes[0].name)[]) THEN 1 ELSE 0 END) FROM (
              SELECT 1 FROM \(Self.unnest(keyTypes, and: "xid")) WITH ORDINALITY AS k(\(Self.list(keys)), writer, place)
              JOIN \(table.name) t ON \(keyIsEqual("t", "k")) WHERE t.xmin = k.writer
              ORDER BY k.place\(Self.lock(table.lock, of: "t"))
            ) AS found
            """)
        confirmAbsent = PostgresStatement("SELECT 1 / (CASE WHEN count(*) = 0 THEN 1 ELSE 0 END) \(join)")
        let inserting =
            "INSERT INTO \(table.name) (\(Self.list(table.columns))) SELECT * FROM \(Self.unnest(types))"
        insert = PostgresStatement(inserting)
        insertNumbered = PostgresStatement("WITH done AS (\(inserting)) SELECT 1, txid_current()")

        // What an update mentions: the key, the mutable columns, the version that is expected.
        let mentioned = table.columns.indices.filter { $0 < keys.count || table.updateParameters[$0] > 0 }
        var lists = [Int?](repeating: nil, count: table.columns.count)
        for (list, column) in mentioned.enumerated() { lists[column] = list }
        (updateLists, updateTypes) = (lists, mentioned.map { types[$0] })
        let changed = mentioned.map { table.columns[$0] }.filter { !keys.contains($0) && $0 != "version" }
        let assignments = changed.map { "\($0) = v.\($0)" } + ["version = t.version + 1"]
        let places = Self.list(mentioned.map { table.columns[$0] })
        let guarded = "\(keyIsEqual("t", "v")) AND t.version = v.version"
        update = PostgresStatement(
            Self.counted(
                """
                UPDATE \(table.name) t SET \(Self.list(assignments))
                FROM \(Self.unnest(updateTypes)) AS v(\(places)) WHERE \(guarded)
                """, first: updateTypes[0]))
        updateSeen = PostgresStatement(
            Self.counted(
                """
                UPDATE \(table.name) t SET \(Self.list(assignments))
                FROM \(Self.unnest(updateTypes, and: "xid")) AS v(\(places), writer)
                WHERE \(guarded) AND t.xmin = v.writer
                """, first: updateTypes[0]))
        let one = Self.single(
            table, types: types, keyTypes: keyTypes, mentioned: mentioned, updateTypes: updateTypes,
            assigning: changed.compactMap { name in mentioned.firstIndex { table.columns[$0] == name } })
        (confirmOne, insertOne, updateOne, updateSeenOne) = (one.confirm, one.insert, one.update, one.updateSeen)
        delete = PostgresStatement(
            Self.counted(
                "DELETE FROM \(table.name) t USING \(keyList) AS k(\(Self.list(keys))) WHERE \(keyIsEqual("t", "k"))",
                first: keyTypes[0]))
    }

    private static func single(
        _ table: Table, types: [LaneColumnType], keyTypes: [LaneColumnType], mentioned: [Int],
        updateTypes: [LaneColumnType], assigning: [Int]
    ) -> (
        confirm: PostgresStatement, insert: PostgresStatement, update: PostgresStatement, updateSeen: PostgresStatement
    ) {
        func place(_ index: Int, _ types: [LaneColumnType]) -> String { "$\(index + 1)::\(types[index].name)" }
        let byKey = keyTypes.indices.map { "t.\(table.key[$0].column) = \(place($0, keyTypes))" }
            .joined(separator: " AND ")
        let confirm = PostgresStatement(
            """
            SELECT 1 / count(*) FROM (
              SELECT 1 FROM \(table.name) t WHERE \(byKey) AND t.xmin = $\(keyTypes.count + 1)::xid
              \(lock(table.lock, of: "t"))
            ) AS found
            """)
        let values = list(types.indices.map { place($0, types) })
        let insert = PostgresStatement(
            "INSERT INTO \(table.name) (\(list(table.columns))) VALUES (\(values)) RETURNING 1, txid_current()")
        // The key comes first among what an update mentions, the version last.
        let assignments =
            assigning.map { "\(table.columns[mentioned[$0]]) = \(place($0, updateTypes))" }
            + ["version = t.version + 1"]
        let update = """
            UPDATE \(table.name) t SET \(list(assignments))
            WHERE \(byKey) AND t.version = \(place(updateTypes.count - 1, updateTypes))
            """
        func counted(_ text: String) -> PostgresStatement {
            PostgresStatement("WITH done AS (\(text) RETURNING 1) SELECT 1 / count(*), txid_current() FROM done")
        }
        return (
            confirm, insert, counted(update), counted("\(update) AND t.xmin = $\(updateTypes.count + 1)::xid")
        )
    }

    private static func list(_ names: [String]) -> String { names.joined(separator: ", ") }

    private static func unnest(_ types: [LaneColumnType], and more: String? = nil) -> String {
        let names = types.map(\.name) + (more.map { [$0] } ?? [])
        return "unnest(" + names.enumerated().map { "$\($0 + 1)::\($1)[]" }.joined(separator: ", ") + ")"
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
        SELECT 1 / (CASE WHEN count(*) = cardinality($1::\(first.name)[]) THEN 1 ELSE 0 END), txid_current() FROM done
        """
    }
}

extension SQLState {
    /// What the count of ``LaneStatements`` fails with.
    static let divisionByZero = SQLState("22012")
}
