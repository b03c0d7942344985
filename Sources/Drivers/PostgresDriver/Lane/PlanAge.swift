/// When the statements that are prepared on a connection are to be planned again: whenever the lane has had twice as
/// many batches as before, counted from when the connection was made or met a new table.
///
/// A plan is made once, and over a table that is still empty every index is as good as another: it may be one that
/// finds all rows of an organization, which no longer does when there are some thousands. A server notices when it
/// analyzes the table, a minute later or never. What counts are the batches of all the lane's connections, for all fill
/// the tables.
struct PlanAge {
    private static let first = 2
    /// The count when there was nothing to plan over yet; nil on a connection that has had no batch.
    private var base: Int?
    private var limit = Self.first
    private var latest = 0

    /// A batch begins, the lane's `number`th.
    /// - Returns: whether the plans have become too old.
    mutating func begins(_ number: Int) -> Bool {
        latest = number
        guard let base else {
            (self.base, limit) = (number - 1, Self.first)
            return false
        }
        guard number - base >= limit else { return false }
        limit = 2 * (number - base)
        return true
    }

    /// A table is new to the connection, and may be empty.
    mutating func metTable() { (base, limit) = (latest - 1, Self.first) }
}
