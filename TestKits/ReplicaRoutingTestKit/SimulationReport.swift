/// What a simulation did and found.
public struct SimulationReport: Sendable {
    /// Promises that did not hold, in words; none in a sound router.
    public internal(set) var violations: [String] = []
    /// Commits that clients were told of.
    public internal(set) var commits = 0
    /// Reads with a position that were served by a replica.
    public internal(set) var replicaReads = 0
    /// Reads with a position that were served by a primary.
    public internal(set) var primaryReads = 0
    /// Reads with a position that were refused for now.
    public internal(set) var refusedReads = 0
    /// Reads that were told that their write is gone.
    public internal(set) var lostWrites = 0
    /// Reads that a replica would have served wrongly, had the driver not compared the position in the same round trip.
    public internal(set) var caughtByDriver = 0
    /// Eventual reads whose age was held against the truth.
    public internal(set) var agedReads = 0
    /// Promotions.
    public internal(set) var promotions = 0
    /// Changes of primary that routers found.
    public internal(set) var changesOfPrimary = 0

    /// Nothing was done yet.
    public init() {}

    /// Adds another's figures.
    public mutating func add(_ other: SimulationReport) {
        violations += other.violations
        commits += other.commits
        replicaReads += other.replicaReads
        primaryReads += other.primaryReads
        refusedReads += other.refusedReads
        lostWrites += other.lostWrites
        caughtByDriver += other.caughtByDriver
        agedReads += other.agedReads
        promotions += other.promotions
        changesOfPrimary += other.changesOfPrimary
    }
}
