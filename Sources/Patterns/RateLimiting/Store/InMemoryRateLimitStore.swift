import Determinism
import Synchronization

/// The size of an ``InMemoryRateLimitStore``.
public struct InMemoryRateLimitConfiguration: Sendable {
    /// How many keys find room: 16 to 2^28, 262,144 by default. A key under two limits counts twice. There is a place
    /// more for each twenty, rounded up to whole buckets, because the last places of a table are hard to find. 42 bytes
    /// for each key, which the system hands out as they are used.
    public var keyLimit = 1 << 18
    /// Parts with a lock each: `1...1_024`, 64 by default; more where one of them would have more than 65,512 places.
    public var shardCount = 64
    /// The defaults.
    public init() {}

    /// - Throws: the first setting that cannot be.
    public func validate() throws(RateLimitConfigurationError) {
        try RateLimitConfigurationError.check(Int64(keyLimit), "keyLimit", in: 16...(1 << 28))
        try RateLimitConfigurationError.check(Int64(shardCount), "shardCount", in: 1...1_024)
    }
}

/// What an ``InMemoryRateLimitStore`` holds and had to do.
public struct InMemoryRateLimitSnapshot: Sendable, Hashable {
    /// Places in use, some of them by states that say nothing any more.
    public internal(set) var keyCount = 0
    /// States that gave way to a newcomer because their two buckets were full.
    public internal(set) var evictionCount = 0
    /// Decisions by a state that newcomers without a place share.
    public internal(set) var sharedDecisionCount = 0
}

/// States of limits in this process, in nanoseconds of its monotonic clock. It never waits for anything but a lock: the
/// functions that are not `async` decide at once, without an allocation.
///
/// Memory has a hard bound; see `StateTable` for what happens there. Limits of one decision lock their shards in the
/// order of their numbers, so that decisions over several are atomic and never wait for each other in a circle.
public final class InMemoryRateLimitStore: RateLimitStore {
    /// A lock and its table, at an address of their own, which needs no reference counting.
    private struct Shard: ~Copyable {
        let table: Mutex<StateTable>
        init(bucketCount: Int, at base: UnsafeMutableRawPointer) {
            table = Mutex(StateTable(bucketCount: bucketCount, at: base))
        }

        func withLock<Value: Sendable>(_ body: (inout sending StateTable) -> sending Value) -> Value {
            table.withLock(body)
        }
    }
    /// Never written after the initializer; each table is used under its lock.
    nonisolated(unsafe) private let shards: UnsafeMutablePointer<Shard>
    private let shardCount: Int
    /// Of each shard.
    private let bucketCount: Int
    nonisolated(unsafe) private let memory: TableMemory
    private let seed: (UInt64, UInt64)
    private let time: any TimeSource
    /// The most keys of which something is kept: what was asked for, and a twentieth more.
    public let keyLimit: Int

    /// An empty store.
    /// - Parameter random: the source of the hash's secret seed.
    /// - Throws: the first setting that cannot be.
    public init(
        _ configuration: InMemoryRateLimitConfiguration = InMemoryRateLimitConfiguration(),
        time: any TimeSource = SystemTime(), random: any RandomSource = SystemRandom()
    ) throws(RateLimitConfigurationError) {
        try configuration.validate()
        let places = configuration.keyLimit + configuration.keyLimit / 20
        let buckets = (places + StateTable.width - 1) / StateTable.width
        let greatest = StateTable.greatestBucketCount
        let shardCount = min(max(configuration.shardCount, (buckets + greatest - 1) / greatest), buckets)
        let each = (buckets + shardCount - 1) / shardCount
        shards = .allocate(capacity: shardCount)
        let bytes = StateTable.byteCount(each)
        memory = TableMemory(byteCount: shardCount * bytes)
        for index in 0..<shardCount {
            (shards + index).initialize(to: Shard(bucketCount: each, at: memory.base + index * bytes))
        }
        (self.shardCount, bucketCount) = (shardCount, each)
        keyLimit = shardCount * each * StateTable.width
        seed = (random.next(), random.next())
        self.time = time
    }

    deinit {
        shards.deinitialize(count: shardCount)
        shards.deallocate()
    }

    /// Consumes, and charges nothing if it refuses. Reads the clock once.
    public func consume(_ cost: Int64 = 1, of limit: RateLimit, for key: RateLimitKey) -> RateLimitVerdict {
        let hash = hash(key.tenant, key.subject, limit)
        prefetch(hash)
        return verdict(.consume, cost, of: limit, hash, at: time.instant())
    }

    /// Decides about one limit at a given moment.
    /// - Parameter cost: less than zero counts as zero.
    public func verdict(
        _ operation: RateLimitOperation, _ cost: Int64 = 1, of limit: RateLimit, for key: RateLimitKey, at now: Instant
    ) -> RateLimitVerdict {
        let hash = hash(key.tenant, key.subject, limit)
        prefetch(hash)
        return verdict(operation, cost, of: limit, hash, at: now)
    }

    @inline(__always)
    private func verdict(
        _ operation: RateLimitOperation, _ cost: Int64, of limit: RateLimit, _ hash: UInt64, at now: Instant
    ) -> RateLimitVerdict {
        let (cost, now) = (max(0, cost), now.nanoseconds)
        var reading = LimitReading(outcome: .allowed)
        shards[shardIndex(hash)].withLock { table in
            let isAdmitted = Self.admitAtOnce(operation, cost, limit, hash, in: &table, now: now, &reading)
            if !isAdmitted { reading = Self.decided(operation, cost, limit, hash, in: &table, now: now) }
        }
        return RateLimitVerdict(limit, reading)
    }

    /// The way of most decisions: a key that is known, its limit unchanged, and it is admitted.
    @inline(__always)
    private static func admitAtOnce(
        _ operation: RateLimitOperation, _ cost: Int64, _ limit: RateLimit, _ hash: UInt64,
        in table: inout StateTable, now: Int64, _ reading: inout LimitReading
    ) -> Bool {
        guard case .consume = operation, let index = table.known(hash) else { return false }
        var state = table.load(index)
        guard LimiterMachine.admitAtOnce(&state, limit.nanoseconds, cost: cost, now: now, &reading) else {
            return false
        }
        table.charge(state, at: index)
        return true
    }

    @inline(never)
    private static func decided(
        _ operation: RateLimitOperation, _ cost: Int64, _ limit: RateLimit, _ hash: UInt64,
        in table: inout StateTable, now: Int64
    ) -> LimitReading {
        var claim = Claim(hash: hash, cost: cost, upTo: cost, adjustment: 0)
        claim.find(in: &table, operation, limit, now: now) { _ in false }
        claim.judge(operation, limit, now: now)
        claim.settle(operation, limit, isAdmitted: claim.reading.outcome == .allowed, now: now)
        claim.keep(in: &table, limit)
        return claim.reading
    }

    /// Decides at this moment, and charges all limits of the request or none.
    public func decide(_ request: RateLimitRequest) async throws(RateLimitStoreError) -> RateLimitDecision {
        decision(for: request, at: time.instant())
    }

    /// Decides at a given moment, and charges all limits of the request or none. It allocates the array of verdicts.
    public func decision(for request: RateLimitRequest, at now: Instant) -> RateLimitDecision {
        withUnsafeTemporaryAllocation(of: Claim.self, capacity: request.checks.count) { claims in
            for (index, check) in request.checks.enumerated() {
                let hash = hash(request.tenant, check.subject, check.limit)
                var claim = Claim(hash: hash, cost: check.cost, upTo: check.upTo, adjustment: check.adjustment)
                claim.shard = shardIndex(hash)
                claims.initializeElement(at: index, to: claim)
            }
            locking(after: -1, claims) { Claim.decide(claims, request, now: now.nanoseconds) }
            return RateLimitDecision(
                request.checks.indices.map { RateLimitVerdict(request.checks[$0].limit, claims[$0].reading) })
        }
    }

    /// Takes the claims' locks, in the order of the shards' numbers, and runs the body under all of them.
    private func locking(after last: Int, _ claims: UnsafeMutableBufferPointer<Claim>, _ body: () -> Void) {
        var next = Int.max
        for claim in claims where claim.shard > last { next = min(next, claim.shard) }
        guard next < .max else { return body() }
        shards[next].withLock { table in
            withUnsafeMutablePointer(to: &table) { pointer in
                for index in claims.indices where claims[index].shard == next { claims[index].table = pointer }
                locking(after: next, claims, body)
            }
        }
    }

    /// What is in the store: places in use (some by states that say nothing any more), states that gave way to others,
    /// and decisions by a state that newcomers share.
    public var snapshot: InMemoryRateLimitSnapshot {
        var snapshot = InMemoryRateLimitSnapshot()
        for index in 0..<shardCount {
            shards[index].withLock { table in
                snapshot.keyCount += table.count
                snapshot.evictionCount += table.evictionCount
                snapshot.sharedDecisionCount += table.sharedDecisionCount
            }
        }
        return snapshot
    }

    @inline(__always)
    private func hash(_ tenant: String, _ subject: String, _ limit: RateLimit) -> UInt64 {
        var hash = SipHash(seed: seed)
        // A limit's name is the operator's, and its hash a word of 64 bits: no lengths make two of them meet.
        let (first, second) = (tenant.utf8.count, subject.utf8.count)
        hash.add(word: limit.nameHash ^ UInt64(truncatingIfNeeded: first &<< 32 ^ second))
        hash.add(tenant)
        hash.add(subject)
        return hash.value()
    }

    @inline(__always)
    private func prefetch(_ hash: UInt64) {
        let base = memory.base + (shardIndex(hash) &* StateTable.byteCount(bucketCount))
        StateTable.prefetch(hash, bucketCount: bucketCount, at: base)
    }

    private func shardIndex(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(truncatingIfNeeded: shardCount)) >> 32)
    }
}
