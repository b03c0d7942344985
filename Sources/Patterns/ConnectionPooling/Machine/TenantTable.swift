import Determinism

/// Who holds how many connections, and who waits for one. Bounded: tenants that neither hold nor wait are forgotten
/// as soon as they are the majority.
struct TenantTable: Sendable {
    struct Entry: Sendable {
        var key: TenantKey?
        var weight = 1
        var leases = 0
        var waiting = 0
        /// The first and the last of its waiters.
        var head = -1
        var tail = -1
        /// Its neighbors among the tenants that wait.
        var next = -1
        var previous = -1
        var delay = QueueDelay()

        var isActive: Bool { leases > 0 || waiting > 0 }
    }
    private(set) var entries: [Entry]
    private var indices: [TenantKey: Int] = [:]
    private var free: [Int] = []
    private let settings: PoolConfiguration.FairShares?
    /// The sum of the weights of all active tenants.
    private(set) var activeWeight = 0
    private(set) var activeCount = 0
    /// The tenants that wait: the one that was granted a connection longest ago is first.
    private(set) var first = -1
    private var last = -1

    /// - Parameter settings: nil for one tenant for all.
    init(settings: PoolConfiguration.FairShares?) {
        self.settings = settings
        // Those who name no tenant are one tenant, at index 0, which stays.
        entries = [Entry(key: nil, weight: settings?.defaultWeight ?? 1)]
    }

    subscript(_ index: Int) -> Entry {
        _read { yield entries[index] }
        _modify { yield &entries[index] }
    }

    /// The place of a tenant, a new one if there is none.
    mutating func index(of key: TenantKey?) -> Int {
        guard let key, let settings else { return 0 }
        if let index = indices[key] { return index }
        if indices.count >= 64, indices.count > 2 * activeCount { forgetIdle() }
        let entry = Entry(key: key, weight: settings.weights[key] ?? settings.defaultWeight)
        let index = free.popLast() ?? entries.count
        if index == entries.count { entries.append(entry) } else { entries[index] = entry }
        indices[key] = index
        return index
    }

    mutating func leased(_ index: Int) {
        if !entries[index].isActive { activate(index) }
        entries[index].leases += 1
    }

    mutating func returned(_ index: Int) {
        entries[index].leases -= 1
        if !entries[index].isActive { deactivate(index) }
    }

    /// One more of its callers waits. A tenant that begins to wait goes behind those that do.
    mutating func began(_ index: Int) {
        if !entries[index].isActive { activate(index) }
        entries[index].waiting += 1
        if entries[index].waiting == 1 { append(index) }
    }

    /// One of its callers waits no more.
    mutating func ended(_ index: Int) {
        entries[index].waiting -= 1
        guard entries[index].waiting == 0 else { return }
        entries[index].delay.emptied()
        unlink(index)
        if !entries[index].isActive { deactivate(index) }
    }

    /// It is granted a connection: behind the others, if more of its callers wait.
    mutating func served(_ index: Int) {
        guard entries[index].waiting > 0, last != index else { return }
        unlink(index)
        append(index)
    }

    /// How many of `limit` connections the tenant may count on: its part by weight among the active tenants, at least
    /// one.
    func share(_ index: Int, of limit: Int) -> Int {
        max(1, limit * entries[index].weight / max(activeWeight, 1))
    }

    /// Whose caller is served next; nil if nobody waits. First the tenants below their share, the one that was served
    /// longest ago first; then the one that holds the fewest for its weight.
    ///
    /// Looks at no more than `limit + 1` tenants: those that it passes over hold a connection.
    func nextToServe(limit: Int) -> Int? {
        var (index, best) = (first, -1)
        while index >= 0 {
            if entries[index].leases < share(index, of: limit) { return index }
            if best < 0 || entries[index].leases * entries[best].weight < entries[best].leases * entries[index].weight {
                best = index
            }
            index = entries[index].next
        }
        return best < 0 ? nil : best
    }

    /// The tenant with the most waiting callers for its weight. O(tenants that wait); asked only when the queue is
    /// full.
    func fattest() -> Int? {
        var (index, best) = (first, -1)
        while index >= 0 {
            if best < 0 || entries[index].waiting * entries[best].weight > entries[best].waiting * entries[index].weight
            {
                best = index
            }
            index = entries[index].next
        }
        return best < 0 ? nil : best
    }

    private mutating func activate(_ index: Int) {
        activeWeight += entries[index].weight
        activeCount += 1
    }

    private mutating func deactivate(_ index: Int) {
        activeWeight -= entries[index].weight
        activeCount -= 1
    }

    private mutating func append(_ index: Int) {
        entries[index].previous = last
        entries[index].next = -1
        if last >= 0 { entries[last].next = index } else { first = index }
        last = index
    }

    private mutating func unlink(_ index: Int) {
        let (next, previous) = (entries[index].next, entries[index].previous)
        if previous >= 0 { entries[previous].next = next } else { first = next }
        if next >= 0 { entries[next].previous = previous } else { last = previous }
    }

    private mutating func forgetIdle() {
        for (key, index) in indices where !entries[index].isActive {
            indices[key] = nil
            free.append(index)
        }
    }

    /// What does not fit together; empty unless this file has a bug.
    func inconsistencies(leased: Int, waiting: Int) -> [String] {
        var problems: [String] = []
        let live = [0] + indices.values
        if live.reduce(0, { $0 + entries[$1].leases }) != leased {
            problems.append("tenants hold other than \(leased)")
        }
        if live.reduce(0, { $0 + entries[$1].waiting }) != waiting { problems.append("other than \(waiting) wait") }
        let active = live.filter { entries[$0].isActive }
        if active.count != activeCount { problems.append("\(activeCount) counted as active, \(active.count) are") }
        if active.reduce(0, { $0 + entries[$1].weight }) != activeWeight { problems.append("weights do not add up") }
        var (walked, index) = (0, first)
        while index >= 0, walked <= entries.count {
            if entries[index].waiting == 0 { problems.append("tenant \(index) stands in line and waits for nothing") }
            (walked, index) = (walked + 1, entries[index].next)
        }
        if walked != live.count(where: { entries[$0].waiting > 0 }) {
            problems.append("a waiting tenant is not in line")
        }
        return problems
    }
}
