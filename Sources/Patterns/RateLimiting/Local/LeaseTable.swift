import Determinism

/// The keys of some tenants that a process knows something of, and who waits for the store's answer about them. A pure
/// value; its owner keeps it under a lock.
struct LeaseTable {
    typealias Waiter = CheckedContinuation<RateLimitStoreError?, Never>

    /// What a request has to do.
    enum Plan {
        /// It is decided.
        case decided(RateLimitDecision)
        /// Ask the store.
        case travel(Trip)
        /// Somebody asks about this key already: wait for the answer, then begin anew.
        case wait(LocalKey)
        /// There is no room to know anything of it: ask the store as it is.
        case bypass
    }
    /// A question to the store about some of a request's limits.
    struct Trip {
        /// What is asked.
        var sent: RateLimitRequest
        /// Which of the request's checks it is about, in the same order.
        var checks: [Int]
        /// Checks that have tokens here, set aside until the answer, and the generation that those are of.
        var setAside: [(check: Int, generation: Int)] = []
    }
    private var keys: [LocalKey: LeaseMachine] = [:]
    private var waiters: [LocalKey: [Waiter]] = [:]
    /// Leased, not used, and lost, since it was taken last.
    private var lapsed: Int64 = 0
    private let limit: Int
    private var nextSweep = Instant(nanoseconds: .min)

    init(limit: Int) { self.limit = limit }

    var count: Int { keys.count }
    /// Keys about which the store is being asked.
    var travelling: [LocalKey] { keys.compactMap { name, machine in machine.isTravelling ? name : nil } }
    /// How many wait for such a question's answer.
    var waiterCount: Int { waiters.values.reduce(0) { $0 + $1.count } }

    /// Tokens that have been lost since this was asked last.
    mutating func takeLapsed() -> Int64 {
        defer { lapsed = 0 }
        return lapsed
    }

    private mutating func collectLapsed(_ name: LocalKey) {
        lapsed = lapsed.adding(keys[name]?.takeLapsed() ?? 0)
    }

    /// Decides from what is known, or says what to do.
    /// - Parameter waited: the key that this request has waited for.
    mutating func plan(
        _ request: RateLimitRequest, waited: LocalKey?, now: Instant, bounds: (RateLimit) -> LeaseMachine.Bounds
    ) -> Plan {
        if request.checks.count == 1, waited == nil, let verdict = verdictAtOnce(request, request.checks[0], now: now) {
            return .decided(RateLimitDecision([verdict]))
        }
        let names = request.checks.map { LocalKey(request, $0) }
        let waitedCheck = waited.flatMap { names.firstIndex(of: $0) }
        if let waitedCheck { keys[names[waitedCheck]]?.waitIsOver(cost: request.checks[waitedCheck].cost) }
        // What was fetched for those who waited is theirs or the store's, whatever another limit says to them.
        defer {
            if let waitedCheck { keys[names[waitedCheck]]?.trim(bounds(request.checks[waitedCheck].limit)) }
        }
        guard makeRoom(for: names, request, now: now) else { return .bypass }
        var answers: [LeaseMachine.Answer] = []
        for (index, check) in request.checks.enumerated() {
            keys[names[index], default: LeaseMachine(check.limit)].change(to: check.limit)
            keys[names[index]]?.age(now: now)
            collectLapsed(names[index])
            let answer = keys[names[index]]?.answer(cost: check.cost, now: now) ?? .travel
            answers.append(check.adjustment == 0 ? answer : .travel)
        }
        let isSettled = request.checks.allSatisfy { $0.adjustment == 0 }
        let refuses = request.checks.indices.contains { answers[$0] == .refuse && !request.checks[$0].limit.isShadow }
        if refuses, isSettled { return .decided(decision(request, names, answers, isAdmitted: false, now: now)) }
        let travelling = answers.indices.filter { answers[$0] == .travel || answers[$0] == .refuse && !isSettled }
        if travelling.isEmpty {
            return .decided(decision(request, names, answers, isAdmitted: true, now: now))
        }
        return depart(request, names, travelling, now: now, bounds: bounds)
    }

    /// The way of most decisions about one limit: one look at its key.
    private mutating func verdictAtOnce(
        _ request: RateLimitRequest, _ check: RateLimitCheck, now: Instant
    ) -> RateLimitVerdict? {
        guard check.adjustment == 0, let place = keys.index(forKey: LocalKey(request, check)) else { return nil }
        return keys.values[place].verdictAtOnce(check.limit, cost: check.cost, now: now)
    }

    private mutating func depart(
        _ request: RateLimitRequest, _ names: [LocalKey], _ travelling: [Int], now: Instant,
        bounds: (RateLimit) -> LeaseMachine.Bounds
    ) -> Plan {
        if let busy = travelling.first(where: { keys[names[$0]]?.isTravelling == true }) {
            keys[names[busy]]?.waits(cost: request.checks[busy].cost)
            return .wait(names[busy])
        }
        var trip = Trip(sent: request, checks: travelling)
        trip.sent.checks = travelling.map { index in
            var check = request.checks[index]
            let plan = keys[names[index]]?.depart(cost: check.cost, bounds: bounds(check.limit), now: now)
            check.upTo = max(check.upTo, plan?.upTo ?? 0)
            check.adjustment -= plan?.refund ?? 0
            return check
        }
        for index in request.checks.indices where !travelling.contains(index) {
            // A shadow limit that would refuse stays as it is.
            guard let machine = keys[names[index]] else { continue }
            guard machine.answer(cost: request.checks[index].cost, now: now) == .serve else { continue }
            keys[names[index]]?.use(request.checks[index].cost)
            trip.setAside.append((index, machine.generation))
        }
        return .travel(trip)
    }

    /// The store has answered a trip: takes what it granted, and puts together what all limits say.
    /// - Returns: the decision, those who waited, and how many tokens were granted beyond the cost.
    mutating func arrive(
        _ answer: RateLimitDecision, _ request: RateLimitRequest, _ trip: Trip, sent: Instant, now: Instant,
        bounds: (RateLimit) -> LeaseMachine.Bounds
    ) -> (decision: RateLimitDecision, woken: [Waiter], leased: Int64) {
        var woken: [Waiter] = []
        var leased: Int64 = 0
        var verdicts: [RateLimitVerdict] = []
        for (index, check) in request.checks.enumerated() {
            let name = LocalKey(request, check)
            guard let place = trip.checks.firstIndex(of: index) else {
                verdicts.append(localVerdict(index, request, trip, isAdmitted: answer.isAllowed, now: now))
                continue
            }
            var verdict = answer.verdicts[place]
            let isCharged = check.limit.isShadow ? verdict.isAllowed : answer.isAllowed
            leased +=
                keys[name]?.arrive(
                    verdict, cost: check.cost, isAdmitted: isCharged, bounds: bounds(check.limit), sent: sent) ?? 0
            collectLapsed(name)
            verdict.remaining = verdict.remaining.adding(max(0, verdict.granted - check.cost))
            verdict.granted = isCharged ? check.cost : 0
            verdicts.append(verdict)
            woken += waiters.removeValue(forKey: name) ?? []
        }
        return (RateLimitDecision(verdicts), woken, leased)
    }

    /// What a limit says that did not need the store: what was set aside is used, or put back if it was in vain.
    private mutating func localVerdict(
        _ index: Int, _ request: RateLimitRequest, _ trip: Trip, isAdmitted: Bool, now: Instant
    ) -> RateLimitVerdict {
        let check = request.checks[index]
        let name = LocalKey(request, check)
        let aside = trip.setAside.first { $0.check == index }
        let isCharged = aside != nil && (isAdmitted || check.limit.isShadow)
        if let aside, !isCharged { putBack(check.cost, name, from: aside.generation) }
        let reading = (keys[name] ?? LeaseMachine(check.limit)).reading(
            aside == nil ? .refused : .allowed, granted: isCharged ? check.cost : 0, now: now)
        var verdict = RateLimitVerdict(check.limit, reading)
        verdict.source = aside == nil ? .rememberedRefusal : .lease
        return verdict
    }

    private mutating func putBack(_ cost: Int64, _ name: LocalKey, from generation: Int) {
        // Its machine may have been forgotten meanwhile.
        guard keys[name] != nil else { return lapsed = lapsed.adding(cost) }
        keys[name]?.putBack(cost, from: generation)
        collectLapsed(name)
    }

    /// There was no answer.
    /// - Parameter mayHaveReturned: whether the store may have heard of the trip.
    mutating func fail(_ request: RateLimitRequest, _ trip: Trip, mayHaveReturned: Bool) -> [Waiter] {
        for (index, generation) in trip.setAside {
            putBack(request.checks[index].cost, LocalKey(request, request.checks[index]), from: generation)
        }
        var woken: [Waiter] = []
        for index in trip.checks {
            let name = LocalKey(request, request.checks[index])
            keys[name]?.fail(mayHaveReturned: mayHaveReturned)
            collectLapsed(name)
            woken += waiters.removeValue(forKey: name) ?? []
        }
        return woken
    }

    /// Waits for the trip about a key, unless that has ended meanwhile.
    mutating func wait(for name: LocalKey, _ waiter: Waiter) -> Bool {
        guard keys[name]?.isTravelling == true else { return false }
        waiters[name, default: []].append(waiter)
        return true
    }

    /// The store is about to be changed: nothing is known any more.
    /// - Returns: for each check what was leased and not used.
    mutating func invalidate(_ request: RateLimitRequest, now: Instant) -> [Int64] {
        request.checks.map { check in
            let name = LocalKey(request, check)
            defer { collectLapsed(name) }
            return keys[name]?.invalidate(now: now) ?? 0
        }
    }

    /// Takes out what was leased and is not used any more, or all that is leased.
    mutating func surrender(all: Bool, now: Instant) -> [(name: LocalKey, limit: RateLimit, tokens: Int64)] {
        var found: [(name: LocalKey, limit: RateLimit, tokens: Int64)] = []
        for (name, var machine) in keys where !machine.isTravelling {
            machine.age(now: now)
            let unused = all ? machine.invalidate(now: now) : machine.takeSurplus()
            if unused > 0 { found.append((name, machine.limit, unused)) }
            lapsed = lapsed.adding(machine.takeLapsed())
            keys[name] = machine.saysNothing(now: now) ? nil : machine
        }
        return found
    }

    private mutating func makeRoom(for names: [LocalKey], _ request: RateLimitRequest, now: Instant) -> Bool {
        let missing = names.count { keys[$0] == nil }
        if keys.count + missing <= limit { return true }
        // A sweep looks at every key: not more than ten times a second, by a clock that may have been put back.
        guard now >= nextSweep || nextSweep - now > .seconds(1) else { return false }
        nextSweep = now + .milliseconds(100)
        for (name, machine) in keys where machine.saysNothing(now: now) {
            lapsed = lapsed.adding(machine.forgotten())
            keys[name] = nil
        }
        return keys.count + missing <= limit
    }

    private mutating func decision(
        _ request: RateLimitRequest, _ names: [LocalKey], _ answers: [LeaseMachine.Answer], isAdmitted: Bool,
        now: Instant
    ) -> RateLimitDecision {
        RateLimitDecision(
            request.checks.enumerated().map { index, check in
                let refuses = answers[index] == .refuse
                // A shadow limit is charged as if it stood alone, if it can be without a trip.
                let isCharged = answers[index] == .serve && (isAdmitted || check.limit.isShadow)
                if isCharged { keys[names[index]]?.use(check.cost) }
                let machine = keys[names[index]] ?? LeaseMachine(check.limit)
                let reading = machine.reading(
                    refuses ? .refused : .allowed, granted: isCharged ? check.cost : 0, now: now)
                var verdict = RateLimitVerdict(check.limit, reading)
                verdict.source = refuses ? .rememberedRefusal : .lease
                return verdict
            })
    }
}
