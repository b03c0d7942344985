import Synchronization

/// What happened on the way to decisions.
public enum RateLimitEvent: Sendable, Hashable {
    /// The store was asked about so many limits.
    case storeTrip(checks: Int)
    /// The store gave no answer.
    case storeFailure(RateLimitStoreError.Code)
    /// A decision without the store: from leased tokens or from a remembered refusal.
    case localDecision(RateLimitSource)
    /// A decision while the store was away, by this policy.
    case fallbackDecision(StoreLossPolicy, isAllowed: Bool)
    /// A caller waited for another one's trip about the same key instead of making its own.
    case coalesced
    /// More tokens than needed were taken for later requests.
    case leased(tokens: Int64)
    /// Leased tokens that were not used went back to the store.
    case returned(tokens: Int64)
    /// Leased tokens that were not used are lost to their key until it refills: they came too late to be of worth, or
    /// the trip that was to give them back had no answer.
    case lapsed(tokens: Int64)
    /// Tokens admitted while the store was away were charged to it.
    case reconciled(tokens: Int64)
    /// Tokens admitted while the store was away will not be charged again: the table of debts was full, or the trip
    /// that carried them may have been charged and was not answered.
    case debtDropped(tokens: Int64)
    /// A local table was full; a key was decided without it.
    case tableFull
    /// A shadow limit would have refused what was admitted.
    case wouldHaveRefused(limit: String)
}

/// Hears what happens. Called from the middle of decisions: it must be quick and must not call back.
public protocol RateLimitObserver: Sendable {
    /// Something happened.
    func note(_ event: RateLimitEvent)
}

/// Counts what happens.
public final class RateLimitCounts: RateLimitObserver {
    /// How often each thing happened, or how many tokens it was about.
    public struct Snapshot: Sendable, Hashable {
        /// Trips to the store.
        public internal(set) var storeTrips = 0
        /// Trips without an answer.
        public internal(set) var storeFailures = 0
        /// Decisions from leased tokens.
        public internal(set) var leaseDecisions = 0
        /// Decisions by a remembered refusal.
        public internal(set) var rememberedRefusals = 0
        /// Decisions while the store was away.
        public internal(set) var fallbackDecisions = 0
        /// Of those, how many admitted.
        public internal(set) var fallbackAdmissions = 0
        /// Callers that waited for another one's trip.
        public internal(set) var coalesced = 0
        /// Tokens taken for later requests.
        public internal(set) var tokensLeased: Int64 = 0
        /// Leased tokens that went back.
        public internal(set) var tokensReturned: Int64 = 0
        /// Leased tokens that were lost.
        public internal(set) var tokensLapsed: Int64 = 0
        /// Tokens charged after the store was back.
        public internal(set) var tokensReconciled: Int64 = 0
        /// Tokens that were not.
        public internal(set) var tokensDropped: Int64 = 0
        /// Decisions without a place in a local table.
        public internal(set) var fullTables = 0
        /// Refusals by shadow limits.
        public internal(set) var wouldHaveRefused = 0
    }
    private let counts = Mutex(Snapshot())

    /// Nothing has happened.
    public init() {}

    /// What has happened so far.
    public var snapshot: Snapshot { counts.withLock { $0 } }

    /// Counts it.
    public func note(_ event: RateLimitEvent) {
        counts.withLock { counts in
            switch event {
            case .storeTrip: counts.storeTrips += 1
            case .storeFailure: counts.storeFailures += 1
            case .localDecision(.rememberedRefusal): counts.rememberedRefusals += 1
            case .localDecision: counts.leaseDecisions += 1
            case .fallbackDecision(_, let isAllowed):
                counts.fallbackDecisions += 1
                if isAllowed { counts.fallbackAdmissions += 1 }
            case .coalesced: counts.coalesced += 1
            case .leased(let tokens): counts.tokensLeased += tokens
            case .returned(let tokens): counts.tokensReturned += tokens
            case .lapsed(let tokens): counts.tokensLapsed += tokens
            case .reconciled(let tokens): counts.tokensReconciled += tokens
            case .debtDropped(let tokens): counts.tokensDropped += tokens
            case .tableFull: counts.fullTables += 1
            case .wouldHaveRefused: counts.wouldHaveRefused += 1
            }
        }
    }
}
