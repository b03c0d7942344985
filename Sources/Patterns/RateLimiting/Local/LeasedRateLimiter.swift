import Determinism
import Synchronization

/// Serves hot keys in this process: from tokens that it leases from the store in slices, and by refusals that it
/// remembers.
///
/// **What it promises.** Every token is charged to the store before it is used, so over any time that begins with a
/// full or fresh key no more is admitted than the limit allows, however many processes there are. Within a stretch that
/// begins later, tokens that were leased before it may be used in it: at most ``LeaseConfiguration/largestShare`` of
/// the quota more than the limit's own bound. Tokens that a process leased and did not use are given back with the next
/// trip for their key or by ``returnUnused(all:)``; of a process that dies they are lost to the key until they refill.
///
/// **One trip at a time** for a key: those who come meanwhile wait for it, and the next trip takes enough for all of
/// them. Such a wait is not ended by cancellation; let the store have a timeout (``GuardedRateLimitStore``).
///
/// **Not leased**, but asked each time: limits that count attempts, and all operations but
/// ``RateLimitOperation/consume``, which also make this process forget what it knows of their keys. A shadow limit is
/// charged as if it stood alone, but not by requests that are refused here without a trip.
public final class LeasedRateLimiter: RateLimitStore {
    private let store: any RateLimitStore
    private let configuration: LeaseConfiguration
    private let processes: @Sendable () -> Int
    private let time: any TimeSource
    private let observer: (any RateLimitObserver)?
    private let shards: [Shard]

    private final class Shard: Sendable {
        let table: Mutex<LeaseTable>
        init(limit: Int) { table = Mutex(LeaseTable(limit: limit)) }
    }

    /// - Parameters:
    ///   - store: where the limits are kept for all processes.
    ///   - processes: how many of them are alive; asked at each trip, under a lock: it must be quick. Less than one
    ///     counts as one.
    /// - Throws: the first setting that cannot be.
    public init(
        _ store: any RateLimitStore, _ configuration: LeaseConfiguration = LeaseConfiguration(),
        processes: @escaping @Sendable () -> Int, time: any TimeSource = SystemTime(),
        observer: (any RateLimitObserver)? = nil
    ) throws(RateLimitConfigurationError) {
        try configuration.validate()
        (self.store, self.configuration, self.processes) = (store, configuration, processes)
        (self.time, self.observer) = (time, observer)
        let each = (configuration.keyLimit + configuration.shardCount - 1) / configuration.shardCount
        shards = (0..<configuration.shardCount).map { _ in Shard(limit: each) }
    }

    /// How many keys something is known of.
    public var keyCount: Int { shards.reduce(0) { $0 + $1.table.withLock { $0.count } } }
    /// How many wait for a trip that is under way.
    var waiterCount: Int { shards.reduce(0) { $0 + $1.table.withLock { $0.waiterCount } } }

    /// Decides here if it can, else asks the store.
    public func decide(_ request: RateLimitRequest) async throws(RateLimitStoreError) -> RateLimitDecision {
        guard case .consume = request.operation, !request.checks.contains(where: { $0.limit.countsAttempts }) else {
            return try await change(request)
        }
        let shard = shard(of: request.tenant)
        var waited: LocalKey?
        while true {
            let now = time.instant()
            let (plan, lapsed) = shard.table.withLock { [waited] table in
                (table.plan(request, waited: waited, now: now, bounds: bounds), table.takeLapsed())
            }
            note(lapsed: lapsed)
            switch plan {
            case .decided(let decision):
                let isRefusal = !decision.isAllowed
                observer?.note(.localDecision(isRefusal ? .rememberedRefusal : .lease))
                return decision
            case .travel(let trip):
                return try await travel(request, trip, shard)
            case .wait(let name):
                observer?.note(.coalesced)
                if let error = await wait(for: name, shard) { throw error }
                waited = name
            case .bypass:
                observer?.note(.tableFull)
                return try await store.decide(request)
            }
        }
    }

    private func travel(
        _ request: RateLimitRequest, _ trip: LeaseTable.Trip, _ shard: Shard
    ) async throws(RateLimitStoreError) -> RateLimitDecision {
        let began = time.instant()
        do throws(RateLimitStoreError) {
            let answer = try await store.decide(trip.sent)
            let now = time.instant()
            let (arrival, lapsed) = shard.table.withLock { table in
                (table.arrive(answer, request, trip, sent: began, now: now, bounds: bounds), table.takeLapsed())
            }
            for waiter in arrival.woken { waiter.resume(returning: nil) }
            if arrival.leased > 0 { observer?.note(.leased(tokens: arrival.leased)) }
            note(lapsed: lapsed)
            for (check, index) in zip(trip.sent.checks, trip.checks) {
                let returned = request.checks[index].adjustment - check.adjustment
                if returned > 0 { observer?.note(.returned(tokens: returned)) }
            }
            return arrival.decision
        } catch {
            let (woken, lapsed) = shard.table.withLock { table in
                (table.fail(request, trip, mayHaveReturned: error.mayHaveCharged), table.takeLapsed())
            }
            note(lapsed: lapsed)
            // They would only fail one after the other, unless it was the caller who gave up. Nothing of theirs was
            // sent.
            let theirs = error.mayHaveCharged ? RateLimitStoreError(.unavailable, detail: "\(error)") : error
            for waiter in woken { waiter.resume(returning: error.code == .cancelled ? nil : theirs) }
            throw error
        }
    }

    private func wait(for name: LocalKey, _ shard: Shard) async -> RateLimitStoreError? {
        await withCheckedContinuation { waiter in
            let waits = shard.table.withLock { $0.wait(for: name, waiter) }
            if !waits { waiter.resume(returning: nil) }
        }
    }

    /// Everything but a consumption that can be leased: the store is asked, with what this process still had of the
    /// keys.
    private func change(_ request: RateLimitRequest) async throws(RateLimitStoreError) -> RateLimitDecision {
        var sent = request
        if case .peek = request.operation { return try await store.decide(sent) }
        let unused = invalidate(request)
        for (index, tokens) in unused.enumerated() { sent.checks[index].adjustment -= tokens }
        let tokens = unused.reduce(Int64(0)) { $0.adding($1) }
        do throws(RateLimitStoreError) {
            let decision = try await store.decide(sent)
            if tokens > 0 { observer?.note(.returned(tokens: tokens)) }
            // A trip that was under way may have brought back what was true before.
            note(lapsed: invalidate(request).reduce(Int64(0)) { $0.adding($1) })
            return decision
        } catch {
            note(lapsed: tokens)
            throw error
        }
    }

    /// Forgets what is known of the request's keys.
    /// - Returns: for each check what was leased and not used, and is of worth to the store.
    private func invalidate(_ request: RateLimitRequest) -> [Int64] {
        let now = time.instant()
        let (unused, lapsed) = shard(of: request.tenant).table.withLock { table in
            (table.invalidate(request, now: now), table.takeLapsed())
        }
        note(lapsed: lapsed)
        return unused
    }

    private func note(lapsed tokens: Int64) {
        if tokens > 0 { observer?.note(.lapsed(tokens: tokens)) }
    }

    /// Gives back to the store what was leased and not used in time; with `all`, everything that is leased, as at a
    /// shutdown, and what the trips that are under way bring. Owners call it now and then, or let
    /// ``ResilientRateLimiter/run()`` do so.
    /// - Throws: what the store throws; what was not given back by then is lost until it refills.
    public func returnUnused(all: Bool = false) async throws(RateLimitStoreError) {
        for shard in shards {
            if all { await tripsUnderWay(shard) }
            let now = time.instant()
            let (unused, lapsed) = shard.table.withLock { table in
                (table.surrender(all: all, now: now), table.takeLapsed())
            }
            note(lapsed: lapsed)
            var rest = unused[...]
            // What was taken out for the store, and does not come there, is lost.
            defer { note(lapsed: rest.reduce(Int64(0)) { $0.adding($1.tokens) }) }
            while let (name, limit, tokens) = rest.first {
                let key = RateLimitKey(name.tenant, name.subject)
                _ = try await store.decide(RateLimitRequest(.reward, key, limit, cost: tokens))
                observer?.note(.returned(tokens: tokens))
                rest.removeFirst()
            }
        }
    }

    /// Waits for them, once: a process that ends begins no others.
    private func tripsUnderWay(_ shard: Shard) async {
        for name in shard.table.withLock({ $0.travelling }) { _ = await wait(for: name, shard) }
    }

    private func bounds(_ limit: RateLimit) -> LeaseMachine.Bounds {
        let processes = Int64(max(1, processes()))
        return LeaseMachine.Bounds(
            slice: Int64(Double(limit.quota) * configuration.largestShare) / processes,
            lifetime: configuration.lifetime, memory: configuration.refusalMemory, processes: processes)
    }

    private func shard(of tenant: String) -> Shard {
        shards[Int(SipHash.hash(tenant, seed: (1, 2)) % UInt64(shards.count))]
    }
}
