import Determinism

/// Which connections are not to be used any more.
public enum Eviction: Sendable, Hashable {
    /// All that there are.
    case all
    /// All to this host.
    case host(HostKey)
    /// All up to this generation, and none that was opened since: for those who learn of a failover from an error, many
    /// at a time. The second who says so evicts nothing.
    case generation(UInt64)
}

/// What happens by time, by an operator's hand, and at the end.
extension PoolStateMachine {
    /// Time has passed: deadlines, idle times, lifetimes, leaks, pauses after failed connects. May be called at any
    /// moment, and must be called at ``wakeUp``.
    public mutating func tick(now: Instant) -> PoolActions {
        var actions = PoolActions()
        queue.expire(now: now, &tenants, &actions)
        if case .draining(let end) = phase, now >= end { stop(now: now, &actions) }
        closeOverdue(now: now, &actions)
        supply(now: now, &actions)
        wakeUp = nextTick(now: now, &actions)
        return actions
    }

    /// Connections are evicted: idle ones are closed now, leased ones when they come back, those being opened when they
    /// are open.
    public mutating func evict(_ what: Eviction, now: Instant) -> PoolActions {
        var actions = PoolActions()
        switch what {
        case .all:
            generation += 1
            floor = generation
        case .host(let key):
            guard let host = hosts.index(of: key) else { return actions }
            generation += 1
            hosts[host].floor = generation
        case .generation(let last):
            guard last >= floor, last <= generation else { return actions }
            if last == generation { generation += 1 }
            floor = last + 1
        }
        closeEvicted(now: now, &actions)
        return actions
    }

    /// The hosts are others now. Connections to one that is no longer named are evicted; nothing else changes.
    public mutating func replaceHosts(_ keys: [HostKey], now: Instant) -> PoolActions {
        var actions = PoolActions()
        hosts.replace(with: keys)
        closeEvicted(now: now, &actions)
        return actions
    }

    /// No new leases from now on. Those who wait are still served and those who hold finish, until `deadline`; then the
    /// rest is refused and closed. A second call can only bring the deadline forward.
    public mutating func shutdown(deadline: Instant, now: Instant) -> PoolActions {
        var actions = PoolActions()
        switch phase {
        case .running: phase = .draining(until: deadline)
        case .draining(let end): phase = .draining(until: min(end, deadline))
        case .stopping, .finished: return actions
        }
        wake(at: deadline)
        while slots.warmest >= 0, queue.isEmpty { close(slots.warmest, .shutDown, now: now, &actions) }
        if now >= deadline { stop(now: now, &actions) }
        supply(now: now, &actions)
        return actions
    }

    private mutating func closeEvicted(now: Instant, _ actions: inout PoolActions) {
        for slot in slots.slots.indices where slots[slot].state == .idle {
            if let reason = endOfUse(slot, now: now) { close(slot, reason, now: now, &actions) }
        }
        supply(now: now, &actions)
    }

    private mutating func closeOverdue(now: Instant, _ actions: inout PoolActions) {
        for slot in slots.slots.indices {
            switch slots[slot].state {
            case .idle:
                if let reason = endOfUse(slot, now: now) { close(slot, reason, now: now, &actions) }
            case .leased:
                guard let threshold = configuration.leakThreshold, !slots[slot].isLeakReported,
                    now - slots[slot].since >= threshold
                else { continue }
                slots[slot].isLeakReported = true
                let lease = LeaseID(slot: slot, number: slots[slot].lease)
                actions.append(.reportLeak(lease, age: now - slots[slot].since))
            default: continue
            }
        }
        guard let idleTimeout = configuration.idleTimeout else { return }
        while slots.coldest >= 0, slots.size - slots.count(.closing) > configuration.minimum,
            now - slots[slots.coldest].since >= idleTimeout
        {
            close(slots.coldest, .idle, now: now, &actions)
        }
    }

    /// The earliest moment at which something is due. What begins after this tick is due no earlier than the shortest
    /// of the timeouts from now, so that neither a lease nor a return has to bring the next tick forward.
    private mutating func nextTick(now: Instant, _ actions: inout PoolActions) -> Instant {
        var next = now + .seconds(3_600)
        if let idleTimeout = configuration.idleTimeout { next = min(next, now + idleTimeout) }
        if let threshold = configuration.leakThreshold { next = min(next, now + threshold) }
        if let deadline = queue.earliestDeadline() { next = min(next, deadline) }
        if case .draining(let end) = phase { next = min(next, end) }
        if isWanting, let attempt = hosts.earliestAttempt(after: now) { next = min(next, attempt) }
        for slot in slots.slots where slot.state == .idle || slot.state == .leased {
            if slot.expires > now { next = min(next, slot.expires) }
            if slot.state == .leased, !slot.isLeakReported, let threshold = configuration.leakThreshold {
                next = min(next, slot.since + threshold)
            }
        }
        if let idleTimeout = configuration.idleTimeout, slots.coldest >= 0,
            slots.size - slots.count(.closing) > configuration.minimum
        {
            next = min(next, slots[slots.coldest].since + idleTimeout)
        }
        return next
    }

    private mutating func stop(now: Instant, _ actions: inout PoolActions) {
        phase = .stopping
        queue.refuseAll(.shutDown, &tenants, &actions)
        for slot in slots.slots.indices {
            switch slots[slot].state {
            case .free, .closing: continue
            case .connecting:
                // What it still brings is discarded.
                hosts[slots[slot].host].connections -= 1
                slots.move(slot, to: .free, now: now)
                continue
            case .leased: tenants.returned(slots[slot].tenant)
            case .idle, .validating, .resetting: break
            }
            close(slot, .shutDown, now: now, &actions)
        }
    }

    mutating func finishShutdown(now: Instant, _ actions: inout PoolActions) {
        guard phase != .running, phase != .finished, queue.isEmpty else { return }
        // Connections that were being validated or opened for somebody who has gone meanwhile.
        while slots.warmest >= 0 { close(slots.warmest, .shutDown, now: now, &actions) }
        guard slots.size == 0 else { return }
        phase = .finished
        actions.append(.finish)
    }
}
