import Storage

extension EventFeed {
    /// How many positions are given in a round at the least, where many events wait for one.
    private static let backlog: Int64 = 100

    /// The position behind which only events come that are not committed yet; 0 where there are none.
    ///
    /// One look at the end of an index, a page of one event, which gives positions to what has none, and another look.
    /// Only where nobody has listened for long are there more rounds: a busy organization gets a few more events
    /// meanwhile, and those are new ones.
    package func newest(in context: TenantContext) async throws(Refusal) -> Int64 {
        var newest = try await Self.greatestPosition(in: context)
        while true {
            let before = newest
            _ = try await page(after: before, limit: 1, in: context)
            newest = try await Self.greatestPosition(in: context)
            if newest - before < Self.backlog { return newest }
        }
    }

    private static func greatestPosition(in context: TenantContext) async throws(Refusal) -> Int64 {
        // The condition is that of the index over positions.
        let text = "SELECT MAX(position) FROM outbox WHERE organization = $1 AND position IS NOT NULL"
        let rows = try await context.read([SQLStatement(text, [.integer(context.number)])], .strong)
        do { return try rows.rows[0].first?.optionalInteger(0) ?? 0 } catch {
            throw .shardUnavailable("the shard cannot be read at this moment")
        }
    }
}
