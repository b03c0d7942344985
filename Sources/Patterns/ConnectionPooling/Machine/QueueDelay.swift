import Determinism

/// Tells a queue that absorbs a burst from one that only makes everybody wait: Controlled Delay (Nichols and Jacobson,
/// RFC 8289) in the form that suits requests with an answer (`Codel` in folly): while overloaded, all who have waited
/// too long are shed, not one at a time. A pure value; each tenant has one.
///
/// The queue is overloaded when even the shortest wait of a whole interval was above the target. Then who has waited
/// more than twice the target is shed. An empty queue ends the overload at once.
struct QueueDelay: Sendable {
    private var shortest = Duration.zero
    private var intervalEnd: Instant?
    private(set) var isOverloaded = false

    /// Notes how long someone has waited who is about to be served; true if they are to be shed instead.
    mutating func observe(_ delay: Duration, settings: PoolConfiguration.Shedding, now: Instant) -> Bool {
        if let end = intervalEnd, now < end {
            shortest = min(shortest, delay)
        } else {
            isOverloaded = intervalEnd != nil && shortest > settings.target
            shortest = delay
            intervalEnd = now + settings.interval
        }
        return isOverloaded && delay > settings.target * 2
    }

    /// Nobody waits any more.
    mutating func emptied() { self = QueueDelay() }
}
