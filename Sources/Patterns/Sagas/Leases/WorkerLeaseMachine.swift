import Determinism

/// Whether a worker may be at work: a pure state machine over the renewals of its lease.
///
/// A lease of length L is renewed each L/3, and trusted until 2L/3 after the moment at which its last renewal was
/// *asked for*: the database began to count later than that, so this worker stops before any other may take its sagas.
/// What is measured here is time on this machine's monotonic clock; how long a lease lasts is the database's clock
/// alone.
///
/// States: `new` → `held` → `held` (renewed) | `lost` → `held`.
public struct WorkerLeaseMachine: Sendable, Hashable {
    /// What happened.
    public enum Event: Sendable, Hashable {
        /// The renewal that was asked for at this moment is durable.
        case renewed(asked: Instant)
        /// A renewal failed.
        case failed
        /// Time has passed.
        case tick
    }
    /// What the shell does.
    public enum Action: Sendable, Hashable {
        /// Ask for a renewal now.
        case renew
        /// Wait until then, then report ``Event/tick``.
        case wait(until: Instant)
        /// Cancel all work at once, then report ``Event/tick``: the lease may end.
        case stopWork
    }
    private enum State: Sendable, Hashable {
        case new
        case held(until: Instant, renewAt: Instant)
        case lost
    }
    private let lease: Duration
    private var state = State.new
    private var retryAt: Instant?

    /// A worker without a lease.
    public init(lease: Duration) { self.lease = lease }

    /// Whether work may be done at this moment.
    public func mayWork(_ now: Instant) -> Bool {
        if case .held(let until, _) = state { return now < until }
        return false
    }

    /// Until when work may be done; nil while there is no lease.
    public var trustedUntil: Instant? {
        if case .held(let until, _) = state { return until }
        return nil
    }

    /// Takes an event.
    public mutating func handle(_ event: Event, at now: Instant) -> Action {
        switch event {
        case .renewed(let asked):
            let until = asked + lease * 2 / 3
            retryAt = nil
            // An answer that took too long is worth nothing.
            if until <= now { return lose(now) }
            state = .held(until: until, renewAt: asked + lease / 3)
            return next(now)
        case .failed:
            retryAt = now + min(lease / 30, .milliseconds(500))
            return next(now)
        case .tick: return next(now)
        }
    }

    private mutating func next(_ now: Instant) -> Action {
        switch state {
        case .new, .lost: return due(nil, now)
        case .held(let until, let renewAt):
            if until <= now { return lose(now) }
            let action = due(renewAt, now)
            // Whatever it waits for, not past the moment at which work must stop.
            if case .wait(let moment) = action, moment > until { return .wait(until: until) }
            return action
        }
    }

    private mutating func lose(_ now: Instant) -> Action {
        state = .lost
        return .stopWork
    }

    private func due(_ renewAt: Instant?, _ now: Instant) -> Action {
        let moment = max(renewAt ?? now, retryAt ?? now)
        return moment <= now ? .renew : .wait(until: moment)
    }
}
