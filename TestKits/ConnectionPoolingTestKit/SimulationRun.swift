import ConnectionPooling
import Determinism

/// One walk through a list of steps.
struct SimulationRun {
    private var machine: PoolStateMachine
    private var model: PoolModel
    private let configuration: PoolConfiguration
    private let tamper: (@Sendable ([PoolAction]) -> [PoolAction])?
    private var now = Instant(nanoseconds: 0)
    private var drainEnd: Instant?
    private(set) var summary = PoolSimulation.Summary()
    private(set) var trace: [String] = []
    var keepsTrace = false

    init(configuration: PoolConfiguration, tamper: (@Sendable ([PoolAction]) -> [PoolAction])?) {
        (self.configuration, self.tamper) = (configuration, tamper)
        machine = PoolStateMachine(configuration: configuration)
        model = PoolModel(configuration: configuration)
    }

    /// Walks through the steps, then lets everything come to its end.
    /// - Returns: the first promise that was broken; nil if none was.
    mutating func play(_ steps: [SimulationStep]) -> String? {
        for step in steps {
            take(step)
            model.checkState(of: machine, now: now)
            if let finding = model.finding { return finding }
            if model.hasFinished { break }
        }
        return comeToRest() ?? shutDown()
    }

    // MARK: The end

    /// Everything works from now on, and all who hold return: who waits must be served.
    private mutating func comeToRest() -> String? {
        model.mustBeServed = Set(model.allWaiters.filter { $0.deadline > now + .seconds(2) }.map(\.id))
        for _ in 0..<5_000 {
            let isQuiet = completeEverything()
            if let finding = model.finding { return finding }
            if isQuiet, model.waitingCount == 0 { return nil }
            advance(by: .milliseconds(5))
        }
        return "it does not come to rest: \(machine.snapshot(now: now))"
    }

    private mutating func shutDown() -> String? {
        guard !model.hasFinished else { return leftOver() }
        shutdown(after: .seconds(1))
        for _ in 0..<1_000 {
            _ = completeEverything()
            if let finding = model.finding { return finding }
            if model.hasFinished { return leftOver() }
            advance(by: .milliseconds(5))
        }
        return "it does not finish: \(machine.snapshot(now: now))"
    }

    private func leftOver() -> String? {
        if !model.phases.isEmpty { return "connections are left: \(model.phases)" }
        if model.waitingCount > 0 { return "callers are left: \(model.allWaiters)" }
        return machine.snapshot(now: now).size == 0 ? nil : "the machine has connections left"
    }

    /// Ends all that is under way, and returns all that is held; true if there was nothing.
    private mutating func completeEverything() -> Bool {
        var isQuiet = true
        for id in model.ids(.connecting) { (isQuiet, _) = (false, finishConnect(id, succeeds: true, draw: id.number)) }
        for id in model.ids(.validating) { (isQuiet, _) = (false, validated(id, .alive)) }
        for id in model.ids(.resetting) { (isQuiet, _) = (false, wasReset(id, isClean: true)) }
        for lease in model.allLeases { (isQuiet, _) = (false, giveBack(lease, .clean)) }
        for id in model.ids(.closing) { (isQuiet, _) = (false, closed(id)) }
        model.checkState(of: machine, now: now)
        return isQuiet
    }

    // MARK: Steps

    private mutating func take(_ step: SimulationStep) {
        func pick<Element>(_ all: [Element]) -> Element? {
            all.isEmpty ? nil : all[Int(step.pick % UInt64(all.count))]
        }
        switch step.kind {
        case .lease: lease(step)
        case .cancel: if let waiter = pick(model.allWaiters) { cancel(waiter.id) }
        case .giveBack:
            let condition: ConnectionCondition = [.clean, .clean, .clean, .dirty, .broken][Int(step.manner % 5)]
            if let lease = pick(model.allLeases) { giveBack(lease, condition) }
        case .giveBackAgain: if let lease = pick(model.returnedLeases) { giveBackAgain(lease) }
        case .finishConnect:
            if let id = pick(model.ids(.connecting)) {
                finishConnect(id, succeeds: step.manner % 4 > 0, draw: step.manner &* 0x9E37_79B9_7F4A_7C15)
            }
        case .lateConnect: if let id = pick(model.abandoned) { lateConnect(id) }
        case .finishValidation:
            let outcome: ValidationOutcome = [.alive, .alive, .failed, .timedOut][Int(step.manner % 4)]
            if let id = pick(model.ids(.validating)) { validated(id, outcome) }
        case .finishReset: if let id = pick(model.ids(.resetting)) { wasReset(id, isClean: step.manner % 3 > 0) }
        case .finishClose: if let id = pick(model.ids(.closing)) { closed(id) }
        case .lose:
            if let id = pick(model.phases.keys.sorted { $0.number < $1.number } + model.abandoned) { lose(id) }
        case .evict: evict(step)
        case .replaceHosts:
            let hosts = ["a", "b", "c", "d"].enumerated().filter { step.pick >> UInt64($0.offset) & 1 == 1 }
            if !hosts.isEmpty {
                summary.replacements += 1
                replaceHosts(hosts.map { HostKey($0.element) })
            }
        case .advance:
            let scale = [20, 20, 20, 20, 20, 20, 200, 200, 200, 2_000, 2_000, 10_000][Int(step.pick % 12)]
            advance(by: .milliseconds(Int(step.manner % UInt64(scale))))
        case .stall: now = now + .milliseconds(Int(step.manner % 200))
        case .tick: tick()
        case .shutdown: shutdown(after: .milliseconds(Int(step.manner % 2_000)))
        }
    }

    private mutating func note(_ event: @autoclosure () -> String, _ actions: [PoolAction]) {
        for action in actions {
            switch action {
            case .grant: summary.grants += 1
            case .refuse(_, let reason, _): summary.refusals[reason, default: 0] += 1
            case .close(_, let reason): summary.closes[reason, default: 0] += 1
            default: continue
            }
        }
        if keepsTrace { trace.append("\(now.nanoseconds / 1_000) µs \(event()): \(actions)") }
    }

    private mutating func apply(_ actions: PoolActions, _ event: @autoclosure () -> String, cancelled: WaiterID? = nil)
    {
        let said = tamper?(Array(actions)) ?? Array(actions)
        note(event(), said)
        model.apply(said, machine: machine, cancelled: cancelled, now: now)
    }

    private mutating func lease(_ step: SimulationStep) {
        // A hot tenant, three others, and those who name none.
        let tenant = [0, 0, 0, 0, 1, 2, 3, nil][Int(step.pick % 8)].map { TenantKey(UInt64($0)) }
        let patience = [5, 100, 1_000, 5_000][Int(step.manner % 4)]
        let deadline = now + .milliseconds(Int(step.manner % UInt64(patience)))
        var actions = PoolActions()
        let outcome = machine.lease(tenant: tenant, deadline: deadline, now: now, actions: &actions)
        switch outcome {
        case .granted(let lease):
            // The action list of an immediate grant can only close others.
            apply(actions, "lease for \(String(describing: tenant)) → \(outcome)")
            model.check(model.waitingCount == 0, "\(lease) was given at once while others wait")
            model.check(deadline > now, "\(lease) was given after the deadline")
            model.leased(lease, tenant: tenant)
            summary.immediate += 1
        case .waits(let id):
            model.joined(PoolModel.Waiter(id: id, deadline: deadline, enqueued: now), tenant: tenant)
            apply(actions, "lease for \(String(describing: tenant)) → \(outcome)")
        case .refused(let reason):
            apply(actions, "lease for \(String(describing: tenant)) → \(outcome)")
            model.check(reason != .shutDown || model.isShuttingDown, "refused as if it shut down")
            model.check(reason != .timedOut || deadline <= now, "refused as if its time were up")
            model.check(reason != .queueFull || model.waitingCount == configuration.queueLimit, "refused as if full")
            summary.refusals[reason, default: 0] += 1
        }
    }

    private mutating func cancel(_ id: WaiterID) {
        apply(machine.cancel(id, now: now), "cancel \(id)", cancelled: id)
        model.check(!model.allWaiters.contains { $0.id == id }, "\(id) waits after its cancellation")
    }

    private mutating func giveBack(_ lease: LeaseID, _ condition: ConnectionCondition) {
        if let connection = model.ended(lease) { model.phases[connection] = .usable }
        apply(machine.returned(lease, condition, now: now), "return \(lease) \(condition)")
    }

    private mutating func giveBackAgain(_ lease: LeaseID) {
        let actions = machine.returned(lease, .clean, now: now)
        model.check(actions.isEmpty, "\(lease) came back twice, and something happened")
        apply(actions, "return \(lease) again")
    }

    private mutating func finishConnect(_ id: ConnectionID, succeeds: Bool, draw: UInt64) {
        if succeeds {
            model.phases[id] = .usable
            apply(machine.connected(id, draw: draw, now: now), "connected \(id)")
        } else {
            model.phases[id] = nil
            model.abandoned.append(id)
            let error = ScriptedFailure("refused")
            apply(machine.connectFailed(id, error: error, draw: draw, now: now), "connect \(id) failed")
        }
    }

    private mutating func lateConnect(_ id: ConnectionID) {
        let actions = machine.connected(id, draw: id.number, now: now)
        model.check(Array(actions) == [.discard(id)], "\(id) came too late and was not discarded")
        apply(actions, "connected \(id), too late")
    }

    private mutating func validated(_ id: ConnectionID, _ outcome: ValidationOutcome) {
        model.phases[id] = .usable
        apply(machine.validated(id, outcome, now: now), "validated \(id): \(outcome)")
    }

    private mutating func wasReset(_ id: ConnectionID, isClean: Bool) {
        model.phases[id] = .usable
        let actions = machine.wasReset(id, isClean: isClean, now: now)
        apply(actions, "reset \(id): \(isClean)")
        model.check(isClean || model.closedOnce.contains(id), "\(id) is dirty and was kept")
    }

    private mutating func closed(_ id: ConnectionID) {
        model.phases[id] = nil
        apply(machine.closed(id, now: now), "closed \(id)")
    }

    private mutating func lose(_ id: ConnectionID) {
        model.spoiled.insert(id)
        apply(machine.lost(id, now: now), "lost \(id)")
    }

    private mutating func evict(_ step: SimulationStep) {
        let what: Eviction =
            switch step.pick % 3 {
            case 0: .all
            case 1: .host(configuration.hosts[Int(step.manner % UInt64(configuration.hosts.count))])
            default: .generation(step.manner % (machine.generation + 2))
            }
        for id in model.phases.keys {
            switch what {
            case .all: model.spoiled.insert(id)
            case .host(let host): if model.hostOf[id] == host { model.spoiled.insert(id) }
            case .generation(let last):
                if last <= machine.generation, model.generationOf[id] ?? 0 <= last { model.spoiled.insert(id) }
            }
        }
        apply(machine.evict(what, now: now), "evict \(what)")
    }

    private mutating func replaceHosts(_ hosts: [HostKey]) {
        model.hosts = hosts
        apply(machine.replaceHosts(hosts, now: now), "hosts \(hosts)")
    }

    private mutating func advance(by duration: Duration) {
        let target = now + duration
        while machine.wakeUp <= target {
            now = max(now, machine.wakeUp)
            tick()
            guard machine.wakeUp > now else { return model.report("the next tick is not later than this one") }
            model.checkState(of: machine, now: now)
        }
        now = target
    }

    private mutating func tick() {
        if let drainEnd, now >= drainEnd { stop() }
        apply(machine.tick(now: now), "tick")
    }

    private mutating func shutdown(after duration: Duration) {
        guard !model.hasFinished else { return }
        model.isShuttingDown = true
        let end = min(drainEnd ?? Instant(nanoseconds: .max), now + duration)
        drainEnd = end
        if now >= end { stop() }
        apply(machine.shutdown(deadline: end, now: now), "shutdown until \(end.nanoseconds / 1_000) µs")
    }

    private mutating func stop() {
        model.isStopped = true
        for id in model.ids(.connecting) {
            model.phases[id] = nil
            model.abandoned.append(id)
        }
    }
}
