import PantryDomain

extension CheckoutTerms {
    init(_ configuration: PantryConfiguration) {
        self.init()
        wait = configuration.checkout.wait
        holdTime = configuration.checkout.holdTime
        queueTime = configuration.checkout.queueTime
        maxQueuedShare = Int64(configuration.checkout.maxQueuedShare)
    }
}
