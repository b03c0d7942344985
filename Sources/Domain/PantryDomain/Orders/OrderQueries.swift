import Determinism
import Sagas
import Storage

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

    /// The saga that is under way about an order; nil when none is, or there is no such order.
    static func saga(of id: OrderID, in context: TenantContext) async throws(Refusal) -> SagaID? {
        let statement = SQLStatement(
            "SELECT saga FROM orders WHERE organization = $1 AND id = $2", [.integer(context.number), .uuid(id.uuid)])
        let result = try await context.read([statement], .strong)
        do {
            return try result.rows[0].first?.optionalUUID(0).map { SagaID($0) }
        } catch { throw .shardUnavailable("\(error)") }
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

    private static func document(_ row: SQLRow, _ context: TenantContext) throws(Refusal) -> String {
        do {
            return OrderDocument(
                organizationID: context.caller.organizationID, order: try row.record(),
                payment: try row.record(from: OrderRecord.table.columns.count)
            ).json
        } catch { throw .shardUnavailable("\(error)") }
    }
}
