import Determinism
import Sagas
import Storage

/// What the provider is told of an order, and until when.
struct CheckoutBrief: Sendable {
    var payment: PaymentRecord
    var order: OrderID
    /// When the order's holds would run out if nothing pinned them.
    var holdsUntil: Timestamp

    var charge: ProviderCharge {
        ProviderCharge(payment)
    }
    /// Gives back all of a charge that was captured after all. Its key is made from the order's, which is durable.
    var undo: ProviderRefund {
        ProviderRefund(key: "\(order)/undo", charge: charge, amount: payment.amount, begunAt: payment.createdAt)
    }
}

/// What the provider is told of a refund.
struct RefundBrief: Sendable {
    var refund: RefundRecord
    var payment: PaymentRecord

    var request: ProviderRefund {
        ProviderRefund(
            key: refund.providerKey, charge: ProviderCharge(payment),
            amount: Money(refund.amount, payment.amount.currency), begunAt: refund.createdAt)
    }
}

extension ProviderCharge {
    fileprivate init(_ payment: PaymentRecord) {
        self.init(
            key: payment.providerKey, reference: payment.order.description, amount: payment.amount,
            method: payment.method, begunAt: payment.createdAt, organization: payment.organization,
            receipt: payment.providerReference)
    }
}

/// Reads what a worker that takes a saga up has to know of its order.
///
/// Only as the holder of the saga: what is sent outside must never rest on rows that another worker has written.
struct BriefReader: Sendable {
    let database: any Database
    let terms: CheckoutTerms

    private static let held = """
        s.organization = $1 AND s.id = $2 AND s.epoch = $3 AND s.state NOT IN ('succeeded', 'compensated')
        """

    /// Why there is nothing to be told.
    struct Fenced: Error, CustomStringConvertible {
        let description = "somebody else holds the saga"
    }

    func checkout(_ context: StepContext) async throws -> CheckoutBrief {
        let rows = try await database.read(
            SQLStatement(
                """
                SELECT o.created_at, o.lines, \(PaymentRecord.table.list("p"))
                FROM sagas s JOIN orders o ON o.organization = s.organization AND o.id = s.subject
                JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id
                WHERE \(Self.held)
                """, parameters(context)), .strong)
        guard let row = rows.first else { throw Fenced() }
        var holdsUntil = Timestamp(microseconds: try row.integer(0)) + terms.holdTime
        let order = OrderID(context.subject)
        // An order that has waited in the queue was promised the queue's time; its holds know.
        if holdsUntil <= context.now, let line = try OrderLine.decode(try row.text(1)).first {
            let hold = ReservationRecord.key(context.organization, line.sku, order)
            let statement = SQLStatement(ReservationRecord.table.selectText, hold.erased.parameters)
            if let found = try await database.read(statement, .strong).first {
                holdsUntil = try found.record(ReservationRecord.self).promisedUntil
            }
        }
        return CheckoutBrief(payment: try row.record(from: 2), order: order, holdsUntil: holdsUntil)
    }

    func refund(_ id: RefundID, _ context: StepContext) async throws -> RefundBrief {
        let rows = try await database.read(
            SQLStatement(
                """
                SELECT \(PaymentRecord.table.list("p")), \(RefundRecord.table.list("r"))
                FROM sagas s JOIN orders o ON o.organization = s.organization AND o.id = s.subject
                JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id
                JOIN refunds r ON r.organization = o.organization AND r.id = $4
                WHERE \(Self.held)
                """, parameters(context) + [.uuid(id.uuid)]), .strong)
        guard let row = rows.first else { throw Fenced() }
        return RefundBrief(
            refund: try row.record(from: PaymentRecord.table.columns.count), payment: try row.record())
    }

    private func parameters(_ context: StepContext) -> [SQLValue] {
        [.integer(context.organization), .uuid(context.saga.uuid), .integer(context.epoch)]
    }
}
