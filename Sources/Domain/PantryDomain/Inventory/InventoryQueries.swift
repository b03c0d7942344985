import Determinism
import Storage

/// Products, stock and ledger as they are read.
package enum InventoryQueries {
    package static func product(
        _ sku: String, _ consistency: ReadConsistency, in context: TenantContext
    ) async throws(Refusal) -> Served {
        let result = try await context.read(
            [
                SQLStatement(
                    "\(ProductRecord.table.selectAllText) WHERE organization = $1 AND sku = $2 AND state = 'active'",
                    [.integer(context.number), .text(sku)])
            ], consistency)
        guard let row = result.rows[0].first else { throw .notFound("there is no product “\(sku)”") }
        do {
            return Served(document: try row.record(ProductRecord.self).document, servedBy: result.servedBy)
        } catch { throw .shardUnavailable("\(error)") }
    }

    /// By SKU.
    /// - Parameters:
    ///   - search: a part of the name or the SKU, upper or lower case.
    ///   - after: the SKU of the last product of the page before.
    package static func products(
        search: String?, after: String?, limit: Int, _ consistency: ReadConsistency, in context: TenantContext
    ) async throws(Refusal) -> Page {
        var (conditions, parameters) = ("organization = $1 AND state = 'active'", [SQLValue.integer(context.number)])
        if let search {
            parameters.append(.text(pattern(search)))
            // Of the letters in a column SQLite folds those of ASCII, and so does PostgreSQL where a column's order is
            // that of its bytes. Of those in a parameter PostgreSQL would fold all that the database's language knows.
            let place = "$\(parameters.count)"
            conditions += " AND (lower(name) LIKE \(place) ESCAPE '\\' OR lower(sku) LIKE \(place) ESCAPE '\\')"
        }
        return try await page(
            ProductRecord.self, conditions, parameters, after: after, limit: limit, consistency, in: context
        ) { ($0.document, $0.sku) }
    }

    /// A pattern for `LIKE … ESCAPE '\'`. By bytes: a `%` with an accent on it is one character to Swift, but not to
    /// the database.
    private static func pattern(_ search: String) -> String {
        var bytes = Array("%".utf8)
        for byte in search.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): bytes.append(byte + 32)
            case UInt8(ascii: "%"), UInt8(ascii: "_"), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes + Array("%".utf8), as: UTF8.self)
    }

    package static func stock(
        _ sku: String, _ consistency: ReadConsistency, in context: TenantContext
    ) async throws(Refusal) -> Served {
        let page = try await stock(skus: [sku], after: nil, limit: 1, consistency, in: context)
        guard let document = page.items.first else { throw .notFound("there is no product “\(sku)”") }
        return Served(document: document, servedBy: page.servedBy)
    }

    /// By SKU; all products, or those with these SKUs.
    package static func stock(
        skus: [String], after: String?, limit: Int, _ consistency: ReadConsistency, in context: TenantContext
    ) async throws(Refusal) -> Page {
        var (conditions, parameters) = ("organization = $1", [SQLValue.integer(context.number)])
        conditions +=
            " AND EXISTS (SELECT 1 FROM products p WHERE p.organization = stock.organization AND p.sku = stock.sku"
            + " AND p.state = 'active')"
        if !skus.isEmpty {
            parameters += skus.map { .text($0) }
            conditions += " AND sku IN (\((2..<2 + skus.count).map { "$\($0)" }.joined(separator: ", ")))"
        }
        return try await page(
            StockRecord.self, conditions, parameters, after: after, limit: limit, consistency, in: context
        ) { ($0.document, $0.sku) }
    }

    /// Oldest first.
    package static func ledger(
        _ sku: String, after: MovementID?, limit: Int, _ consistency: ReadConsistency, in context: TenantContext
    ) async throws(Refusal) -> Page {
        var (conditions, parameters) = (
            "organization = $1 AND sku = $2", [SQLValue.integer(context.number), .text(sku)]
        )
        if let after {
            parameters.append(.uuid(after.uuid))
            conditions += " AND id > $\(parameters.count)"
        }
        parameters.append(.integer(Int64(limit + 1)))
        let result = try await context.read(
            [
                SQLStatement(
                    "SELECT 1 FROM products WHERE organization = $1 AND sku = $2",
                    [.integer(context.number), .text(sku)]),
                SQLStatement(
                    "\(StockMovementRecord.table.selectAllText) WHERE \(conditions) "
                        + "ORDER BY id LIMIT $\(parameters.count)",
                    parameters),
            ], consistency)
        guard !result.rows[0].isEmpty else { throw .notFound("there is no product “\(sku)”") }
        do {
            let records = try result.rows[1].map { try $0.record(StockMovementRecord.self) }
            return Page(
                items: records.prefix(limit).map(\.document),
                next: records.count > limit ? records[limit - 1].id.description : nil, servedBy: result.servedBy)
        } catch { throw .shardUnavailable("\(error)") }
    }

    private static func page<R: Record>(
        _: R.Type, _ conditions: String, _ parameters: [SQLValue], after: String?, limit: Int,
        _ consistency: ReadConsistency, in context: TenantContext, _ render: (R) -> (document: String, sku: String)
    ) async throws(Refusal) -> Page {
        var (conditions, parameters) = (conditions, parameters)
        if let after {
            parameters.append(.text(after))
            conditions += " AND sku > $\(parameters.count)"
        }
        parameters.append(.integer(Int64(limit + 1)))
        let text = "\(R.table.selectAllText) WHERE \(conditions) ORDER BY sku LIMIT $\(parameters.count)"
        let result = try await context.read([SQLStatement(text, parameters)], consistency)
        do {
            let rendered = try result.rows[0].map { render(try $0.record(R.self)) }
            return Page(
                items: rendered.prefix(limit).map(\.document),
                next: rendered.count > limit ? rendered[limit - 1].sku : nil, servedBy: result.servedBy)
        } catch { throw .shardUnavailable("\(error)") }
    }
}
