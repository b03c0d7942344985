extension Migration {
    /// Statements that give a table another definition, in the way that both engines have: a new table takes the rows
    /// over and then the name. Indexes go with the old table and are made again.
    /// - Parameters:
    ///   - columns: every column, in any order.
    ///   - body: what stands between `CREATE TABLE name` and the end, as a template.
    ///   - indexes: the table's indexes.
    public static func rebuild(
        _ table: String, columns: String, as body: String, indexes: [String] = []
    ) -> [String] {
        [
            "CREATE TABLE \(table)_rebuilt \(body)",
            "INSERT INTO \(table)_rebuilt (\(columns)) SELECT \(columns) FROM \(table)",
            "DROP TABLE \(table)",
            "ALTER TABLE \(table)_rebuilt RENAME TO \(table)",
        ] + indexes
    }
}
