extension PantryConfiguration {
    /// What an organization on a plan may do; nil means without limit.
    package struct Plan: Sendable, Equatable {
        package var requests: LimitRule?
        package var orders: LimitRule?

        package init(requests: LimitRule? = nil, orders: LimitRule? = nil) {
            self.requests = requests
            self.orders = orders
        }
    }

    /// One limit of a plan, in one of the seed's two forms.
    package enum LimitRule: Sendable, Equatable {
        /// `points` in each window of `duration`; who exceeds them is refused for `block` if given, else to the
        /// window's end.
        case fixedWindow(points: Int, duration: Duration, block: Duration?)
        /// A bucket that holds `capacity` and gains `refill` each second.
        case tokenBucket(capacity: Int, refill: Int)
    }
}
