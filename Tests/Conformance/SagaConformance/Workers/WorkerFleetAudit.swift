import Testing

/// What must hold when every saga of a fleet has ended.
struct WorkerFleetAudit {
    let fleet: WorkerFleet
    let total: Int
    /// The entries of all histories, which stand together by commits.
    static let entries = """
        (SELECT organization, saga, entry, step, kind, epoch FROM saga_log UNION ALL
         SELECT organization, saga, entry + place, value ->> 1, value ->> 0, (value ->> 2)::bigint FROM saga_log,
           LATERAL jsonb_array_elements(further::jsonb) WITH ORDINALITY AS f (value, place))
        """

    func check() async throws {
        try await ends()
        try await tallies()
        try await effects()
        try await epochs()
    }

    private func none(_ what: Comment, _ query: String, in database: String = "sagas") async throws {
        let rows = try await fleet.rows(query, in: database)
        #expect(rows.isEmpty, "\(what): \(rows.prefix(5))")
    }

    private func ends() async throws {
        #expect(try await fleet.number("SELECT count(*) FROM sagas") == total)
        #expect(try await fleet.number("SELECT count(*) FROM saga_starts") == total, "a key begins one saga")
        try await none(
            "not ended, or still held",
            """
            SELECT id, state, step, reason FROM sagas
            WHERE state NOT IN ('succeeded', 'compensated') OR owner IS NOT NULL
            """
        )
        for state in ["succeeded", "compensated"] {
            #expect(try await fleet.number("SELECT count(*) FROM sagas WHERE state = '\(state)'") > 0)
        }
        try await none("locks that nobody gives back", "SELECT resource, holder FROM saga_locks")
        try await none(
            "more or fewer ends than one",
            "SELECT saga, count(*) FROM \(Self.entries) l WHERE kind = 'ended' GROUP BY saga HAVING count(*) <> 1")
    }

    private func tallies() async throws {
        try await none(
            "tallies that the ended sagas do not account for",
            """
            SELECT t.organization, t.name, t.value, s.count FROM tallies t
            FULL JOIN (SELECT organization, count(*) FROM sagas WHERE state = 'succeeded' GROUP BY organization) s
            USING (organization) WHERE t.value IS DISTINCT FROM COALESCE(s.count, 0)
            """)
    }

    private func effects() async throws {
        try await none(
            "a step, or a compensation, that was completed twice",
            """
            SELECT saga, step, kind, count(*) FROM \(Self.entries) l WHERE kind IN ('completed', 'compensated')
            GROUP BY saga, step, kind HAVING count(*) > 1
            """)
        try await none(
            "a step of a saga that has succeeded and was not completed",
            """
            SELECT s.id FROM sagas s WHERE s.state = 'succeeded' AND 5 <>
              (SELECT count(*) FROM \(Self.entries) l WHERE l.saga = s.id AND l.kind = 'completed')
            """)
        let states = Dictionary(
            uniqueKeysWithValues: try await fleet.rows("SELECT id, state FROM sagas").map { ($0[0], $0[1]) })
        typealias Effect = (applied: Int, undone: Int)
        var effects: [String: [String: Effect]] = ["book": [:], "rent": [:], "notify": [:]]
        let rows = try await fleet.rows("SELECT step, saga, applied, undone FROM effects", in: "participant")
        for row in rows { effects[row[0]]?[row[1]] = (Int(row[2]) ?? -1, Int(row[3]) ?? -1) }
        for (saga, state) in states {
            for (step, all) in effects {
                let effect = all[saga] ?? (0, 0)
                if state == "succeeded" {
                    #expect(effect == (1, 0), "\(saga) has succeeded: \(step) \(effect)")
                } else {
                    #expect(effect == (0, 0) || effect == (1, 1), "\(saga) was undone: \(step) \(effect)")
                    #expect(step != "notify" || effect == (0, 0), "\(saga) was undone: \(step) \(effect)")
                }
            }
        }
        #expect(effects.values.allSatisfy { Set($0.keys).isSubset(of: Set(states.keys)) })
    }

    /// No row with an old epoch: within a saga epochs never go down, go up with a claim only, and that by one.
    private func epochs() async throws {
        try await none(
            "an old epoch, or one that nobody claimed",
            """
            SELECT saga, entry, kind, before, epoch FROM (
              SELECT *, lag(epoch, 1, 1::bigint) OVER (PARTITION BY organization, saga ORDER BY entry) AS before
              FROM \(Self.entries) l) l
            WHERE epoch <> before + CASE WHEN kind = 'claimed' THEN 1 ELSE 0 END
            """)
        try await none(
            "a history with gaps, or that the row does not know",
            """
            SELECT s.id, s.entries, s.epoch FROM sagas s JOIN LATERAL (
              SELECT count(*) AS entries, max(entry) AS last, max(epoch) AS epoch FROM \(Self.entries) l
              WHERE l.organization = s.organization AND l.saga = s.id) l ON true
            WHERE s.entries <> l.entries OR s.entries <> l.last OR s.epoch <> l.epoch
            """)
        try await none(
            "an effect of a worker that had been overtaken",
            """
            SELECT step, saga FROM (
              SELECT *, lag(epoch, 1, 1::bigint) OVER (PARTITION BY organization, step, saga ORDER BY number) AS before
              FROM effect_log) l WHERE epoch < before
            """, in: "participant")
    }
}
