import Determinism
import Sagas
import Storage

/// What those who wait for an order's saga are told.
package enum CheckoutReport: Sendable {
    /// The saga has ended with this answer.
    case answer(Answer)
    /// The saga was undone for this reason.
    case refused(Refusal)
    /// The saga waits; the order is as it is in the database.
    case waiting
}

/// What a saga's work came to, and how far the shard had come by then.
package struct SettledCheckout: Sendable {
    package var report: CheckoutReport
    package var position: CommitPosition?
}

/// What a worker must know of an order to call the provider for it.
struct CheckoutBrief: Sendable {
    var payment: PaymentRecord
    var order: OrderID
    var sagaState: SagaStateMachine.State
    /// When the order's holds would run out if nothing pinned them.
    var holdsUntil: Timestamp
    /// The saga's input, where the one who began it is the one who goes on.
    var input: SagaInput?

    var charge: ProviderCharge {
        ProviderCharge(
            key: payment.providerKey, reference: order.description, amount: payment.amount, method: payment.method)
    }
}
