import Determinism
import Storage

extension SQLSagaArchive {
    /// See ``SagaArchive/sagas(_:)``.
    ///
    /// Every way goes by an index: an organization's sagas by their key, open and stuck ones of all organizations by
    /// the indexes that ended sagas leave; what is left is asked for organization by organization.
    public func sagas(_ filter: SagaFilter) async throws -> [SagaRecord] {
        let limit = min(max(filter.limit, 1), 1_000)
        if filter.organization == nil, filter.state?.isEnded ?? true { return try await newest(filter, limit) }
        let (conditions, values) = Self.conditions(filter)
        let statement = SQLStatement(
            """
            \(SagaRecord.table.selectAllText) WHERE \(conditions.joined(separator: " AND "))
            ORDER BY id DESC LIMIT $\(values.count + 1)
            """, values + [.integer(Int64(limit))])
        return try await database.read(statement, .strong).map { try $0.record() }
    }

    /// The newest of all organizations: first the ids alone, some organizations at a time, then the rows.
    private func newest(_ filter: SagaFilter, _ limit: Int) async throws -> [SagaRecord] {
        let organizations = try await database.read(
            SQLStatement("SELECT organization FROM fences ORDER BY organization", []), .strong
        ).map { try $0.integer(0) }
        var newest: [(id: SagaID, organization: Int64)] = []
        for start in stride(from: 0, to: organizations.count, by: 128) {
            let part = organizations[start..<min(start + 128, organizations.count)]
            let statements = part.map { organization in
                var filter = filter
                filter.organization = organization
                let (conditions, values) = Self.conditions(filter)
                return SQLStatement(
                    """
                    SELECT id FROM sagas WHERE \(conditions.joined(separator: " AND "))
                    ORDER BY id DESC LIMIT $\(values.count + 1)
                    """, values + [.integer(Int64(limit))])
            }
            for (organization, rows) in zip(part, try await database.read(statements, .strong).rows) {
                newest += try rows.map { (SagaID(try $0.uuid(0)), organization) }
            }
            newest.sort { $1.id.uuid < $0.id.uuid }
            if newest.count > limit { newest.removeLast(newest.count - limit) }
        }
        if newest.isEmpty { return [] }
        let statements = newest.map {
            SQLStatement(SagaRecord.table.selectText, SagaRecord.key($0.organization, $0.id).erased.parameters)
        }
        // One that was removed in between is not there.
        return try await database.read(statements, .strong).rows.compactMap { try $0.first?.record() }
    }

    private static func conditions(_ filter: SagaFilter) -> ([String], [SQLValue]) {
        var (conditions, values): ([String], [SQLValue]) = ([], [])
        func add(_ condition: String, _ value: SQLValue) {
            values.append(value)
            conditions.append("\(condition) $\(values.count)")
        }
        if let organization = filter.organization { add("organization =", .integer(organization)) }
        if let state = filter.state {
            add("state =", .text(state.rawValue))
            // In the words of a partial index: a parameter alone does not say that it may be used.
            if state == .stuck { conditions.append(SagaSchema.isStuck("")) }
            if state.isUnfinished { conditions.append(SagaSchema.isUnfinished("")) }
        }
        if let definition = filter.definition { add("definition =", .text(definition)) }
        if let subject = filter.subject { add("subject =", .uuid(subject)) }
        if let before = filter.before { add("id <", .uuid(before.uuid)) }
        return (conditions, values)
    }
}
