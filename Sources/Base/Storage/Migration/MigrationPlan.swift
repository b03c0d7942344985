/// What a database's history says about a schema: what is to be applied, or why nothing may be. Pure, so that it can be
/// printed before anything happens (`--dry-run`).
public struct MigrationPlan: Sendable {
    /// A row of the table in which a database remembers its migrations.
    public struct Applied: Sendable, Hashable {
        /// The migration's number.
        public let number: Int
        /// Its name when it was applied.
        public let name: String
        /// Its checksum when it was applied.
        public let checksum: String
        /// A row.
        public init(number: Int, name: String, checksum: String) {
            (self.number, self.name, self.checksum) = (number, name, checksum)
        }
    }
    /// What to apply, in order.
    public let pending: [Migration]
    /// How many migrations the database has that this version does not know: it was used by a newer one.
    public let unknownNewer: Int

    /// Compares what a schema wants with what a database has.
    /// - Throws: ``StorageError/corrupt(_:)`` if an applied migration has changed since, or one is missing between
    ///   others.
    public init(schema: [Migration], applied: [Applied]) throws(StorageError) {
        let byNumber = Dictionary(applied.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        let newest = applied.map(\.number).max() ?? 0
        var pending: [Migration] = []
        for migration in schema {
            if let old = byNumber[migration.number] {
                guard old.checksum == migration.checksum else {
                    throw .corrupt(
                        "migration \(migration.number) “\(old.name)” was applied with checksum \(old.checksum), but "
                            + "this version has “\(migration.name)” with \(migration.checksum); use the version that "
                            + "made this database, or restore a backup")
                }
            } else if migration.number < newest {
                throw .corrupt(
                    "migration \(migration.number) “\(migration.name)” is missing, though \(newest) was applied")
            } else {
                pending.append(migration)
            }
        }
        self.pending = pending
        unknownNewer = applied.count { old in !schema.contains { $0.number == old.number } }
    }
}
