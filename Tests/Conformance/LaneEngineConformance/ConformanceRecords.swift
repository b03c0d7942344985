import Determinism
import Storage

/// What the conformance suite keeps in the database that it is run on.
enum ConformanceSchema {
    static let migrations = [
        Migration(
            1, "conformance",
            [
                """
                CREATE TABLE fences (
                  organization {int} NOT NULL PRIMARY KEY, epoch {int} NOT NULL, state TEXT NOT NULL,
                  version {int} NOT NULL
                ) {table}
                """,
                """
                CREATE TABLE jars (
                  organization {int} NOT NULL, id {id} NOT NULL, made {int} NOT NULL,
                  amount {int} NOT NULL CHECK (amount >= 0), label TEXT, version {int} NOT NULL,
                  PRIMARY KEY (organization, id)
                ) {table}
                """,
                """
                CREATE TABLE claims (
                  organization {int} NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL, version {int} NOT NULL,
                  PRIMARY KEY (organization, name)
                ) {table}
                """,
                """
                CREATE TABLE entries (
                  organization {int} NOT NULL, name TEXT NOT NULL, number {int} NOT NULL, delta {int} NOT NULL,
                  PRIMARY KEY (organization, name, number)
                ) {table}
                """,
            ])
    ]

    /// What a newer version adds.
    static let newer = Migration(
        2, "newer",
        [
            "ALTER TABLE jars ADD COLUMN shelf TEXT",
            "ALTER TABLE jars ADD COLUMN weight {int} NOT NULL DEFAULT 1",
            "CREATE INDEX jars_label ON jars (organization, label)",
            "ALTER TABLE entries ADD COLUMN note TEXT",
            "CREATE TABLE shelves (organization {int} NOT NULL PRIMARY KEY, name TEXT NOT NULL) {table}",
        ])
}

/// A row with a fixed and two mutable columns.
struct Jar: Record, Hashable {
    static let table = Table(
        "jars", rank: 2, key: [.organization, .id("id")], fixed: ["made"], mutable: ["amount", "label"],
        cacheBytes: 64 << 10)

    let organization: Int64
    let id: UUIDv7
    let made: Timestamp
    var amount: Int64
    var label: String?

    init(_ number: UInt64, _ amount: Int64, label: String? = nil, made: Timestamp = Timestamp(microseconds: 5)) {
        (organization, id, self.made) = (1, UUIDv7(high: 1, low: number), made)
        (self.amount, self.label) = (amount, label)
    }
    static func key(_ number: UInt64) -> Key<Jar> { Key(organization: 1, id: UUIDv7(high: 1, low: number)) }
    var key: Key<Jar> { Key(organization: organization, id: id) }

    init(from row: any ColumnReader) throws {
        organization = try row.integer()
        id = try row.uuid()
        made = try row.timestamp()
        amount = try row.integer()
        label = try row.optionalText()
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(id)
        row.timestamp(made)
        row.integer(amount)
        row.text(label)
    }
}

/// A row under a name that outsiders make, and that only one of them can have.
struct Claim: Record, Hashable {
    static let table = Table(
        "claims", rank: 1, key: [.organization, .text("name")], mutable: ["holder"], locksAbsentRows: true)

    let name: String
    var holder: String

    init(name: String, holder: String) { (self.name, self.holder) = (name, holder) }
    static func key(_ name: String) -> Key<Claim> { Key(organization: 1, text: name) }
    var key: Key<Claim> { Self.key(name) }

    init(from row: any ColumnReader) throws {
        _ = try row.integer()
        (name, holder) = (try row.text(), try row.text())
    }
    func write(to row: any ColumnWriter) {
        row.integer(1)
        row.text(name)
        row.text(holder)
    }
}

/// What the suite searches for.
enum ConformanceSelections {
    static func small(_ organization: Int64, _ label: String, below amount: Int64) -> Selection<Jar> {
        Selection(
            "organization = $1 AND label = $2 AND amount < $3 ORDER BY amount",
            [.integer(organization), .text(label), .integer(amount)])
    }
    static func large(_ amount: Int64, _ label: String) -> Selection<Jar> {
        Selection("label = $2 AND amount > $1", [.integer(amount), .text(label)])
    }
}

/// An append-only row.
struct JarEntry: Record, Hashable {
    static let table = Table(
        "entries", rank: 3, key: [.organization, .text("name"), .number("number")], fixed: ["delta"])

    let name: String
    let number: Int64
    let delta: Int64

    init(_ name: String, _ number: Int64, _ delta: Int64) {
        (self.name, self.number, self.delta) = (name, number, delta)
    }
    var key: Key<JarEntry> { Key(organization: 1, text: name, number: number) }

    init(from row: any ColumnReader) throws {
        _ = try row.integer()
        name = try row.text()
        number = try row.integer()
        delta = try row.integer()
    }
    func write(to row: any ColumnWriter) {
        row.integer(1)
        row.text(name)
        row.integer(number)
        row.integer(delta)
    }
}

/// A command made of two closures.
struct ClosureCommand<Outcome: Sendable>: LaneCommand {
    let asked: @Sendable (WorkingSet) -> [Need]
    let decision: @Sendable (inout WorkingSet, Timestamp) -> Verdict<Outcome>

    init(
        _ needs: [Need] = [], _ decision: @escaping @Sendable (inout WorkingSet, Timestamp) -> Verdict<Outcome>
    ) {
        asked = { _ in needs }
        self.decision = decision
    }
    func needs(_ loaded: WorkingSet) -> [Need] { asked(loaded) }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> { decision(&work, now) }
}
