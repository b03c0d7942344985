import Determinism
import Sagas
import Storage

extension CheckoutWorker {
    /// What the first commit knew, or what the rows say; nil when somebody else holds the saga by now. What a worker
    /// sends outside must never rest on rows that another one has written.
    func checkoutBrief(_ ticket: SagaTicket) async throws -> CheckoutBrief? {
        if let brief = ticket.memo as? CheckoutBrief { return brief }
        let number = SQLValue.integer(ticket.tenant.organization)
        let rows = try await database.read(
            SQLStatement(
                """
                SELECT s.state, o.created_at, o.lines, \(PaymentRecord.table.list("p"))
                FROM sagas s JOIN orders o ON o.organization = s.organization AND o.id = s.subject
                JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id
                WHERE s.organization = $1 AND s.id = $2 AND s.epoch = $3 AND s.state NOT IN ('succeeded', 'compensated')
                """, [number, .uuid(ticket.id.uuid), .integer(ticket.epoch)]), .strong)
        guard let row = rows.first else { return nil }
        let payment: PaymentRecord = try row.record(from: 3)
        var holdsUntil = Timestamp(microseconds: try row.integer(1)) + terms.holdTime
        // An order that has waited in the queue was promised the queue's time; its holds know.
        if holdsUntil <= time.now(), let line = try OrderLine.decode(try row.text(2)).first {
            let hold = ReservationRecord.key(ticket.tenant.organization, line.sku, OrderID(ticket.subject))
            let statement = SQLStatement(ReservationRecord.table.selectText, hold.erased.parameters)
            if let found = try await database.read(statement, .strong).first {
                holdsUntil = try found.record(ReservationRecord.self).expiresAt
            }
        }
        return CheckoutBrief(
            payment: payment, order: OrderID(ticket.subject), sagaState: try row.value(0), holdsUntil: holdsUntil)
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
                WHERE s.organization = $1 AND s.id = $2 AND s.epoch = $3 AND s.state NOT IN ('succeeded', 'compensated')
                """, [number, .uuid(ticket.id.uuid), .integer(ticket.epoch)]), .strong)
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
