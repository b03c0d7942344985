import Determinism

/// How a validation ended.
public enum ValidationOutcome: Sendable, Hashable {
    /// The other side has answered.
    case alive
    /// It answered with an error, or the connection is broken.
    case failed
    /// It did not answer in time.
    case timedOut
}

/// Opening and validating connections.
extension PoolStateMachine {
    /// A connect has succeeded.
    /// - Parameter draw: 64 random bits, from which the connection's own lifetime is made.
    public mutating func connected(_ connection: ConnectionID, draw: UInt64, now: Instant) -> PoolActions {
        var actions = PoolActions()
        guard slots.holds(connection, .connecting) else {
            actions.append(.discard(connection))
            return actions
        }
        let slot = connection.slot
        let host = slots[slot].host
        hosts[host].lastError = nil
        if hosts[host].breaker.succeeded(epoch: slots[slot].epoch) {
            actions.append(.breakerChanged(hosts[host].key, hosts[host].breaker.state))
        }
        slots[slot].proven = now
        if let lifetime = configuration.maximumLifetime {
            let expires = now + lifetime * (1 + configuration.lifetimeJitter * (Self.unit(draw) * 2 - 1))
            slots[slot].expires = expires
            wake(at: expires)
        }
        settle(slot, now: now, &actions)
        supply(now: now, &actions)
        return actions
    }

    /// A connect has failed, or did not end in time.
    /// - Parameters:
    ///   - error: kept, and given to callers that are refused.
    ///   - draw: 64 random bits, for the jitter of the pause.
    public mutating func connectFailed(
        _ connection: ConnectionID, error: any Error, draw: UInt64, now: Instant
    ) -> PoolActions {
        var actions = PoolActions()
        guard slots.holds(connection, .connecting) else { return actions }
        let (host, epoch) = (slots[connection.slot].host, slots[connection.slot].epoch)
        slots.move(connection.slot, to: .free, now: now)
        hosts[host].connections -= 1
        hosts[host].lastError = error
        if hosts[host].breaker.failed(epoch: epoch, settings: configuration.connecting, draw: draw, now: now) {
            actions.append(.breakerChanged(hosts[host].key, hosts[host].breaker.state))
        }
        supply(now: now, &actions)
        return actions
    }

    /// A validation has ended.
    ///
    /// A connection that went silent rather than answering with an error says something about its neighbors: idle
    /// ones of the same host that have not proved themselves alive since are closed too, so that nobody waits for one
    /// timeout after the other behind a host that has vanished.
    public mutating func validated(
        _ connection: ConnectionID, _ outcome: ValidationOutcome, now: Instant
    ) -> PoolActions {
        var actions = PoolActions()
        guard slots.holds(connection, .validating) else { return actions }
        let slot = connection.slot
        if outcome == .alive {
            slots[slot].proven = now
            settle(slot, now: now, &actions)
        } else {
            close(slot, .notValid, now: now, &actions)
            if outcome == .timedOut { closeSuspects(besides: slot, now: now, &actions) }
        }
        supply(now: now, &actions)
        return actions
    }

    private mutating func closeSuspects(besides silent: Int, now: Instant, _ actions: inout PoolActions) {
        let (host, proven) = (slots[silent].host, slots[silent].proven)
        for slot in slots.slots.indices
        where slots[slot].state == .idle && slots[slot].host == host && slots[slot].proven <= proven {
            close(slot, .suspect, now: now, &actions)
        }
    }

    /// A connection has died by itself: an idle one is closed, another as soon as it can be.
    public mutating func lost(_ connection: ConnectionID, now: Instant) -> PoolActions {
        var actions = PoolActions()
        guard slots.slots.indices.contains(connection.slot), slots[connection.slot].number == connection.number
        else { return actions }
        switch slots[connection.slot].state {
        case .free, .closing: break
        case .idle:
            close(connection.slot, .broken, now: now, &actions)
            supply(now: now, &actions)
        case .connecting, .validating, .leased, .resetting: slots[connection.slot].isDoomed = true
        }
        return actions
    }

    /// A connection is closed, or closing it has taken long enough: its place is free.
    public mutating func closed(_ connection: ConnectionID, now: Instant) -> PoolActions {
        var actions = PoolActions()
        guard slots.holds(connection, .closing) else { return actions }
        hosts[slots[connection.slot].host].connections -= 1
        slots.move(connection.slot, to: .free, now: now)
        supply(now: now, &actions)
        return actions
    }

    /// Sees to it that those who wait get a connection, by validating an idle one or opening one (an idle connection
    /// that could be handed out as it is does not stand beside a waiter: whoever came first took it); that the
    /// minimum is kept; that nobody waits for what cannot come; and that a shutdown ends. Called after every event
    /// that may make a difference.
    mutating func supply(now: Instant, _ actions: inout PoolActions) {
        while slots.count(.connecting) + slots.count(.validating) < queue.count {
            if slots.warmest >= 0 {
                let slot = slots.warmest
                if let reason = endOfUse(slot, now: now) {
                    close(slot, reason, now: now, &actions)
                } else {
                    slots.move(slot, to: .validating, now: now)
                    actions.append(.validate(slots.id(slot)))
                }
            } else if !connect(now: now, &actions) {
                break
            }
        }
        while phase == .running, slots.size - slots.count(.closing) < configuration.minimum, connect(now: now, &actions)
        {}
        if !queue.isEmpty, isHopeless(now: now) { queue.refuseAll(.unavailable, &tenants, &actions) }
        if isWanting, let attempt = hosts.earliestAttempt(after: now) { wake(at: attempt) }
        finishShutdown(now: now, &actions)
    }

    /// Whether a connect would be begun if a host could be tried.
    var isWanting: Bool {
        slots.hasFree
            && (slots.count(.connecting) + slots.count(.validating) < queue.count
                || phase == .running && slots.size - slots.count(.closing) < configuration.minimum)
    }

    /// Begins to open a connection; false if it must not: the limit, the number of connects at a time, every breaker.
    private mutating func connect(now: Instant, _ actions: inout PoolActions) -> Bool {
        guard slots.hasFree, slots.count(.connecting) < configuration.connecting.concurrency,
            let host = hosts.forConnect(now: now), let slot = slots.open(now: now)
        else { return false }
        let hasChanged = hosts[host].breaker.begin()
        if hasChanged { actions.append(.breakerChanged(hosts[host].key, hosts[host].breaker.state)) }
        hosts[host].connections += 1
        slots[slot].host = host
        slots[slot].generation = generation
        slots[slot].epoch = hosts[host].breaker.epoch
        actions.append(.connect(slots.id(slot), hosts[host].key))
        return true
    }

    /// Whether there is no connection, none on its way, and no host that may be tried.
    func isHopeless(now: Instant) -> Bool {
        slots.size == slots.count(.closing) && hosts.areAllOpen(now: now)
    }

    /// A number in `0..<1` from 64 random bits.
    private static func unit(_ draw: UInt64) -> Double { Double(draw >> 11) * 0x1p-53 }
}
