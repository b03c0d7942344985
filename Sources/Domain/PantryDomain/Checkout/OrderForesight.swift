import Determinism
import Sagas
import Storage

/// What a look at an order tells of the rows that an operation on it will want, so that all of them are asked for with
/// the order itself, in one trip.
///
/// Nothing is decided by it. Payment and products are the order's for good; a saga that has come or gone since is found
/// out when the order is loaded, and asked for then.
struct OrderForesight: Sendable, Hashable {
    var payment: PaymentID
    /// The saga that holds the order.
    var saga: SagaID?
    /// The key of the operation that it carries out.
    var sagaScope: String?
    /// The products of the order's lines, in lock order.
    var skus: [String]

    /// - Parameter skus: those of the order's lines, or none where the stock is not asked for.
    init(_ order: OrderRecord, skus: [String]) {
        (payment, saga, sagaScope, self.skus) = (order.payment, order.saga, order.sagaScope, skus)
    }
}

extension OrderQueries {
    /// Looks at an order before an operation on it; nil where there is none to be seen, or nobody to ask.
    static func foresight(of id: OrderID, in context: TenantContext) async -> OrderForesight? {
        let statement = SQLStatement(
            "SELECT \(OrderRecord.table.list("o")) FROM orders o WHERE o.organization = $1 AND o.id = $2",
            [.integer(context.number), .uuid(id.uuid)])
        guard let row = try? await context.read([statement], .eventual).rows[0].first,
            let order: OrderRecord = try? row.record()
        else { return nil }
        return OrderForesight(order, skus: order.skus)
    }
}

extension OrderForesight {
    /// What the commits of a saga that another run has begun may need, its order's stock among it; nothing where it
    /// cannot be read.
    static func needs(
        of saga: SagaID, about order: OrderID, _ organization: Int64, in database: any Database
    ) async -> [Need] {
        let statement = SQLStatement(
            """
            SELECT \(OrderRecord.table.list("o")), COALESCE(s.data, s.input)
            FROM orders o JOIN sagas s ON s.organization = o.organization AND s.id = $3
            WHERE o.organization = $1 AND o.id = $2
            """, [.integer(organization), .uuid(order.uuid), .uuid(saga.uuid)])
        guard let row = try? await database.read(statement, .strong).first, let record: OrderRecord = try? row.record()
        else { return [] }
        let needs = OrderCompanions(record, skus: record.skus).needs(of: order, organization, withStock: true)
        let state = (try? row.text(OrderRecord.table.columns.count)).flatMap { SagaInput(json: $0) }
        return needs + (state?.refund.map { [.row(RefundRecord.key(organization, $0))] } ?? [])
    }
}
