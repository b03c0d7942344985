import Determinism

/// Who waits for which organization's events in this process, and whose turn it is to look for all of them: decisions
/// only, without a lock, a clock or a database.
///
/// One of an organization's listeners is its keeper. The keeper looks into the database now and then, the others sleep
/// until they are told or their time is up; who leaves as the keeper names another one. Nothing is kept of an
/// organization that nobody listens to.
struct EventListeners {
    /// What a listener is to do now.
    enum Turn: Hashable {
        /// There are events behind its position.
        case news
        /// Its time is up.
        case over
        /// Look, and tell ``EventListeners/looked(_:_:last:)``.
        case look
        /// Wait until then, or until it is rung.
        case pause(until: Instant)
    }
    private struct Listener {
        let position: Int64
        let deadline: Instant
    }
    private struct Watch {
        var listeners: [Int: Listener] = [:]
        var keeper: Int?
        /// The last position that was seen.
        var last: Int64 = 0
        /// When the latest look began, or the first listener came.
        var latestLook: Instant
        /// When the next one is due.
        var nextLook: Instant
    }
    private var watches: [Int64: Watch] = [:]
    private var latestID = 0
    let interval: Duration
    /// The shortest time between the beginnings of two looks, however much is written meanwhile.
    let shortestInterval: Duration

    /// - Parameter interval: how long nothing is looked at when nobody says that there is something.
    init(interval: Duration) { (self.interval, shortestInterval) = (interval, interval / 10) }

    /// How many organizations somebody listens to.
    var organizationCount: Int { watches.count }

    /// A listener has come. It has just read a page: the first look is not due at once. So one that reads and waits by
    /// turns, while much is written, looks no more often than one that only waits.
    mutating func enroll(
        _ organization: Int64, after position: Int64, until deadline: Instant, at now: Instant
    ) -> Int {
        latestID += 1
        let fresh = Watch(latestLook: now, nextLook: now + shortestInterval)
        watches[organization, default: fresh].listeners[latestID] = Listener(position: position, deadline: deadline)
        return latestID
    }

    /// A listener asks what to do.
    mutating func turn(_ organization: Int64, _ id: Int, at now: Instant) -> Turn {
        guard var watch = watches[organization], let listener = watch.listeners[id] else { return .over }
        if watch.last > listener.position { return .news }
        if now >= listener.deadline { return .over }
        if watch.keeper == nil { watch.keeper = id }
        defer { watches[organization] = watch }
        guard watch.keeper == id else { return .pause(until: listener.deadline) }
        guard now >= watch.nextLook else { return .pause(until: min(watch.nextLook, listener.deadline)) }
        (watch.latestLook, watch.nextLook) = (now, now + interval)
        return .look
    }

    /// The keeper has looked.
    /// - Parameter last: the last position that there is; nil when that could not be found out. It may lie before what
    ///   was seen, in a database that has failed over and lost its end.
    /// - Returns: the others that have news.
    mutating func looked(_ organization: Int64, _ id: Int, last: Int64?) -> [Int] {
        guard let last, let known = watches[organization]?.last, last != known else { return [] }
        watches[organization]?.last = last
        return watches[organization]?.listeners.filter { $0.key != id && $0.value.position < last }.map(\.key) ?? []
    }

    /// Something was written: the next look is due, at once or in the shortest time after the one before.
    /// - Returns: the keeper, if it must be told.
    mutating func nudge(_ organization: Int64) -> Int? {
        guard var watch = watches[organization] else { return nil }
        let earliest = watch.latestLook + shortestInterval
        guard earliest < watch.nextLook else { return nil }
        watch.nextLook = earliest
        watches[organization] = watch
        return watch.keeper
    }

    /// A listener goes.
    /// - Returns: the new keeper, if it must be told.
    mutating func leave(_ organization: Int64, _ id: Int) -> Int? {
        guard var watch = watches[organization], watch.listeners.removeValue(forKey: id) != nil else { return nil }
        if watch.listeners.isEmpty {
            watches[organization] = nil
            return nil
        }
        guard watch.keeper == id else {
            watches[organization] = watch
            return nil
        }
        // The one that has come first; whoever has news goes as well, and would only hand it on.
        watch.keeper = watch.listeners.filter { $0.value.position >= watch.last }.keys.min()
        watches[organization] = watch
        return watch.keeper
    }
}
