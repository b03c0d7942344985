/// What a command must have loaded before it can decide.
public struct Need: Sendable, Hashable {
    @usableFromInline
    enum Kind: Sendable, Hashable {
        case row(RecordKey)
        case selection(RecordSelection)
    }
    let kind: Kind
    let decode: RecordDecoder

    @usableFromInline
    init(_ kind: Kind, _ type: any Record.Type) { (self.kind, decode) = (kind, RecordDecoder(type: type)) }

    /// The row with this key, or the knowledge that there is none.
    @inlinable
    public static func row<R: Record>(_ key: Key<R>) -> Need { Need(.row(key.erased), R.self) }

    /// The rows that this selection finds.
    @inlinable
    public static func rows<R: Record>(_ selection: Selection<R>) -> Need { Need(.selection(selection.erased), R.self) }

    /// The row, if it is asked for by its key.
    var row: RecordKey? {
        guard case .row(let key) = kind else { return nil }
        return key
    }

    /// Whether both ask for the same rows.
    public static func == (a: Self, b: Self) -> Bool { a.kind == b.kind }
    /// Hashes what is asked for.
    public func hash(into hasher: inout Hasher) { hasher.combine(kind) }
}

/// A few rows of one table that are found by an index rather than by their key, such as the holds of one product that
/// have run out. The rows join the working set under their own keys.
public struct Selection<R: Record>: Sendable, Hashable {
    /// The selection without its type.
    public let erased: RecordSelection

    /// The rows for which `condition` holds; it may end in `ORDER BY … LIMIT …` and must be a literal.
    public init(_ condition: StaticString, _ parameters: [SQLValue]) {
        erased = RecordSelection(table: R.table, condition: "\(condition)", parameters: parameters)
    }
}

/// A ``Selection`` without its type. A class, as ``RecordKey`` is, so that a need is small.
public final class RecordSelection: Sendable, Hashable {
    /// The table that is searched.
    public let table: Table
    /// What follows `WHERE`, with `$1…`.
    public let condition: String
    /// The values of `$1…`.
    public let parameters: [SQLValue]

    init(table: Table, condition: String, parameters: [SQLValue]) {
        (self.table, self.condition, self.parameters) = (table, condition, parameters)
    }

    /// Whether both find the same rows.
    public static func == (a: RecordSelection, b: RecordSelection) -> Bool {
        a.table === b.table && a.condition == b.condition && a.parameters == b.parameters
    }
    /// Hashes the condition and its parameters.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(condition)
        hasher.combine(parameters)
    }
}

/// Turns a row into a record of the type that was asked for.
public struct RecordDecoder: Sendable {
    fileprivate let type: any Record.Type

    /// Reads one record with its version.
    public func decode(_ row: any ColumnReader) throws -> AnyRecord { try type.boxed(from: row) }
}

extension Record {
    fileprivate static func boxed(from row: any ColumnReader) throws -> AnyRecord {
        let record = try Self(from: row)
        return RecordBox(record, version: table.isAppendOnly ? 0 : try row.integer())
    }
}

/// One load that an engine is to execute: the statement's text, its parameters and what to make of each row.
public struct Load: Sendable {
    /// What was asked for; handed back with the rows.
    public let need: Need
    /// How to read a row.
    public var decoder: RecordDecoder { need.decode }
    /// The table that is read.
    public var table: Table {
        switch need.kind {
        case .row(let key): key.table
        case .selection(let selection): selection.table
        }
    }
    /// The key, where one row is asked for.
    public var key: RecordKey? {
        if case .row(let key) = need.kind { return key }
        return nil
    }
    /// The selection, where rows are searched.
    public var selection: RecordSelection? {
        if case .selection(let selection) = need.kind { return selection }
        return nil
    }

    init(_ need: Need) { self.need = need }
}
