import Storage

/// What the server's catalog says of the lane's tables. A list of nothing but `NULL` does not tell its type.
enum LaneCatalog {
    /// Asks for the types of a table's columns.
    static func question(of table: Table) -> PostgresBatch.Item {
        var parameters = PostgresParameters()
        parameters.append(table.name)
        return PostgresBatch.Item(columns, parameters)
    }

    /// The statements of a table whose columns are as the catalog says.
    /// - Parameter database: its name, for messages.
    static func statements(
        of table: Table, by answer: PostgresResult, in database: String
    ) throws(StorageError) -> LaneStatements {
        let types = try types(answer, of: table)
        if types.isEmpty { throw .unavailable("“\(database)” has no table “\(table.name)”; run `pantry migrate`") }
        var columns: [LaneColumnType] = []
        for column in table.columns {
            guard let type = types[column].flatMap(LaneColumnType.init) else {
                throw .corrupt("“\(table.name)” has no column “\(column)” of type bigint, text, uuid or bytea")
            }
            columns.append(type)
        }
        return LaneStatements(table, types: columns)
    }

    private static func types(_ answer: PostgresResult, of table: Table) throws(StorageError) -> [String: UInt32] {
        let reader = answer.reader()
        var types: [String: UInt32] = [:]
        do {
            var row = 0
            while true {
                reader.begin(row: row)
                guard let name = try? reader.text() else { return types }
                types[name] = UInt32(truncatingIfNeeded: try reader.integer())
                row += 1
            }
        } catch { throw .corrupt("the catalog's answer on “\(table.name)” cannot be read: \(error)") }
    }

    private static let columns = PostgresStatement(
        """
        SELECT attname::text, atttypid::bigint FROM pg_attribute
        WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
        """)
}
