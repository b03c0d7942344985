/// One server of one database, as this process sees it; for operators.
package struct DatabaseServer: Sendable, Hashable {
    /// The connections of this process to it.
    package struct Pool: Sendable, Hashable {
        /// The most that there may be.
        package var limit: Int
        /// All of them, those being opened or closed included.
        package var size: Int
        /// Held by someone.
        package var leased: Int
        package var idle: Int
        /// Callers that wait.
        package var waiting: Int
        /// Tenants that hold a connection or wait for one.
        package var tenants: Int
        /// How long the one who came first has waited; nil when nobody waits.
        package var oldestWait: Duration?

        package init(
            limit: Int, size: Int, leased: Int, idle: Int, waiting: Int, tenants: Int, oldestWait: Duration?
        ) {
            (self.limit, self.size, self.leased, self.idle) = (limit, size, leased, idle)
            (self.waiting, self.tenants, self.oldestWait) = (waiting, tenants, oldestWait)
        }
    }
    /// The database, as the configuration calls it.
    package var database: String
    /// As reads are answered: `shard-0/replica-1` is the second in the configuration.
    package var name: String
    /// `host:port`, or the name of a file.
    package var address: String
    /// `sqlite` or `postgresql`
    package var engine: String
    /// One word: `primary`, `replica`, `lagging`, `ahead`, `refused`, `down` or `untried`.
    package var standing: String
    /// The same in words, with the reason.
    package var detail: String
    package var isPrimary: Bool
    /// Whether reads go there.
    package var serves: Bool
    /// PostgreSQL's timeline of the primary; nil when there is none.
    package var timeline: Int64?
    /// Bytes of log between it and the primary.
    package var lagBytes: Int64
    /// How old its state is at most; nil when that is unknown.
    package var lag: Duration?
    /// nil where there are no connections to be shared.
    package var pool: Pool?

    package init(
        database: String, name: String, address: String, engine: String, standing: String, detail: String,
        isPrimary: Bool, serves: Bool, timeline: Int64? = nil, lagBytes: Int64 = 0, lag: Duration?, pool: Pool? = nil
    ) {
        (self.database, self.name, self.address, self.engine) = (database, name, address, engine)
        (self.standing, self.detail, self.isPrimary, self.serves) = (standing, detail, isPrimary, serves)
        (self.timeline, self.lagBytes, self.lag, self.pool) = (timeline, lagBytes, lag, pool)
    }
}
