import Determinism
import Sagas

/// What those who wait for an order's saga are told.
package enum CheckoutReport: Sendable {
    /// The saga has ended with this answer.
    case answer(Answer)
    /// The saga was undone for this reason.
    case refused(Refusal)
    /// The saga waits; the order is as it is in the database.
    case waiting
}

extension SagaReport {
    /// What those who wait for an order's saga are told; nil when it ended without saying so here.
    package var checkout: CheckoutReport? {
        if !state.isEnded { return .waiting }
        return value(as: CheckoutState.self)?.report ?? value(as: RefundState.self)?.report
    }
}
