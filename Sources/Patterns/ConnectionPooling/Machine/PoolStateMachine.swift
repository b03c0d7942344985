import Determinism

/// Decides who gets which connection, and when connections are opened, checked, repaired and closed: a pure value. Each
/// method is an event and returns what the shell does next; `now` is an argument, and jitter comes in as drawn bits.
/// Any event may come at any moment: what arrives for a connection, lease or waiter that is gone is recognised by its
/// number and changes nothing.
///
/// ## A connection's states
/// `free` → `connecting` → `idle` ⇄ `leased`, with `validating` between idle and leased when it has idled for long, and
/// `resetting` between leased and idle when it comes back dirty; from each of them → `closing` → `free`. All but `free`
/// count against the limit.
///
/// ## Who is served
/// Idle connections are handed out at once, the latest first. Otherwise callers wait, and whatever becomes usable first
/// (a returned connection, a repaired one, a new one) goes to the next waiter: no waiter is bound to the connection
/// that was begun for it. Within a tenant it is first come, first served. Between tenants:
///
/// - A tenant is active while it holds a connection or waits for one. Its *share* is `max(1, ⌊limit × weight ÷ sum of
///   the weights of all active tenants⌋)`.
/// - A waiting tenant that holds less than its share goes before all that hold theirs; among such tenants the one that
///   was served longest ago goes first.
/// - When all who wait hold their share, the one that holds the fewest for its weight goes first.
///
/// Bound: while a tenant that waits holds less than its share, at most `A − 1` connections are handed to others before
/// it, where `A` is the number of tenants that wait (a tenant that begins to wait meanwhile goes behind it). The policy
/// is work-conserving: no connection idles while anybody waits, and a tenant that is alone may hold all of them.
/// Nothing is taken away from a holder, so how long a handover takes is up to the holders.
///
/// A full queue refuses the youngest waiter of the tenant that has the most in it, which may be the one that comes.
///
/// Sources: the handover of returned connections to whoever waits follows HikariCP, idle connections last-in first-out
/// follow postgres-nio and PgBouncer, closing by generation follows HikariCP's soft eviction; shares by occupancy are
/// max-min fairness. Deliberate deviations: validation happens outside the caller's task; a connection counts against
/// the limit until it is closed; eviction reaches connections that are still being opened.
public struct PoolStateMachine: Sendable {
    enum Phase: Sendable, Hashable {
        /// Leases are given.
        case running
        /// No new leases; those who wait are served and those who hold finish, until then.
        case draining(until: Instant)
        /// Everything is being closed.
        case stopping
        /// Nothing is left.
        case finished
    }
    let configuration: PoolConfiguration
    /// Nanoseconds, because `Duration` counts in 128 bits and this is asked for each lease.
    private let validateAfter: Int64
    var phase = Phase.running
    var slots: ConnectionSlots
    var tenants: TenantTable
    var queue = WaitQueue()
    var hosts: HostTable
    /// New connections belong to this generation.
    public internal(set) var generation: UInt64 = 0
    /// Connections of an older generation are not used any more.
    var floor: UInt64 = 0
    private var lastLease: UInt64 = 0
    /// When ``tick(now:)`` is to be called next, or earlier. An event may bring it forward; only a tick moves it back.
    public internal(set) var wakeUp = Instant(nanoseconds: .min)

    /// - Parameter configuration: one that has passed ``PoolConfiguration/validate()``.
    public init(configuration: PoolConfiguration) {
        self.configuration = configuration
        validateAfter = configuration.validateAfter.inNanoseconds
        slots = ConnectionSlots(limit: configuration.limit)
        tenants = TenantTable(settings: configuration.fairShares)
        hosts = HostTable(configuration.hosts)
    }

    /// What a caller gets.
    public enum LeaseOutcome: Sendable, Hashable {
        /// A connection, at once.
        case granted(LeaseID)
        /// A place in the queue.
        case waits(WaiterID)
        /// Neither.
        case refused(PoolRefusal)
    }

    /// A caller wants a connection.
    /// - Parameters:
    ///   - tenant: for whom; nil is a tenant of its own.
    ///   - deadline: when it stops to wait.
    ///   - actions: what the shell does next; appended to.
    public mutating func lease(
        tenant: TenantKey?, deadline: Instant, now: Instant, actions: inout PoolActions
    ) -> LeaseOutcome {
        guard now < deadline else { return .refused(.timedOut) }
        if let lease = leaseReady(tenant: tenant, now: now) { return .granted(lease) }
        guard phase == .running else { return .refused(.shutDown) }
        let tenantIndex = tenants.index(of: tenant)
        if queue.isEmpty, let slot = readySlot(now: now, &actions) {
            return .granted(occupy(slot, tenant: tenantIndex, now: now))
        }
        if isHopeless(now: now) { return .refused(.unavailable) }
        if queue.count >= configuration.queueLimit, !queue.makeRoom(for: tenantIndex, &tenants, &actions) {
            return .refused(.queueFull)
        }
        let waiter = queue.join(tenant: tenantIndex, deadline: deadline, now: now, &tenants)
        wake(at: deadline)
        supply(now: now, &actions)
        return .waits(waiter)
    }

    /// The usual case of ``lease(tenant:deadline:now:actions:)``: nobody waits, and the latest idle connection can be
    /// handed out as it is. Nil if it is not the usual case; then nothing has happened.
    mutating func leaseReady(tenant: TenantKey?, now: Instant) -> LeaseID? {
        let slot = slots.warmest
        guard slot >= 0, queue.isEmpty, phase == .running, isFresh(slot, now: now), endOfUse(slot, now: now) == nil
        else { return nil }
        return occupy(slot, tenant: tenants.index(of: tenant), now: now)
    }

    /// The usual case of ``returned(_:_:now:)``: the connection is clean and nobody waits. False if it is not the
    /// usual case; then nothing has happened.
    mutating func returnedQuietly(_ lease: LeaseID, now: Instant) -> Bool {
        guard queue.isEmpty, phase == .running, isCurrent(lease), endOfUse(lease.slot, now: now) == nil
        else { return false }
        tenants.returned(slots[lease.slot].tenant)
        slots[lease.slot].proven = now
        slots.move(lease.slot, to: .idle, now: now)
        return true
    }

    /// A waiting caller has gone. O(1); nothing happens if it does not wait any more.
    public mutating func cancel(_ waiter: WaiterID, now: Instant) -> PoolActions {
        var actions = PoolActions()
        guard let enqueued = queue.leave(waiter, &tenants) else { return actions }
        actions.append(.refuse(waiter, .cancelled, enqueued: enqueued))
        if phase != .running { supply(now: now, &actions) }
        return actions
    }

    /// A connection comes back. A lease that has come back before, or whose connection the pool has closed, changes
    /// nothing.
    /// - Parameter condition: what the connection says about itself, asked after its holder was done.
    public mutating func returned(_ lease: LeaseID, _ condition: ConnectionCondition, now: Instant) -> PoolActions {
        var actions = PoolActions()
        if condition == .clean, returnedQuietly(lease, now: now) { return actions }
        guard isCurrent(lease) else { return actions }
        let slot = lease.slot
        tenants.returned(slots[slot].tenant)
        if condition == .broken {
            close(slot, .broken, now: now, &actions)
        } else if let reason = endOfUse(slot, now: now) {
            close(slot, reason, now: now, &actions)
        } else if condition == .dirty {
            slots.move(slot, to: .resetting, now: now)
            actions.append(.reset(slots.id(slot)))
        } else {
            slots[slot].proven = now
            settle(slot, now: now, &actions)
            return actions
        }
        supply(now: now, &actions)
        return actions
    }

    /// A repair has ended.
    /// - Parameter isClean: whether the connection is clean now; otherwise it is closed.
    public mutating func wasReset(_ connection: ConnectionID, isClean: Bool, now: Instant) -> PoolActions {
        var actions = PoolActions()
        guard slots.holds(connection, .resetting) else { return actions }
        if isClean {
            slots[connection.slot].proven = now
            settle(connection.slot, now: now, &actions)
        } else {
            close(connection.slot, .notReset, now: now, &actions)
        }
        supply(now: now, &actions)
        return actions
    }

    /// How long the lease has been held; nil if it has come back, or its connection was closed.
    public func age(of lease: LeaseID, now: Instant) -> Duration? {
        isCurrent(lease) ? now - slots[lease.slot].since : nil
    }

    /// The generation of the leased connection, for ``evict(_:now:)``.
    func generation(of lease: LeaseID) -> UInt64 { slots[lease.slot].generation }

    func isCurrent(_ lease: LeaseID) -> Bool {
        slots.slots.indices.contains(lease.slot) && slots[lease.slot].state == .leased
            && slots[lease.slot].lease == lease.number
    }

    // MARK: What the events have in common

    /// The latest idle connection, unless it has to be validated first. Those that are not to be used any more are
    /// closed on the way.
    mutating func readySlot(now: Instant, _ actions: inout PoolActions) -> Int? {
        while slots.warmest >= 0 {
            let slot = slots.warmest
            if let reason = endOfUse(slot, now: now) {
                close(slot, reason, now: now, &actions)
            } else {
                return isFresh(slot, now: now) ? slot : nil
            }
        }
        return nil
    }

    /// Whether it has proved itself alive not long ago.
    private func isFresh(_ slot: Int, now: Instant) -> Bool {
        now.nanoseconds &- slots[slot].proven.nanoseconds < validateAfter
    }

    mutating func occupy(_ slot: Int, tenant: Int, now: Instant) -> LeaseID {
        lastLease += 1
        slots.move(slot, to: .leased, now: now)
        slots[slot].lease = lastLease
        slots[slot].tenant = tenant
        slots[slot].isLeakReported = false
        tenants.leased(tenant)
        return LeaseID(slot: slot, number: lastLease)
    }

    /// Hands a usable connection to the next waiter; false if nobody waits.
    mutating func grant(_ slot: Int, now: Instant, _ actions: inout PoolActions) -> Bool {
        guard !queue.isEmpty,
            let next = queue.takeNext(
                limit: configuration.limit, shedding: configuration.shedding, now: now, &tenants, &actions)
        else { return false }
        actions.append(.grant(next.id, occupy(slot, tenant: next.tenant, now: now), enqueued: next.enqueued))
        return true
    }

    /// Finds a clean connection something to do: a waiter, the idle list, or its end.
    mutating func settle(_ slot: Int, now: Instant, _ actions: inout PoolActions) {
        if let reason = endOfUse(slot, now: now) {
            close(slot, reason, now: now, &actions)
            supply(now: now, &actions)
        } else if !grant(slot, now: now, &actions) {
            if phase == .running {
                slots.move(slot, to: .idle, now: now)
            } else {
                close(slot, .shutDown, now: now, &actions)
            }
        }
    }

    mutating func close(_ slot: Int, _ reason: CloseReason, now: Instant, _ actions: inout PoolActions) {
        slots.move(slot, to: .closing, now: now)
        actions.append(.close(slots.id(slot), reason))
    }

    /// Why the connection is not to be handed out again; nil if it may be.
    func endOfUse(_ slot: Int, now: Instant) -> CloseReason? {
        if slots[slot].isDoomed { return .broken }
        let host = slots[slot].host
        if slots[slot].generation < max(floor, hosts[host].floor) || hosts[host].isRetired { return .evicted }
        return now >= slots[slot].expires ? .lifetime : nil
    }

    /// Brings the next tick forward.
    mutating func wake(at instant: Instant) {
        if instant < wakeUp { wakeUp = instant }
    }
}
