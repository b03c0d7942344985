import Determinism
import StrictJSON

/// An order as it is shown: in answers, and in events.
package struct OrderDocument: Sendable {
    package var organizationID: OrganizationID
    package var order: OrderRecord
    package var payment: PaymentRecord

    package init(organizationID: OrganizationID, order: OrderRecord, payment: PaymentRecord) {
        (self.organizationID, self.order, self.payment) = (organizationID, order, payment)
    }

    package var json: String {
        var json = JSONWriter(capacity: 512 + order.lines.utf8.count)
        json.object { json in
            json.member("id", order.id.description)
            json.member("organizationId", organizationID.description)
            json.member("status", order.status.rawValue)
            json.member("total", order.total)
            json.member("items", raw: order.lines)
            json.member(
                "payment",
                object: { json in
                    json.member("id", payment.id.description)
                    json.member("status", payment.status.rawValue)
                    json.member("method", payment.method)
                    json.member("captured", Money(payment.captured, order.total.currency))
                    json.member("refunded", Money(payment.refunded, order.total.currency))
                    if payment.status == .queued { json.member("message", "Payment will be processed shortly") }
                    if let code = payment.failureCode { json.member("failureCode", code) }
                })
            if let reason = order.reason { json.member("reason", reason) }
            if let metadata = order.metadata { json.member("metadata", raw: metadata) }
            json.member("createdAt", order.createdAt.rfc3339)
            json.member("updatedAt", order.updatedAt.rfc3339)
        }
        return json.string()
    }
}
