import Determinism
import Sagas
import Storage
import StrictJSON

/// Orders as they are read. Nothing here decides a write.
package enum OrderQueries {
    private static let columns = "\(OrderRecord.table.list("o")), \(PaymentRecord.table.list("p"))"
    private static let tables = """
        orders o JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id
        """

    package static func order(
        _ id: OrderID, _ consistency: ReadConsistency, in context: TenantContext
    ) async throws(Refusal) -> Served {
        let result = try await context.read(
            [
                SQLStatement(
                    "SELECT \(columns) FROM \(tables) WHERE o.organization = $1 AND o.id = $2",
                    [.integer(context.number), .uuid(id.uuid)])
            ], consistency)
        guard let row = result.rows[0].first else { throw .notFound("there is no order “\(id)”") }
        return Served(document: try document(row, context), servedBy: result.servedBy)
    }

    /// Newest first.
    /// - Parameters:
    ///   - after: the id of the last order of the page before.
    package static func orders(
        status: OrderStatus?, createdAfter: Timestamp?, after: OrderID?, limit: Int, _ consistency: ReadConsistency,
        in context: TenantContext
    ) async throws(Refusal) -> Page {
        var (conditions, parameters): ([String], [SQLValue]) = (["o.organization = $1"], [.integer(context.number)])
        func add(_ condition: String, _ value: SQLValue) {
            parameters.append(value)
            conditions.append("\(condition) $\(parameters.count)")
        }
        if let status { add("o.status =", .text(status.rawValue)) }
        if let createdAfter {
            // Ids begin with their time, so the primary key serves this; the exact moment is compared as well.
            let milliseconds = UInt64(clamping: createdAfter.microseconds / 1_000) & 0xFFFF_FFFF_FFFF
            add("o.id >=", .uuid(UUIDv7(high: milliseconds << 16, low: 0)))
            add("o.created_at >", .integer(createdAfter.microseconds))
        }
        if let after { add("o.id <", .uuid(after.uuid)) }
        parameters.append(.integer(Int64(limit + 1)))
        let result = try await context.read(
            [
                SQLStatement(
                    "SELECT \(columns) FROM \(tables) WHERE \(conditions.joined(separator: " AND ")) "
                        + "ORDER BY o.id DESC LIMIT $\(parameters.count)", parameters)
            ], consistency)
        let rows = result.rows[0]
        do {
            let items = try rows.prefix(limit).map { try document($0, context) }
            let next = rows.count > limit ? OrderID(try rows[limit - 1].uuid(1)).description : nil
            return Page(items: items, next: next, servedBy: result.servedBy)
        } catch { throw .shardUnavailable("\(error)") }
    }

    /// What happened to the order, step by step.
    package static func timeline(
        _ id: OrderID, _ consistency: ReadConsistency, in context: TenantContext
    ) async throws(Refusal) -> Served {
        let key: [SQLValue] = [.integer(context.number), .uuid(id.uuid)]
        let result = try await context.read(
            [
                SQLStatement("SELECT status FROM orders WHERE organization = $1 AND id = $2", key),
                SQLStatement(
                    """
                    SELECT s.id, s.definition, s.state, s.attempts, s.reason, s.created_at, s.updated_at
                    FROM sagas s WHERE s.organization = $1 AND s.subject = $2 ORDER BY s.id
                    """, key),
                SQLStatement(
                    """
                    SELECT l.saga, l.entry, l.at, l.step, l.kind, l.attempt, l.detail
                    FROM sagas s JOIN saga_log l ON l.organization = s.organization AND l.saga = s.id
                    WHERE s.organization = $1 AND s.subject = $2 ORDER BY l.saga, l.entry
                    """, key),
            ], consistency)
        guard !result.rows[0].isEmpty else { throw .notFound("there is no order “\(id)”") }
        do {
            return Served(
                document: try timelineDocument(id, sagas: result.rows[1], log: result.rows[2]),
                servedBy: result.servedBy)
        } catch { throw .shardUnavailable("\(error)") }
    }

    private static func timelineDocument(_ id: OrderID, sagas: [SQLRow], log: [SQLRow]) throws -> String {
        let entries = Dictionary(grouping: log) { $0[0] }
        let rendered = try sagas.map { saga in
            let steps = try (entries[saga[0]] ?? []).map(stepDocument)
            var json = JSONWriter()
            let (definition, state) = (try saga.text(1), try saga.text(2))
            let (attempts, reason) = (try saga.integer(3), try saga.optionalText(4))
            let (begun, updated) = (try saga.integer(5), try saga.integer(6))
            let sagaID = SagaID(try saga.uuid(0)).description
            json.object { json in
                json.member("id", sagaID)
                json.member("saga", definition)
                json.member("state", state)
                json.member("attempts", attempts)
                json.member("reason", reason)
                json.member("startedAt", Timestamp(microseconds: begun).rfc3339)
                json.member("updatedAt", Timestamp(microseconds: updated).rfc3339)
                json.member("steps", raw: "[\(steps.joined(separator: ","))]")
            }
            return json.string()
        }
        return "{\"orderId\":\"\(id)\",\"data\":[\(rendered.joined(separator: ","))]}"
    }

    private static func stepDocument(_ row: SQLRow) throws -> String {
        let (entry, at, step) = (try row.integer(1), try row.integer(2), try row.text(3))
        let (kind, attempt, detail) = (try row.text(4), try row.integer(5), try row.optionalText(6))
        var json = JSONWriter()
        json.object { json in
            json.member("entry", entry)
            json.member("at", Timestamp(microseconds: at).rfc3339)
            json.member("step", step)
            json.member("event", kind)
            json.member("attempt", attempt)
            json.member("detail", detail)
        }
        return json.string()
    }

    private static func document(_ row: SQLRow, _ context: TenantContext) throws(Refusal) -> String {
        do {
            return OrderDocument(
                organizationID: context.caller.organizationID, order: try row.record(),
                payment: try row.record(from: OrderRecord.table.columns.count)
            ).json
        } catch { throw .shardUnavailable("\(error)") }
    }
}
