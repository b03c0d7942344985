/// A column that is part of a primary key. A key has at most one part of each kind, so that ``RecordKey`` needs no
/// array.
public enum KeyPart: Sendable, Hashable {
    /// The organization's number; first in every key of a shard.
    case organization
    /// A text column of that name.
    case text(String)
    /// An id column of that name.
    case id(String)
    /// An integer column of that name.
    case number(String)

    /// The column's name.
    public var column: String {
        switch self {
        case .organization: "organization"
        case .text(let name), .id(let name), .number(let name): name
        }
    }
}

/// How a batch locks the rows that it loads, on engines that have row locks. What it writes is locked by the write.
public enum RowLock: Sendable, Hashable {
    /// Nobody else may lock or change the row: for rows that commands usually change.
    case exclusive
    /// Nobody may change the row, others may lock it alike: for rows that commands must be able to rely on and seldom
    /// change.
    case shared
    /// As the row was when it was loaded: for rows whose change at the same moment could as well have come a moment
    /// later. A write still fails if the row has changed since.
    case none
}

/// A table as the write lane sees it: its columns in the order in which records are read and written, and its place in
/// the one lock order (`rank`).
///
/// The columns are key, fixed, mutable and, when there are mutable ones, `version`, which each update guards and
/// raises.
public final class Table: Sendable {
    /// The table's name in SQL.
    public let name: String
    /// The place in the global lock order, 0…255: a batch locks tables by rank and rows by key, on every engine. No
    /// two tables of a database have the same.
    public let rank: Int
    /// The primary key.
    public let key: [KeyPart]
    /// Every column, in the order of reading and writing.
    public let columns: [String]
    /// Whether rows are only ever inserted.
    public let isAppendOnly: Bool
    let isKeyedByText: Bool
    /// How many bytes of this table's rows an engine may keep in memory between batches, where nobody else writes to
    /// its database; 0 for rows that are seldom read twice.
    public let cacheBytes: Int
    /// How loaded rows are locked.
    public let lock: RowLock
    /// Whether a batch also locks the keys of rows that are not there, so that of two servers that are about to insert
    /// the same row one waits for the other instead of failing: for keys that clients make.
    public let locksAbsentRows: Bool
    /// `SELECT … WHERE key`; `$1…` are the key's columns.
    public let selectText: String
    /// `SELECT … FROM`, without a condition.
    public let selectAllText: String
    /// `INSERT` of all columns in order.
    public let insertText: String
    /// `UPDATE` of the mutable columns of the row with this key and version; see ``updateParameters``.
    public let updateText: String
    /// `DELETE` by key; `$1…` are the key's columns.
    public let deleteText: String
    /// For each column, its parameter in ``updateText``, or 0 if the update does not mention it.
    public let updateParameters: [Int]

    /// Describes a table; the migration that creates it must have the same columns.
    public init(
        _ name: String, rank: Int, key: [KeyPart], fixed: [String] = [], mutable: [String] = [], cacheBytes: Int = 0,
        lock: RowLock = .exclusive, locksAbsentRows: Bool = false
    ) {
        (self.lock, self.locksAbsentRows) = (lock, locksAbsentRows)
        precondition((0...255).contains(rank), "the rank of \(name) must be 0…255")
        (self.name, self.rank, self.key, self.cacheBytes) = (name, rank, key, cacheBytes)
        let keyColumns = key.map(\.column)
        isAppendOnly = mutable.isEmpty
        isKeyedByText = key.contains { if case .text = $0 { true } else { false } }
        columns = keyColumns + fixed + mutable + (mutable.isEmpty ? [] : ["version"])
        let list = columns.joined(separator: ", ")
        let byKey = keyColumns.enumerated().map { "\($1) = $\($0 + 1)" }.joined(separator: " AND ")
        selectAllText = "SELECT \(list) FROM \(name)"
        selectText = "\(selectAllText) WHERE \(byKey)"
        let places = (1...columns.count).map { "$\($0)" }.joined(separator: ", ")
        insertText = "INSERT INTO \(name) (\(list)) VALUES (\(places))"
        deleteText = "DELETE FROM \(name) WHERE \(byKey)"

        var parameters = [Int](repeating: 0, count: columns.count)
        var next = 1
        var assignments: [String] = []
        for index in columns.indices.dropFirst(keyColumns.count + fixed.count).dropLast(mutable.isEmpty ? 0 : 1) {
            (parameters[index], next) = (next, next + 1)
            assignments.append("\(columns[index]) = $\(parameters[index])")
        }
        var conditions: [String] = []
        for index in keyColumns.indices {
            (parameters[index], next) = (next, next + 1)
            conditions.append("\(columns[index]) = $\(parameters[index])")
        }
        if !mutable.isEmpty {
            parameters[columns.count - 1] = next
            conditions.append("version = $\(next)")
        }
        updateText =
            "UPDATE \(name) SET \(assignments.joined(separator: ", ")), version = version + 1 "
            + "WHERE \(conditions.joined(separator: " AND "))"
        updateParameters = parameters
    }
}
