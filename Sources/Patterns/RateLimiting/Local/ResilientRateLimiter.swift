import Determinism
import Synchronization

/// Always decides: by the store, and while that is away by the request's ``StoreLossPolicy``.
///
/// What was admitted without the store is charged to it when it is back: with the next request for the same key, and
/// for keys that nobody asks about by ``run()`` or ``reconcile()``. A debt drains as its limit does, is charged
/// whatever is left (up to twice the capacity in all), and is remembered in a table with a bound.
///
/// **Bounds while the store is away.** `share`: all processes together admit what the limit does, if their number is
/// right and the quota is no smaller than it; each process begins with a full share, so that up to once the quota may
/// come on top of what the store had admitted before. `allow`: no bound. `deny`: nothing.
///
/// A trip that timed out may have been charged; its request is decided here nevertheless and charged again, so that a
/// key loses at most what its own requests cost. Debts that it carried are not: they are dropped, and none travel again
/// until the store has answered something.
///
/// In the usual order it stands around a ``LeasedRateLimiter``, that around a ``GuardedRateLimitStore``, and that
/// around the store: see ``init(remote:gate:timeout:leases:loss:processes:time:observer:)``.
public final class ResilientRateLimiter: Sendable {
    private let store: any RateLimitStore
    private let leases: LeasedRateLimiter?
    private let shares: InMemoryRateLimitStore
    private let configuration: StoreLossConfiguration
    private let processes: @Sendable () -> Int
    private let time: any TimeSource
    private let observer: (any RateLimitObserver)?
    private let debts: Mutex<DebtTable>
    private let debtCount = Atomic(0)
    /// The last trip may have been charged and was not answered.
    private let isDoubtful = Atomic(false)

    /// Around any store.
    /// - Parameters:
    ///   - processes: how many processes are alive, for their shares; less than one counts as one.
    ///   - random: the source of the local table's secret seed.
    /// - Throws: the first setting that cannot be.
    public init(
        _ store: any RateLimitStore, _ configuration: StoreLossConfiguration = StoreLossConfiguration(),
        processes: @escaping @Sendable () -> Int, time: any TimeSource = SystemTime(),
        random: any RandomSource = SystemRandom(), observer: (any RateLimitObserver)? = nil
    ) throws(RateLimitConfigurationError) {
        try configuration.validate()
        var table = InMemoryRateLimitConfiguration()
        table.keyLimit = configuration.keyLimit
        (self.store, leases) = (store, store as? LeasedRateLimiter)
        shares = try InMemoryRateLimitStore(table, time: time, random: random)
        (self.configuration, self.processes) = (configuration, processes)
        (self.time, self.observer) = (time, observer)
        debts = Mutex(DebtTable(limit: configuration.keyLimit))
    }

    /// The usual order: a timeout and a gate around a store on other machines, leases around that, and this.
    /// - Parameters:
    ///   - timeout: how long one trip may take; 50 ms by default.
    ///   - leases: nil for a trip for each decision.
    /// - Throws: the first setting that cannot be.
    public convenience init(
        remote: any RateLimitStore, gate: any StoreGate, timeout: Duration = .milliseconds(50),
        leases: LeaseConfiguration? = LeaseConfiguration(), loss: StoreLossConfiguration = StoreLossConfiguration(),
        processes: @escaping @Sendable () -> Int, time: any TimeSource = SystemTime(),
        observer: (any RateLimitObserver)? = nil
    ) throws(RateLimitConfigurationError) {
        var store: any RateLimitStore = GuardedRateLimitStore(
            remote, timeout: timeout, gate: gate, time: time, observer: observer)
        if let leases {
            store = try LeasedRateLimiter(store, leases, processes: processes, time: time, observer: observer)
        }
        try self.init(store, loss, processes: processes, time: time, observer: observer)
    }

    /// How many keys have debts.
    public var pendingDebtCount: Int { debtCount.load(ordering: .relaxed) }

    /// Decides.
    public func decide(_ request: RateLimitRequest) async -> RateLimitDecision {
        let (sent, owed) = withDebts(request)
        var decision: RateLimitDecision
        do throws(RateLimitStoreError) {
            decision = try await store.decide(sent)
            // A lease and a remembered refusal say nothing about the store.
            if isDoubtful.load(ordering: .relaxed), decision.verdicts.contains(where: { $0.source == .store }) {
                isDoubtful.store(false, ordering: .relaxed)
            }
            for loan in owed { observer?.note(.reconciled(tokens: loan.tokens)) }
        } catch {
            for loan in owed { settle(loan, error) }
            doubt(error)
            decision = decideAlone(request)
        }
        for verdict in decision.verdicts where verdict.isShadow && !verdict.isAllowed {
            observer?.note(.wouldHaveRefused(limit: verdict.name))
        }
        return decision
    }

    /// Charges what is owed, and gives back what was leased and not used, now and then until it is cancelled. Run it in
    /// a task of the application's own, such as a service group's, and ``close()`` behind it.
    public func run() async {
        while !Task.isCancelled {
            guard (try? await time.sleep(for: configuration.reconcileInterval)) != nil else { break }
            await reconcile()
            try? await leases?.returnUnused()
        }
    }

    /// Charges what is owed and gives back all that was leased and not used: for a process that ends. Not in a task
    /// that was cancelled, whose calls would not be made.
    public func close() async {
        var before = Int.max
        while !Task.isCancelled, case let left = await reconcile(), left > 0, left < before { before = left }
        let now = time.instant()
        for loan in debts.withLock({ $0.takeSome(.max, now: now) }) {
            observer?.note(.debtDropped(tokens: loan.tokens))
        }
        updateCount()
        try? await leases?.returnUnused(all: true)
    }

    /// Charges what is owed to the store, as far as that answers.
    /// - Returns: how many keys still owe.
    @discardableResult
    public func reconcile() async -> Int {
        guard pendingDebtCount > 0 else { return 0 }
        let now = time.instant()
        let some = debts.withLock { $0.takeSome(configuration.reconcileCount, now: now) }
        // One failure may be that of a key which the store cannot charge at all: it must not stand before all others.
        var failuresInARow = 0
        for loan in some {
            // What a cancelled task asks is not asked.
            guard failuresInARow < 2, !Task.isCancelled, await answers(about: loan) else {
                failuresInARow += 1
                putBack(loan)
                continue
            }
            do throws(RateLimitStoreError) {
                _ = try await store.decide(loan.request(.penalty, cost: loan.tokens))
                observer?.note(.reconciled(tokens: loan.tokens))
                failuresInARow = 0
            } catch {
                failuresInARow += 1
                settle(loan, error)
                doubt(error)
            }
        }
        return updateCount()
    }

    /// Whether a debt may travel: while that is in doubt, what loses nothing goes first.
    private func answers(about loan: Loan) async -> Bool {
        guard isDoubtful.load(ordering: .relaxed) else { return true }
        guard (try? await store.decide(loan.request(.peek, cost: 1))) != nil else { return false }
        isDoubtful.store(false, ordering: .relaxed)
        return true
    }

    // MARK: Without the store

    private func decideAlone(_ request: RateLimitRequest) -> RateLimitDecision {
        let policy = request.whenStoreIsAway ?? configuration.policy
        let now = time.instant()
        var decision: RateLimitDecision
        switch policy {
        case .share:
            decision = shareDecision(request, now: now)
        case .allow, .deny:
            let outcome = policy == .allow ? RateLimitOutcome.allowed : .refused
            decision = RateLimitDecision(
                request.checks.map { check in
                    var reading = LimitReading(outcome: check.cost > check.limit.quota ? .never : outcome)
                    if reading.outcome == .allowed {
                        reading.granted = request.operation == .consume ? check.cost : 0
                        reading.remaining = check.limit.quota
                    }
                    if reading.outcome == .refused { reading.wait = configuration.retryAfter.inNanoseconds }
                    return RateLimitVerdict(check.limit, reading)
                })
        }
        for index in decision.verdicts.indices { decision.verdicts[index].source = .fallback }
        observer?.note(.fallbackDecision(policy, isAllowed: decision.isAllowed))
        owe(for: decision, request)
        return decision
    }

    private func shareDecision(_ request: RateLimitRequest, now: Instant) -> RateLimitDecision {
        let count = processes()
        var local = request
        for index in local.checks.indices { local.checks[index].limit = local.checks[index].limit.share(of: count) }
        var decision = shares.decision(for: local, at: now)
        var verdicts = decision.verdicts
        for (index, check) in request.checks.enumerated()
        where verdicts[index].outcome == .never && check.cost <= check.limit.quota {
            // It is too much for a share, not for the limit.
            verdicts[index].outcome = .refused
            verdicts[index].retryNanoseconds = configuration.retryAfter.inNanoseconds
        }
        decision = RateLimitDecision(verdicts)
        return decision
    }

    private func owe(for decision: RateLimitDecision, _ request: RateLimitRequest) {
        for (check, verdict) in zip(request.checks, decision.verdicts) {
            switch request.operation {
            case .consume where verdict.granted > 0: owe(verdict.granted, LocalKey(request, check), check.limit)
            case .penalty: owe(check.cost, LocalKey(request, check), check.limit)
            default: break
            }
        }
        updateCount()
    }

    // MARK: Debts

    /// The request with what is owed for its keys.
    private func withDebts(_ request: RateLimitRequest) -> (RateLimitRequest, [Loan]) {
        guard pendingDebtCount > 0, !isDoubtful.load(ordering: .relaxed) else { return (request, []) }
        if case .peek = request.operation { return (request, []) }
        let now = time.instant()
        var (sent, owed) = (request, [Loan]())
        debts.withLock { debts in
            for (index, check) in request.checks.enumerated() {
                guard let loan = debts.take(LocalKey(request, check), now: now) else { continue }
                owed.append(loan)
                sent.checks[index].adjustment += loan.tokens
            }
        }
        updateCount()
        return (sent, owed)
    }

    /// A trip with a debt has failed.
    private func settle(_ loan: Loan, _ error: RateLimitStoreError) {
        if error.mayHaveCharged { observer?.note(.debtDropped(tokens: loan.tokens)) } else { putBack(loan) }
    }

    private func putBack(_ loan: Loan) {
        let now = time.instant()
        let isRemembered = debts.withLock { $0.putBack(loan, now: now) }
        if !isRemembered { observer?.note(.debtDropped(tokens: loan.tokens)) }
    }

    private func doubt(_ error: RateLimitStoreError) {
        if error.mayHaveCharged, error.isFailureOfStore { isDoubtful.store(true, ordering: .relaxed) }
    }

    private func owe(_ tokens: Int64, _ key: LocalKey, _ limit: RateLimit) {
        let now = time.instant()
        let isRemembered = debts.withLock { $0.add(tokens, key, limit, now: now) }
        if !isRemembered { observer?.note(.debtDropped(tokens: tokens)) }
    }

    @discardableResult
    private func updateCount() -> Int {
        debts.withLock { debts in
            debtCount.store(debts.count, ordering: .relaxed)
            return debts.count
        }
    }
}
