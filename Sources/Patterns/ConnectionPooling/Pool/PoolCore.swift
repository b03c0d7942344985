import Determinism
import Synchronization

/// The shell around a ``PoolStateMachine``, for whatever type of connection: takes its lock, calls the machine, drops
/// the lock, runs the actions. Not generic, so that it is compiled once and fast for every type of connection;
/// ``ConnectionPool`` puts the type back.
final class PoolCore: Sendable {
    /// What a caller that waits is answered.
    enum Answer: Sendable {
        case granted(LeaseID, any PooledConnection)
        case refused(PoolRefusal, since: Instant)
    }
    /// Background work on one connection.
    enum Job: Sendable {
        case connect(ConnectionID, HostKey)
        case validate(ConnectionID, any PooledConnection)
        case reset(ConnectionID, any PooledConnection)
        case close(ConnectionID, any PooledConnection)
    }
    struct State {
        var machine: PoolStateMachine
        /// What stands in each slot.
        var connections: [(any PooledConnection)?]
        var holders: [LeaseHolder]
        /// Those who wait, by their number: their index may belong to the next one before they have their answer.
        var tickets: [UInt64: WaitTicket] = [:]
        /// At most one for each slot.
        var jobs: [Job] = []
        var jobWaiter: UnsafeContinuation<Void, Never>?
        var timer = TimerState()
        var hasBegun = false
        var isFinished = false
    }
    let configuration: PoolConfiguration
    let connect: @Sendable (HostKey, ConnectionMonitor) async throws -> any PooledConnection
    let time: any TimeSource
    let draws: any RandomSource
    let observer: (any PoolObserver)?
    /// Asked on the hot path, where copying the observer to look whether there is one can be felt.
    let isObserved: Bool
    private let acquireTimeout: Int64
    let limits: PoolTimeLimits
    let state: Mutex<State>

    init(
        configuration: PoolConfiguration, time: any TimeSource, draws: any RandomSource,
        observer: (any PoolObserver)?,
        connect: @escaping @Sendable (HostKey, ConnectionMonitor) async throws -> any PooledConnection
    ) {
        (self.configuration, self.time, self.draws, self.observer) = (configuration, time, draws, observer)
        self.connect = connect
        isObserved = observer != nil
        acquireTimeout = configuration.acquireTimeout.inNanoseconds
        limits = PoolTimeLimits(configuration, time: time)
        state = Mutex(
            State(
                machine: PoolStateMachine(configuration: configuration),
                connections: Array(repeating: nil, count: configuration.limit),
                holders: Array(repeating: .nobody, count: configuration.limit)))
    }

    /// Until when a caller waits that comes now and would wait until `deadline`.
    func latest(_ deadline: Instant?, now: Instant) -> Instant {
        let (sum, overflow) = now.nanoseconds.addingReportingOverflow(acquireTimeout)
        let latest = Instant(nanoseconds: overflow ? .max : sum)
        guard let deadline else { return latest }
        return min(deadline, latest)
    }

    /// Runs one event, and what follows from it.
    func handle(_ event: (inout PoolStateMachine, Instant) -> PoolActions) {
        let now = time.instant()
        let effects = state.withLock { state in
            let actions = event(&state.machine, now)
            return apply(actions, to: &state, now: now)
        }
        effects.run(observer)
    }

    /// Turns the machine's actions into what is done once the lock is dropped.
    func apply(_ actions: PoolActions, to state: inout State, now: Instant) -> PoolEffects {
        var effects = PoolEffects()
        for action in actions {
            switch action {
            case .grant(let waiter, let lease, let enqueued):
                grant(lease, to: waiter, enqueued: enqueued, &state, now, &effects)
            case .refuse(let waiter, let reason, let enqueued):
                refuse(waiter, reason, enqueued: enqueued, &state, now, &effects)
            case .connect(let id, let host): state.jobs.append(.connect(id, host))
            case .validate(let id):
                if let connection = state.connections[id.slot] { state.jobs.append(.validate(id, connection)) }
            case .reset(let id):
                if let connection = state.connections[id.slot] { state.jobs.append(.reset(id, connection)) }
            case .close(let id, let reason):
                if let connection = state.connections[id.slot] { state.jobs.append(.close(id, connection)) }
                state.connections[id.slot] = nil
                state.holders[id.slot] = .nobody
                if isObserved { effects.report(.closed(state.machine.host(ofSlot: id.slot), reason)) }
            case .discard: break
            case .reportLeak(let lease, let age):
                guard isObserved else { continue }
                let holder = state.holders[lease.slot]
                let host = state.machine.host(ofSlot: lease.slot)
                effects.report(.leak(LeakReport(kind: .held, holder: holder, host: host, age: age)))
            case .breakerChanged(let host, let breaker):
                if isObserved { effects.report(.breakerChanged(host, breaker)) }
            case .finish: state.isFinished = true
            }
        }
        if !state.jobs.isEmpty || state.isFinished {
            effects.wakeJobs = state.jobWaiter
            state.jobWaiter = nil
        }
        effects.wakeTimer = state.timer.bringForward(to: state.isFinished ? now : state.machine.wakeUp)
        return effects
    }

    private func grant(
        _ lease: LeaseID, to waiter: WaiterID, enqueued: Instant, _ state: inout State, _ now: Instant,
        _ effects: inout PoolEffects
    ) {
        guard let connection = state.connections[lease.slot] else { return }
        let answer = Answer.granted(lease, connection)
        guard let holder = answered(waiter, answer, &state, &effects) else { return }
        state.holders[lease.slot] = holder
        if isObserved { effects.report(.leased(holder.tenant, waited: now - enqueued)) }
    }

    private func refuse(
        _ waiter: WaiterID, _ reason: PoolRefusal, enqueued: Instant, _ state: inout State, _ now: Instant,
        _ effects: inout PoolEffects
    ) {
        let holder = answered(waiter, .refused(reason, since: enqueued), &state, &effects)
        if isObserved { effects.report(.refused(holder?.tenant, reason, waited: now - enqueued)) }
    }

    /// Gives the waiter its answer; who it is.
    private func answered(
        _ waiter: WaiterID, _ answer: Answer, _ state: inout State, _ effects: inout PoolEffects
    ) -> LeaseHolder? {
        guard let ticket = state.tickets.removeValue(forKey: waiter.number) else { return nil }
        if let continuation = ticket.settle(answer) { effects.resume(continuation, answer) }
        return ticket.holder
    }
}
