/// How the lane's transactions begin, and what holds in all of them.
enum LaneOpening {
    static let begin = PostgresStatement("BEGIN")

    /// All that a lane does goes by keys: one descent of an index for each row, planned once. The planner knows the
    /// lists of keys by a guess only, and would rather read a table from end to end that is small by its statistics,
    /// however many dead versions of its rows a hot product has left there.
    static let planning = [
        "enable_hashjoin": "off", "enable_mergejoin": "off", "enable_seqscan": "off", "jit": "off",
        "plan_cache_mode": "force_generic_plan",
    ]

    /// - Parameter limits: nil where the connection has its settings itself. Through a pooler each transaction needs
    ///   them anew.
    static func append(to trip: inout LaneTrip, _ limits: PostgresLaneConfiguration?) {
        trip.append(begin)
        guard let limits else { return }
        var settings = planning
        settings["lock_timeout"] = "\(limits.lockTimeout.wholeMilliseconds)"
        settings["idle_in_transaction_session_timeout"] = "\(limits.idleInTransactionTimeout.wholeMilliseconds)"
        let calls = settings.sorted { $0.key < $1.key }.map { "set_config('\($0.key)', '\($0.value)', true)" }
        trip.append(PostgresStatement("SELECT \(calls.joined(separator: ", "))"))
    }
}

extension PostgresLaneConfiguration {
    /// The settings of a connection of the lane to a server with these.
    func settings(for server: PostgresConfiguration) -> PostgresConfiguration {
        var settings = server
        settings.lockTimeout = lockTimeout
        settings.idleInTransactionTimeout = idleInTransactionTimeout
        settings.requestTimeout = batchTimeout
        settings.sessionSettings.merge(LaneOpening.planning) { $1 }
        return settings
    }
}
