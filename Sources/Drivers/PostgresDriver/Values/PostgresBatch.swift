import Storage

/// Statements that travel together and, unless a transaction is already open, fail together: they go out with one Sync,
/// at which the server commits them.
public struct PostgresBatch: Sendable {
    /// What a batch does to what is stored, and so what is known when its answer is lost.
    public enum Effect: Sendable, Hashable {
        /// Nothing: it may be repeated, and single statements of several callers may share one Sync.
        case reads
        /// Nothing yet: it is part of a transaction that a later batch commits.
        case uncommitted
        /// It commits: at the statement with this position, counted from 0, or at the batch's end if that is nil.
        case commits(at: Int? = nil)
    }
    /// One statement and its values.
    public struct Item: Sendable {
        /// The statement.
        public let statement: PostgresStatement
        /// The values of `$1`, `$2`, ….
        public fileprivate(set) var parameters: PostgresParameters

        /// A statement and its values.
        public init(_ statement: PostgresStatement, _ parameters: PostgresParameters = PostgresParameters()) {
            (self.statement, self.parameters) = (statement, parameters)
        }
    }
    /// The statements in order.
    public private(set) var items: [Item]
    /// What the batch does.
    public var effect: Effect

    /// A batch of these statements. The default is the careful one: a lost answer is then an unknown outcome.
    public init(_ items: [Item] = [], effect: Effect = .commits()) { (self.items, self.effect) = (items, effect) }

    /// A batch of statements of the storage port.
    public init(_ statements: [SQLStatement], effect: Effect = .commits()) {
        self.init(
            statements.map { Item(PostgresStatement($0.text), PostgresParameters($0.parameters)) }, effect: effect)
    }

    /// Appends a statement.
    public mutating func append(_ text: String) { items.append(Item(PostgresStatement(text))) }
    /// Appends a statement with its values.
    public mutating func append(
        _ statement: PostgresStatement, _ parameters: PostgresParameters = PostgresParameters()
    ) {
        items.append(Item(statement, parameters))
    }
    /// Gives a statement that is there already what its parameters lack.
    mutating func change(parametersAt place: Int, _ change: (inout PostgresParameters) -> Void) {
        change(&items[place].parameters)
    }
    /// Appends `COMMIT`, and makes the batch one that commits there.
    public mutating func appendCommit() {
        effect = .commits(at: items.count)
        items.append(Item(Self.commit))
    }
    static let commit = PostgresStatement("COMMIT")

    /// How many bytes the batch takes on the wire, about.
    var byteCount: Int {
        items.reduce(0) { $0 + $1.parameters.byteCount + 64 }
    }
}

/// The results of a batch.
public struct PostgresReply: Sendable {
    /// One for each statement, in order. Where a statement behind the commit failed, the results end before it.
    public let results: [PostgresResult]
    /// Why a statement behind the commit failed. The commit itself stands.
    public let failureAfterCommit: PostgresError?

    /// The first statement's result.
    public var first: PostgresResult { results[0] }
}
