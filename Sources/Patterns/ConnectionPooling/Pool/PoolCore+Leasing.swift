import Determinism
import Synchronization

/// Handing out and taking back: the hot path.
extension PoolCore {
    /// What a caller finds.
    enum Attempt {
        case granted(LeaseID, any PooledConnection)
        case waits(WaitTicket, isRunning: Bool)
        /// Boxed, because an error is large and the others are small.
        indirect case refused(PoolError)
    }

    /// The hot path: a connection that is ready, while nobody waits. Nil if there is none, or it is not clean; then
    /// ``attempt(deadline:now:holder:)`` has the answer.
    func leaseReady(deadline: Instant?, holder: borrowing LeaseHolder) -> (LeaseID, any PooledConnection)? {
        let now = time.instant()
        if Task.isCancelled { return nil }
        if let deadline, deadline <= now { return nil }
        let leased: (LeaseID, any PooledConnection)? = state.withLock { state in
            guard let lease = state.machine.leaseReady(tenant: holder.tenant, now: now),
                let connection = state.connections[lease.slot]
            else { return nil }
            state.holders[lease.slot] = copy holder
            return (lease, connection)
        }
        guard let leased else { return nil }
        // It may have died, or been found out, while it idled.
        let condition = leased.1.condition
        if condition != .clean {
            handle { $0.returned(leased.0, condition, now: $1) }
            return nil
        }
        if isObserved { observer?.leased(tenant: holder.tenant, waited: .zero) }
        return leased
    }

    /// Takes a connection that is ready, or a place in the queue.
    func attempt(deadline: Instant, now: Instant, holder: LeaseHolder) -> Attempt {
        while true {
            let (attempt, effects) = state.withLock { state in
                begin(deadline: deadline, now: now, holder: holder, &state)
            }
            effects?.run(observer)
            guard case .granted(let lease, let connection) = attempt else { return attempt }
            // It may have died, or been found out, while it idled. Each round removes one idle connection.
            let condition = connection.condition
            if condition == .clean {
                if isObserved { observer?.leased(tenant: holder.tenant, waited: .zero) }
                return attempt
            }
            handle { $0.returned(lease, condition, now: $1) }
        }
    }

    private func begin(
        deadline: Instant, now: Instant, holder: LeaseHolder, _ state: inout State
    ) -> (Attempt, PoolEffects?) {
        var actions = PoolActions()
        let outcome = state.machine.lease(tenant: holder.tenant, deadline: deadline, now: now, actions: &actions)
        let attempt: Attempt
        switch outcome {
        case .granted(let lease):
            guard let connection = state.connections[lease.slot] else {
                preconditionFailure("a slot that the machine leases holds a connection")
            }
            state.holders[lease.slot] = holder
            attempt = .granted(lease, connection)
            // The hot path ends here.
            if actions.isEmpty { return (attempt, nil) }
        case .waits(let waiter):
            let ticket = WaitTicket(waiter, holder)
            state.tickets[waiter.number] = ticket
            attempt = .waits(ticket, isRunning: state.hasBegun)
        case .refused(let reason):
            attempt = .refused(error(reason, waited: .zero, state.machine, now, isRunning: state.hasBegun))
            let effects = apply(actions, to: &state, now: now)
            return (attempt, refusing(holder.tenant, reason, effects))
        }
        return (attempt, apply(actions, to: &state, now: now))
    }

    private func refusing(_ tenant: TenantKey?, _ reason: PoolRefusal, _ effects: PoolEffects) -> PoolEffects {
        guard isObserved else { return effects }
        var effects = effects
        effects.report(.refused(tenant, reason, waited: .zero))
        return effects
    }

    /// Waits for the answer; a cancelled task leaves the queue at once.
    nonisolated(nonsending) func wait(_ ticket: WaitTicket) async -> Answer {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                if let answer = state.withLock({ _ in ticket.park(continuation) }) {
                    continuation.resume(returning: answer)
                }
            }
        } onCancel: {
            // If the answer was faster, this finds nobody; the caller looks at its task then.
            handle { $0.cancel(ticket.waiter, now: $1) }
        }
    }

    /// Takes a connection back. Nothing happens if the lease has come back before.
    func giveBack(_ lease: LeaseID, _ connection: any PooledConnection) {
        let condition = connection.condition
        let now = time.instant()
        if condition == .clean, !isObserved,
            state.withLock({ $0.machine.returnedQuietly(lease, now: now) })
        {
            return
        }
        let (effects, held) = state.withLock { state -> (PoolEffects?, (Duration, TenantKey?)?) in
            var held: (Duration, TenantKey?)?
            if isObserved, let age = state.machine.age(of: lease, now: now) {
                held = (age, state.holders[lease.slot].tenant)
            }
            let actions = state.machine.returned(lease, condition, now: now)
            return (actions.isEmpty ? nil : apply(actions, to: &state, now: now), held)
        }
        effects?.run(observer)
        if let (age, tenant) = held { observer?.returned(tenant: tenant, held: age, condition: condition) }
    }

    /// Takes back a connection whose lease was destroyed rather than returned, and says whose it was.
    func takeBack(dropped lease: LeaseID, _ connection: any PooledConnection) {
        let now = time.instant()
        let report: LeakReport? = state.withLock { state in
            guard isObserved, let age = state.machine.age(of: lease, now: now) else { return nil }
            let holder = state.holders[lease.slot]
            let host = state.machine.host(ofSlot: lease.slot)
            return LeakReport(kind: .dropped, holder: holder, host: host, age: age)
        }
        if let report { observer?.leakSuspected(report) }
        giveBack(lease, connection)
    }

    /// The error for a caller that got nothing.
    func error(_ reason: PoolRefusal, since: Instant) -> PoolError {
        let now = time.instant()
        return state.withLock {
            error(reason, waited: now - since, $0.machine, now, isRunning: $0.hasBegun)
        }
    }

    private func error(
        _ reason: PoolRefusal, waited: Duration, _ machine: PoolStateMachine, _ now: Instant, isRunning: Bool
    ) -> PoolError {
        var snapshot = machine.snapshot(now: now)
        snapshot.isRunning = isRunning
        return PoolError(
            reason: reason, snapshot: snapshot, waited: waited, lastConnectError: machine.lastConnectError)
    }

    func snapshot() -> PoolSnapshot {
        let now = time.instant()
        return state.withLock {
            var snapshot = $0.machine.snapshot(now: now)
            snapshot.isRunning = $0.hasBegun && !$0.isFinished
            return snapshot
        }
    }
}
