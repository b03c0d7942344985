/// The times and shares that govern checkouts; the contract's `checkout` section.
package struct CheckoutTerms: Sendable {
    /// How long a request waits for its saga before it is answered with 202.
    package var wait: Duration = .seconds(5)
    /// How long stock stays with an order whose charge has not begun.
    package var holdTime: Duration = .seconds(15 * 60)
    /// How long an order whose payment cannot be made waits with its stock.
    package var queueTime: Duration = .seconds(24 * 3600)
    /// The part of a product's units, in percent, that waiting orders may hold together.
    package var maxQueuedShare: Int64 = 50
    /// How many orders that have waited for the provider are charged in a second, by each process and for each shard.
    package var queuedChargesPerSecond = 20
    /// How long a worker that is not heard of is trusted to be at work on its sagas.
    package var lease: Duration = .seconds(10)
    /// The pause before a payment that could not be made is tried again; doubles up to ``longestRetryPause``.
    package var retryPause: Duration = .seconds(5)
    package var longestRetryPause: Duration = .seconds(300)
    /// How often a saga is picked up before it waits for an operator.
    package var attemptLimit: Int64 = 500

    package init() {}
}

/// The names of the sagas.
package enum SagaName {
    package static let checkout = "checkout"
    package static let cancel = "cancel"
    package static let refund = "refund"
}

/// The names of their steps.
package enum StepName {
    package static let reserve = "reserve"
    package static let charge = "charge"
    package static let confirm = "confirm"
    package static let request = "request"
    package static let refund = "refund"
    package static let finish = "finish"
}
