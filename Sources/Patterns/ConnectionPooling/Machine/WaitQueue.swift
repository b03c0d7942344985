import Determinism

/// Those who wait: a list for each tenant in the order of arrival, one over all of them, and their deadlines. Joining
/// is O(log n), leaving O(1).
struct WaitQueue: Sendable {
    private struct Waiter: Sendable {
        /// 0 for a place that is not used.
        var number: UInt64 = 0
        var tenant = 0
        var deadline = Instant(nanoseconds: 0)
        var enqueued = Instant(nanoseconds: 0)
        /// Neighbors of the same tenant.
        var next = -1
        var previous = -1
        /// Neighbors among all.
        var later = -1
        var earlier = -1
    }
    private var waiters: [Waiter] = []
    private var free: [Int] = []
    private var deadlines = DeadlineHeap()
    private var lastNumber: UInt64 = 0
    private var oldest = -1
    private var youngest = -1
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    /// When the one who came first began to wait.
    var oldestArrival: Instant? { oldest < 0 ? nil : waiters[oldest].enqueued }

    func isWaiting(_ id: WaiterID) -> Bool {
        waiters.indices.contains(id.index) && id.number != 0 && waiters[id.index].number == id.number
    }

    mutating func join(tenant: Int, deadline: Instant, now: Instant, _ tenants: inout TenantTable) -> WaiterID {
        lastNumber += 1
        let index = free.popLast() ?? waiters.count
        if index == waiters.count { waiters.append(Waiter()) }
        waiters[index] = Waiter(
            number: lastNumber, tenant: tenant, deadline: deadline, enqueued: now, next: -1,
            previous: tenants[tenant].tail, later: -1, earlier: youngest)
        if tenants[tenant].tail >= 0 {
            waiters[tenants[tenant].tail].next = index
        } else {
            tenants[tenant].head = index
        }
        tenants[tenant].tail = index
        if youngest >= 0 { waiters[youngest].later = index } else { oldest = index }
        youngest = index
        count += 1
        tenants.began(tenant)
        let id = WaiterID(index: index, number: lastNumber)
        deadlines.insert(DeadlineHeap.Entry(deadline: deadline, waiter: id))
        if deadlines.count > 2 * count + 64 {
            deadlines.compact { [waiters] in waiters[$0.index].number == $0.number }
        }
        return id
    }

    /// Takes a waiter out; when it began to wait. Nil if it does not wait any more.
    mutating func leave(_ id: WaiterID, _ tenants: inout TenantTable) -> Instant? {
        isWaiting(id) ? take(id.index, &tenants).enqueued : nil
    }

    /// Takes the next one to be served, as ``TenantTable/nextToServe(limit:)`` says. Those whose turn it is but whose
    /// deadline has passed, or who are to be shed, are refused on the way: no connection is handed to someone who has
    /// gone.
    mutating func takeNext(
        limit: Int, shedding: PoolConfiguration.Shedding?, now: Instant, _ tenants: inout TenantTable,
        _ actions: inout PoolActions
    ) -> (id: WaiterID, tenant: Int, enqueued: Instant)? {
        while let tenant = tenants.nextToServe(limit: limit) {
            let index = tenants[tenant].head
            let waiter = waiters[index]
            let id = WaiterID(index: index, number: waiter.number)
            if waiter.deadline <= now {
                _ = take(index, &tenants)
                actions.append(.refuse(id, .timedOut, enqueued: waiter.enqueued))
                continue
            }
            if let shedding, tenants[tenant].delay.observe(now - waiter.enqueued, settings: shedding, now: now),
                count > 1
            {
                _ = take(index, &tenants)
                actions.append(.refuse(id, .shed, enqueued: waiter.enqueued))
                continue
            }
            _ = take(index, &tenants)
            tenants.served(tenant)
            return (id, tenant, waiter.enqueued)
        }
        return nil
    }

    /// Refuses those whose deadline has passed.
    mutating func expire(now: Instant, _ tenants: inout TenantTable, _ actions: inout PoolActions) {
        while let deadline = earliestDeadline(), deadline <= now, let entry = deadlines.earliest {
            deadlines.removeEarliest()
            if let enqueued = leave(entry.waiter, &tenants) {
                actions.append(.refuse(entry.waiter, .timedOut, enqueued: enqueued))
            }
        }
    }

    /// The earliest deadline of those who wait.
    mutating func earliestDeadline() -> Instant? {
        while let entry = deadlines.earliest {
            if isWaiting(entry.waiter) { return entry.deadline }
            deadlines.removeEarliest()
        }
        return nil
    }

    /// Makes room in a full queue for one more of `tenant`: the youngest waiter of the tenant that has the most is
    /// refused, unless that is `tenant` itself or has no more than it would then have. False if there is no room to
    /// be made.
    mutating func makeRoom(for tenant: Int, _ tenants: inout TenantTable, _ actions: inout PoolActions) -> Bool {
        guard let fattest = tenants.fattest(), fattest != tenant else { return false }
        let (theirs, ours) = (tenants[fattest], tenants[tenant])
        guard theirs.waiting * ours.weight > (ours.waiting + 1) * theirs.weight else { return false }
        let index = theirs.tail
        let id = WaiterID(index: index, number: waiters[index].number)
        actions.append(.refuse(id, .queueFull, enqueued: take(index, &tenants).enqueued))
        return true
    }

    mutating func refuseAll(_ reason: PoolRefusal, _ tenants: inout TenantTable, _ actions: inout PoolActions) {
        while oldest >= 0 {
            let index = oldest
            let id = WaiterID(index: index, number: waiters[index].number)
            actions.append(.refuse(id, reason, enqueued: take(index, &tenants).enqueued))
        }
    }

    private mutating func take(_ index: Int, _ tenants: inout TenantTable) -> Waiter {
        let waiter = waiters[index]
        let tenant = waiter.tenant
        if waiter.previous >= 0 {
            waiters[waiter.previous].next = waiter.next
        } else {
            tenants[tenant].head = waiter.next
        }
        if waiter.next >= 0 {
            waiters[waiter.next].previous = waiter.previous
        } else {
            tenants[tenant].tail = waiter.previous
        }
        if waiter.earlier >= 0 { waiters[waiter.earlier].later = waiter.later } else { oldest = waiter.later }
        if waiter.later >= 0 { waiters[waiter.later].earlier = waiter.earlier } else { youngest = waiter.earlier }
        waiters[index].number = 0
        free.append(index)
        count -= 1
        tenants.ended(tenant)
        return waiter
    }

    /// What does not fit together; empty unless this file has a bug.
    func inconsistencies() -> [String] {
        var problems: [String] = []
        if waiters.count(where: { $0.number != 0 }) != count {
            problems.append("\(count) waiters counted, others there")
        }
        if free.count + count != waiters.count { problems.append("free waiter places do not add up") }
        var (walked, index) = (0, oldest)
        while index >= 0, walked <= waiters.count {
            if waiters[index].number == 0 { problems.append("someone who left stands in line") }
            (walked, index) = (walked + 1, waiters[index].later)
        }
        if walked != count { problems.append("the line over all does not add up") }
        if deadlines.count < count { problems.append("a waiter has no deadline") }
        return problems
    }
}
