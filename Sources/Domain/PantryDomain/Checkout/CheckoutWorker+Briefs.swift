import Determinism
import Sagas
import Storage

extension CheckoutWorker {
    /// What the first commit knew, or what the rows say.
    func checkoutBrief(_ ticket: SagaTicket) async throws -> CheckoutBrief? {
        if let brief = ticket.memo as? CheckoutBrief { return brief }
        let number = SQLValue.integer(ticket.tenant.organization)
        let rows = try await database.read(
            SQLStatement(
                """
                SELECT s.state, o.created_at, \(PaymentRecord.table.list("p"))
                FROM sagas s JOIN orders o ON o.organization = s.organization AND o.id = s.subject
                JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id
                WHERE s.organization = $1 AND s.id = $2
                """, [number, .uuid(ticket.id.uuid)]), .strong)
        guard let row = rows.first else { return nil }
        return CheckoutBrief(
            payment: try row.record(from: 2), order: OrderID(ticket.subject), sagaState: try row.value(0),
            holdsUntil: Timestamp(microseconds: try row.integer(1)) + terms.holdTime)
    }

    func refundBrief(_ ticket: SagaTicket) async throws -> RefundBrief? {
        if let brief = ticket.memo as? RefundBrief { return brief }
        let number = SQLValue.integer(ticket.tenant.organization)
        let rows = try await database.read(
            SQLStatement(
                """
                SELECT \(PaymentRecord.table.list("p")), s.input
                FROM sagas s JOIN orders o ON o.organization = s.organization AND o.id = s.subject
                JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id
                WHERE s.organization = $1 AND s.id = $2
                """, [number, .uuid(ticket.id.uuid)]), .strong)
        guard let row = rows.first,
            let refundID = SagaInput(json: try row.text(PaymentRecord.table.columns.count))?.refund
        else { return nil }
        let payment: PaymentRecord = try row.record()
        let refunds = try await database.read(
            SQLStatement(
                "SELECT \(RefundRecord.table.list("r")) FROM refunds r WHERE r.organization = $1 AND r.id = $2",
                [number, .uuid(refundID.uuid)]), .strong)
        guard let refund: RefundRecord = try refunds.first?.record() else { return nil }
        return RefundBrief(refund: refund, payment: payment, currency: payment.amount.currency)
    }
}
