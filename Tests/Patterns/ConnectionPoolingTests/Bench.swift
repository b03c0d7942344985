import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import Testing

/// A machine on a workbench, with a clock that tests move by hand.
struct Bench {
    var machine: PoolStateMachine
    var now = Instant(nanoseconds: 0)
    /// In the middle: a lifetime without deviation.
    static let middle: UInt64 = 1 << 63
    private static let patience: Duration = .seconds(10)

    init(limit: Int = 2, _ change: (inout PoolConfiguration) -> Void = { _ in }) {
        var configuration = PoolConfiguration(hosts: ["a"])
        configuration.limit = limit
        configuration.shedding = nil
        change(&configuration)
        machine = PoolStateMachine(configuration: configuration)
    }

    /// What a caller got, and what else is to be done.
    struct Leased {
        let outcome: PoolStateMachine.LeaseOutcome
        let actions: [PoolAction]

        var waiter: WaiterID {
            get throws { try #require({ if case .waits(let id) = outcome { id } else { nil } }()) }
        }
        var lease: LeaseID {
            get throws { try #require({ if case .granted(let id) = outcome { id } else { nil } }()) }
        }
    }

    mutating func lease(_ tenant: UInt64? = nil, within patience: Duration = Bench.patience) -> Leased {
        var actions = PoolActions()
        let outcome = machine.lease(
            tenant: tenant.map { TenantKey($0) }, deadline: now + patience, now: now, actions: &actions)
        return Leased(outcome: outcome, actions: Array(actions))
    }

    mutating func returned(_ lease: LeaseID, _ condition: ConnectionCondition = .clean) -> [PoolAction] {
        Array(machine.returned(lease, condition, now: now))
    }
    mutating func connected(_ id: ConnectionID, draw: UInt64 = Bench.middle) -> [PoolAction] {
        Array(machine.connected(id, draw: draw, now: now))
    }
    mutating func failed(_ id: ConnectionID) -> [PoolAction] {
        Array(machine.connectFailed(id, error: ScriptedFailure("refused"), draw: 0, now: now))
    }
    mutating func validated(_ id: ConnectionID, _ outcome: ValidationOutcome) -> [PoolAction] {
        Array(machine.validated(id, outcome, now: now))
    }
    mutating func wasReset(_ id: ConnectionID, isClean: Bool) -> [PoolAction] {
        Array(machine.wasReset(id, isClean: isClean, now: now))
    }
    mutating func closed(_ id: ConnectionID) -> [PoolAction] { Array(machine.closed(id, now: now)) }
    mutating func lost(_ id: ConnectionID) -> [PoolAction] { Array(machine.lost(id, now: now)) }
    mutating func cancel(_ id: WaiterID) -> [PoolAction] { Array(machine.cancel(id, now: now)) }
    mutating func tick() -> [PoolAction] { Array(machine.tick(now: now)) }
    mutating func evict(_ what: Eviction) -> [PoolAction] { Array(machine.evict(what, now: now)) }
    mutating func shutdown(within rest: Duration = .seconds(1)) -> [PoolAction] {
        Array(machine.shutdown(deadline: now + rest, now: now))
    }
    mutating func pass(_ duration: Duration) { now = now + duration }

    var snapshot: PoolSnapshot { machine.snapshot(now: now) }

    /// Opens `count` connections for callers who wait, and gives back their leases, oldest first.
    mutating func fill(_ count: Int, tenant: UInt64? = nil) throws -> [LeaseID] {
        var leases: [LeaseID] = []
        for _ in 0..<count {
            let leased = lease(tenant)
            let id = try #require(leased.actions.connects.first)
            leases.append(try #require(connected(id).grants.first?.1))
        }
        return leases
    }
}

extension [PoolAction] {
    var connects: [ConnectionID] { compactMap { if case .connect(let id, _) = $0 { id } else { nil } } }
    var hosts: [HostKey] { compactMap { if case .connect(_, let host) = $0 { host } else { nil } } }
    var grants: [(WaiterID, LeaseID)] { compactMap { if case .grant(let w, let l, _) = $0 { (w, l) } else { nil } } }
    var validations: [ConnectionID] { compactMap { if case .validate(let id) = $0 { id } else { nil } } }
    var resets: [ConnectionID] { compactMap { if case .reset(let id) = $0 { id } else { nil } } }
    var closes: [ConnectionID] { compactMap { if case .close(let id, _) = $0 { id } else { nil } } }
    var closeReasons: [CloseReason] { compactMap { if case .close(_, let reason) = $0 { reason } else { nil } } }
    var refusals: [WaiterID: PoolRefusal] {
        reduce(into: [:]) { if case .refuse(let id, let reason, _) = $1 { $0[id] = reason } }
    }
    var breakers: [BreakerState] { compactMap { if case .breakerChanged(_, let state) = $0 { state } else { nil } } }
    var leaks: [LeaseID] { compactMap { if case .reportLeak(let id, _) = $0 { id } else { nil } } }
}
