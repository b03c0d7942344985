import GRDB
import GRDBSQLite
import Storage

/// The prepared statements of the write lane, for each table and each thing that is done to its rows. Used on the
/// writer's queue only.
///
/// A table stands in for its SQL text: finding a statement costs a look at a pointer, not a hash of two hundred
/// characters.
final class TableStatements {
    /// By the table's rank, which no two tables of a database share.
    private var tables = [TableStatementSet?](repeating: nil, count: 256)
    private var latest: TableStatementSet?

    func of(_ table: Storage.Table, on connection: GRDB.Database) -> TableStatementSet {
        // Rows come sorted by table.
        if let latest, latest.table === table { return latest }
        if let known = tables[table.rank], known.table === table {
            latest = known
            return known
        }
        let set = TableStatementSet(table)
        (tables[table.rank], latest) = (set, set)
        return set
    }

    /// Frees them; a connection closes only when it has no statement left.
    func removeAll() { (tables, latest) = ([TableStatementSet?](repeating: nil, count: 256), nil) }
}

/// One table's statements, prepared when they are first wanted.
final class TableStatementSet {
    let table: Storage.Table
    private var (select, insert, update, delete): (Statement?, Statement?, Statement?, Statement?)
    /// For each column but `version`, its parameter in the update, or 0.
    let updatePlaces: [Int32]
    /// The parameter of the version that an update expects.
    let versionPlace: Int32

    init(_ table: Storage.Table) {
        self.table = table
        updatePlaces = table.updateParameters.map(Int32.init)
        versionPlace = table.isAppendOnly ? 0 : updatePlaces[updatePlaces.count - 1]
    }

    func select(_ connection: GRDB.Database) throws -> SQLiteStatement {
        try prepared(&select, table.selectText, connection)
    }
    func insert(_ connection: GRDB.Database) throws -> SQLiteStatement {
        try prepared(&insert, table.insertText, connection)
    }
    func update(_ connection: GRDB.Database) throws -> SQLiteStatement {
        try prepared(&update, table.updateText, connection)
    }
    func delete(_ connection: GRDB.Database) throws -> SQLiteStatement {
        try prepared(&delete, table.deleteText, connection)
    }

    private func prepared(
        _ statement: inout Statement?, _ text: String, _ connection: GRDB.Database
    ) throws -> SQLiteStatement {
        if let statement { return statement.sqliteStatement }
        let made = try connection.makeStatement(sql: text)
        statement = made
        return made.sqliteStatement
    }
}
