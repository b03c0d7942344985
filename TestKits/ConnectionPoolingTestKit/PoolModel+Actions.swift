import ConnectionPooling
import Determinism

/// What the machine's actions mean to the model.
extension PoolModel {
    /// - Parameter cancelled: the waiter that the event cancels.
    mutating func apply(
        _ actions: some Sequence<PoolAction>, machine: PoolStateMachine, cancelled: WaiterID? = nil, now: Instant
    ) {
        for action in actions {
            switch action {
            case .grant(let waiter, let lease, let enqueued):
                check(allWaiters.first { $0.id == waiter }?.enqueued == enqueued, "\(waiter) came at another time")
                granted(waiter, lease, now: now)
            case .refuse(let waiter, let reason, _): refused(waiter, reason, cancelled: cancelled, now: now)
            case .connect(let id, let host): began(id, host, generation: machine.generation)
            case .validate(let id):
                check(phases[id] == .usable, "\(id) is validated while \(String(describing: phases[id]))")
                phases[id] = .validating
            case .reset(let id):
                check(phases[id] == .usable, "\(id) is reset while \(String(describing: phases[id]))")
                phases[id] = .resetting
            case .close(let id, let reason): closes(id, reason)
            case .discard(let id): check(phases[id] == nil, "\(id) is discarded and has a place")
            case .reportLeak(let lease, let age):
                check(leases[lease] != nil, "\(lease) is reported and nobody holds it")
                check(reportedLeaks.insert(lease).inserted, "\(lease) is reported twice")
                check(age >= configuration.leakThreshold ?? .zero, "\(lease) is reported at \(age)")
            case .breakerChanged: continue
            case .finish:
                check(!hasFinished, "finished twice")
                check(isShuttingDown, "finished without a shutdown")
                hasFinished = true
            }
        }
    }

    private mutating func began(_ id: ConnectionID, _ host: HostKey, generation: UInt64) {
        check(phases[id] == nil && !closedOnce.contains(id), "\(id) is opened twice")
        check(!phases.keys.contains { $0.slot == id.slot }, "\(id) is opened in a place that is taken")
        check(hosts.contains(host), "a connect to \(host), which is not on the list")
        (phases[id], hostOf[id], generationOf[id]) = (.connecting, host, generation)
        check(count(.connecting) <= configuration.connecting.concurrency, "\(count(.connecting)) connects at a time")
        check(phases.count <= configuration.limit, "\(phases.count) connections")
    }

    private mutating func closes(_ id: ConnectionID, _ reason: CloseReason) {
        if case .leased(let lease) = phases[id] {
            check(isStopped, "\(id) is closed while \(lease) holds it")
            _ = ended(lease)
        }
        check(phases[id] != nil && phases[id] != .connecting, "\(id) is closed and was never open")
        check(closedOnce.insert(id).inserted, "\(id) is closed twice")
        phases[id] = .closing
    }

    private mutating func refused(_ id: WaiterID, _ reason: PoolRefusal, cancelled: WaiterID?, now: Instant) {
        guard let (tenant, waiter, index) = left(id) else { return }
        let waited = now - waiter.enqueued
        switch reason {
        case .timedOut:
            check(waiter.deadline <= now, "\(id) was told that its time is up, too early")
            check(!mustBeServed.contains(id), "\(id) was forgotten: everything worked, and its time ran out")
        case .cancelled: check(id == cancelled, "\(id) was told that it is cancelled")
        case .queueFull: check(index == waiting[tenant]?.count ?? 0, "\(id) was pushed out and is not the youngest")
        case .shed:
            let target = configuration.shedding?.target ?? .seconds(1_000_000)
            check(waited > target * 2, "\(id) was shed after \(waited)")
            check(waitingCount > 0, "the last one who waited was shed")
        case .unavailable:
            check(phases.values.allSatisfy { $0 == .closing }, "\(id) was told that no connection is left")
        case .shutDown: check(isStopped, "\(id) was told that the pool shuts down")
        }
    }

    /// What must hold between two events.
    mutating func checkState(of machine: PoolStateMachine, now: Instant) {
        let snapshot = machine.snapshot(now: now)
        check(
            snapshot.size == phases.count && snapshot.size <= configuration.limit, "\(snapshot.size) of \(phases.count)"
        )
        check(snapshot.leased == leases.count, "\(snapshot.leased) leased, not \(leases.count)")
        check(snapshot.waiting == waitingCount, "\(snapshot.waiting) wait, not \(waitingCount)")
        check(snapshot.connecting == count(.connecting), "\(snapshot.connecting) connect, not \(count(.connecting))")
        check(snapshot.closing == count(.closing), "\(snapshot.closing) close, not \(count(.closing))")
        check(snapshot.waiting <= configuration.queueLimit, "\(snapshot.waiting) wait")
        let underWay = snapshot.connecting + snapshot.validating
        check(snapshot.idle == 0 || underWay >= snapshot.waiting, "somebody waits beside an idle connection")
        if underWay < snapshot.waiting, snapshot.size < configuration.limit,
            snapshot.connecting < configuration.connecting.concurrency,
            !machine.hostSnapshots().contains(where: { $0.breaker == .probing })
        {
            // A connect could be begun for somebody who waits: every host is on a pause, and its end is waited for.
            let pause = configuration.connecting.longestPause
            check(machine.wakeUp <= now + pause, "nobody will wake up to connect for those who wait")
        }
        if let deadline = allWaiters.map(\.deadline).min() {
            check(machine.wakeUp <= deadline, "nobody will wake up for a deadline")
        }
        for problem in machine.inconsistencies() { report(problem) }
    }
}
