/// How a replica set is watched and how its reads are routed. Each default is meant for servers in one region.
public struct ReplicaRoutingConfiguration: Sendable, Hashable {
    /// What to do with a new primary while the registry cannot be asked.
    public enum RegistryAbsence: Sendable, Hashable {
        /// Wait for the registry: no writes meanwhile, and no second primary ever.
        case wait
        /// Believe the primary of the highest timeline: writes go on, and two servers may for a while believe two hosts
        /// that were promoted to the same timeline.
        case believeHighestTimeline
    }

    // MARK: Watching

    /// The time between two probes of a host while all is well and reads come in.
    public var probePeriod: Duration = .milliseconds(200)
    /// The time between two probes while something is unsettled: no primary, a host that just failed, a new timeline.
    public var urgentProbePeriod: Duration = .milliseconds(50)
    /// The time between two probes while nobody reads, and of a host that is down.
    public var idleProbePeriod: Duration = .milliseconds(500)
    /// The shortest time a host gets for an answer. The time itself is eight times its usual round trip.
    public var shortestProbeTimeout: Duration = .milliseconds(100)
    /// The longest time a host gets for an answer, and what a host gets that was never heard of.
    public var longestProbeTimeout: Duration = .seconds(1)
    /// How many probes in a row must fail before a host counts as down.
    public var failuresUntilDown = 3
    /// How many probes in a row must succeed before a host that was down counts as up.
    public var successesUntilUp = 2
    /// How long a primary is used after its last answer; a router that was itself paused longer knows no primary.
    public var primaryLease: Duration = .seconds(5)
    /// How often the registry is read.
    public var registryPeriod: Duration = .seconds(1)
    /// How long the registry gets for an answer.
    public var registryTimeout: Duration = .seconds(2)
    /// What to do with a new primary while the registry cannot be asked.
    public var whenRegistryIsAway: RegistryAbsence = .wait
    /// Whether a primary is refused that has `fsync` or `synchronous_commit` off: it loses what it acknowledged.
    public var requiresDurability = true

    // MARK: Reading

    /// How old a replica's state may be for a read that does not say.
    public var maximumAge: Duration = .seconds(5)
    /// Above this age a replica counts as lagging; it counts as caught up again below half of it.
    public var lagLimit: Duration = .seconds(5)
    /// Above this distance to the primary, in bytes of log, a replica counts as lagging, as for ``lagLimit``.
    public var lagLimitBytes: UInt64 = 64 << 20
    /// What the hosts' clocks may differ by, where heartbeats are compared with them.
    public var clockTolerance: Duration = .milliseconds(500)
    /// How long a read with a position waits for the freshest replica before it goes to the primary; never longer than
    /// a tenth of what is left of its deadline.
    public var catchUpWait: Duration = .milliseconds(10)
    /// The time between two questions to a replica that reads wait for.
    public var catchUpPeriod: Duration = .milliseconds(1)
    /// How many reads may wait at a time; what comes beyond goes to the primary at once.
    public var waiterLimit = 1_024
    /// Whether eventual reads are served from the freshest replica, beyond their limit, while there is no primary. The
    /// answer says how old the state may be.
    public var servesStaleWithoutPrimary = true

    // MARK: Ejection

    /// A replica is ejected when its mean latency is above this many times the median of the others'…
    public var ejectionFactor = 3.0
    /// …and above this.
    public var ejectionFloor: Duration = .milliseconds(20)
    /// How long it stays out the first time; each time in a row doubles it.
    public var ejectionTime: Duration = .seconds(1)
    /// The longest it stays out.
    public var longestEjection: Duration = .seconds(30)

    /// The defaults.
    public init() {}

    /// Checks every value.
    /// - Throws: ``ReplicaRoutingConfigurationError`` for the first that cannot be.
    public func validate() throws(ReplicaRoutingConfigurationError) {
        let positive: [(String, Duration)] = [
            ("probePeriod", probePeriod), ("urgentProbePeriod", urgentProbePeriod),
            ("idleProbePeriod", idleProbePeriod), ("shortestProbeTimeout", shortestProbeTimeout),
            ("primaryLease", primaryLease), ("registryPeriod", registryPeriod), ("registryTimeout", registryTimeout),
            ("maximumAge", maximumAge), ("lagLimit", lagLimit), ("catchUpPeriod", catchUpPeriod),
            ("ejectionTime", ejectionTime),
        ]
        for (name, value) in positive where value <= .zero {
            throw ReplicaRoutingConfigurationError("\(name) is \(value); it must be above zero")
        }
        for (name, value) in [("failuresUntilDown", failuresUntilDown), ("successesUntilUp", successesUntilUp)]
        where value < 1 {
            throw ReplicaRoutingConfigurationError("\(name) is \(value); it must be 1 or more")
        }
        for (name, value) in [
            ("clockTolerance", clockTolerance), ("catchUpWait", catchUpWait), ("ejectionFloor", ejectionFloor),
        ] where value < .zero {
            throw ReplicaRoutingConfigurationError("\(name) is \(value); it must not be negative")
        }
        if longestProbeTimeout < shortestProbeTimeout {
            throw ReplicaRoutingConfigurationError("longestProbeTimeout is below shortestProbeTimeout")
        }
        if primaryLease < longestProbeTimeout + idleProbePeriod {
            throw ReplicaRoutingConfigurationError(
                "primaryLease is \(primaryLease); a primary that answers slowly would be lost: it must be at least "
                    + "longestProbeTimeout and idleProbePeriod together, \(longestProbeTimeout + idleProbePeriod)")
        }
        if ejectionFactor < 1 {
            throw ReplicaRoutingConfigurationError("ejectionFactor is \(ejectionFactor); it must be 1 or more")
        }
        if longestEjection < ejectionTime {
            throw ReplicaRoutingConfigurationError("longestEjection is below ejectionTime")
        }
        if waiterLimit < 0 {
            throw ReplicaRoutingConfigurationError("waiterLimit is \(waiterLimit); it must not be negative")
        }
    }
}

/// A configuration that cannot be.
public struct ReplicaRoutingConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which value, and what would be right.
    public let description: String

    init(_ description: String) { self.description = description }
}
