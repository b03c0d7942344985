import Storage

/// The tables that sagas need, as templates for a ``Storage/Migration``.
public enum SagaSchema {
    /// All of it, for a database that has nothing of it yet.
    public static let whole = tables + rebuild + definitions + logByCommit

    /// Sagas with lease and epoch, and their log. Workers find what is due by a partial index that ended sagas leave.
    public static let tables = [
        """
        CREATE TABLE sagas (
          organization {int} NOT NULL, id {id} NOT NULL, definition TEXT NOT NULL, definition_version {int} NOT NULL,
          subject {id} NOT NULL, created_at {int} NOT NULL, input TEXT NOT NULL,
          state TEXT NOT NULL
            CHECK (state IN ('running', 'parked', 'compensating', 'succeeded', 'compensated', 'stuck')),
          step TEXT NOT NULL, epoch {int} NOT NULL CHECK (epoch > 0), lease_until {int} NOT NULL, due_at {int} NOT NULL,
          attempts {int} NOT NULL, entries {int} NOT NULL, reason TEXT, updated_at {int} NOT NULL,
          version {int} NOT NULL,
          PRIMARY KEY (organization, id)
        ) {table}
        """,
        "CREATE INDEX sagas_due ON sagas (due_at) WHERE state IN ('running', 'parked', 'compensating')",
        "CREATE INDEX sagas_subject ON sagas (organization, subject)",
        """
        CREATE TABLE saga_log (
          organization {int} NOT NULL, saga {id} NOT NULL, entry {int} NOT NULL, at {int} NOT NULL, step TEXT NOT NULL,
          kind TEXT NOT NULL, epoch {int} NOT NULL, attempt {int} NOT NULL, detail TEXT,
          PRIMARY KEY (organization, saga, entry)
        ) {table}
        """,
    ]

    /// The next step: the same table of sagas, with chains of `OR` instead of lists, which SQLite would turn into a
    /// table of their own for each row that it checks.
    public static let rebuild = Migration.rebuild(
        "sagas",
        columns: """
            organization, id, definition, definition_version, subject, created_at, input, state, step, epoch,
            lease_until, due_at, attempts, entries, reason, updated_at, version
            """,
        as: """
            (
              organization {int} NOT NULL, id {id} NOT NULL, definition TEXT NOT NULL,
              definition_version {int} NOT NULL, subject {id} NOT NULL, created_at {int} NOT NULL, input TEXT NOT NULL,
              state TEXT NOT NULL CHECK (state = 'running' OR state = 'succeeded' OR state = 'parked'
                OR state = 'compensating' OR state = 'compensated' OR state = 'stuck'),
              step TEXT NOT NULL, epoch {int} NOT NULL CHECK (epoch > 0), lease_until {int} NOT NULL,
              due_at {int} NOT NULL, attempts {int} NOT NULL, entries {int} NOT NULL, reason TEXT,
              updated_at {int} NOT NULL, version {int} NOT NULL,
              PRIMARY KEY (organization, id)
            ) {table}
            """,
        indexes: [
            "CREATE INDEX sagas_due ON sagas (due_at) WHERE \(isUnfinished(""))",
            "CREATE INDEX sagas_subject ON sagas (organization, subject)",
        ])

    /// The step after that: what definitions need beside the row, the leases of workers, semantic locks, signals, start
    /// keys and the fences of participants. Older servers go on writing sagas without the new columns.
    public static let definitions = [
        "ALTER TABLE sagas ADD COLUMN outline {int}",
        "ALTER TABLE sagas ADD COLUMN deadline {int}",
        "ALTER TABLE sagas ADD COLUMN owner {id}",
        "ALTER TABLE sagas ADD COLUMN progress TEXT",
        "ALTER TABLE sagas ADD COLUMN data TEXT",
        """
        CREATE TABLE saga_workers (
          id {id} NOT NULL PRIMARY KEY, started_at {int} NOT NULL, lease_until {int} NOT NULL
        ) {table}
        """,
        """
        CREATE TABLE saga_locks (
          organization {int} NOT NULL, resource TEXT NOT NULL, holder {id} NOT NULL, since {int} NOT NULL,
          waiting TEXT NOT NULL, version {int} NOT NULL,
          PRIMARY KEY (organization, resource)
        ) {table}
        """,
        """
        CREATE TABLE saga_signals (
          organization {int} NOT NULL, name TEXT NOT NULL, saga {id} NOT NULL, key TEXT NOT NULL, payload TEXT NOT NULL,
          at {int} NOT NULL, is_taken {int} NOT NULL, version {int} NOT NULL,
          PRIMARY KEY (organization, name, saga)
        ) {table}
        """,
        """
        CREATE TABLE saga_starts (
          organization {int} NOT NULL, key TEXT NOT NULL, saga {id} NOT NULL, at {int} NOT NULL, version {int} NOT NULL,
          PRIMARY KEY (organization, key)
        ) {table}
        """,
        "CREATE INDEX saga_starts_saga ON saga_starts (organization, saga)",
        "CREATE INDEX saga_signals_saga ON saga_signals (organization, saga)",
        """
        CREATE TABLE saga_fences (
          organization {int} NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, epoch {int} NOT NULL, at {int} NOT NULL,
          version {int} NOT NULL,
          PRIMARY KEY (organization, key)
        ) {table}
        """,
        // Not by what each commit changes: PostgreSQL would then touch every index of the table at each of them.
        "CREATE INDEX sagas_ended ON sagas (id) WHERE \(isEnded(""))",
        "CREATE INDEX sagas_stuck ON sagas (id) WHERE \(isStuck(""))",
    ]

    /// The step after that: one row of the log for all entries of a commit. Older servers go on writing one for each.
    public static let logByCommit = [
        "ALTER TABLE saga_log ADD COLUMN last_entry {int}",
        "ALTER TABLE saga_log ADD COLUMN further TEXT",
    ]

    /// The condition of the index that workers find due sagas by; a query must say it in the same words.
    static func isUnfinished(_ alias: String) -> String {
        "(\(alias)state = 'running' OR \(alias)state = 'parked' OR \(alias)state = 'compensating')"
    }

    /// The condition of the index that people find stuck sagas by.
    static func isStuck(_ alias: String) -> String { "(\(alias)state = 'stuck')" }

    /// The condition of the index that ended sagas are found by when they are removed.
    static func isEnded(_ alias: String) -> String { "(\(alias)state = 'succeeded' OR \(alias)state = 'compensated')" }
}
