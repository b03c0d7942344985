import ConnectionPooling
import Determinism

/// What a pool must look like, kept by hand from its actions alone: the oracle of a ``PoolSimulation``. Each finding is
/// a promise that was broken.
struct PoolModel {
    enum Phase: Hashable {
        case connecting, usable, leased(LeaseID), validating, resetting, closing
    }
    struct Waiter {
        let id: WaiterID
        let deadline: Instant
        let enqueued: Instant
    }
    /// What is owed to a tenant that waits.
    struct Turn {
        /// How many others have been served before it since it was owed one.
        var passed = 0
        /// How many others waited when that began: the bound.
        var bound = 0
    }
    let configuration: PoolConfiguration
    /// The promises that were broken. By reference, so that a finding can be worded from the model while it is noted.
    private let noted = Findings()
    var hosts: [HostKey]
    var phases: [ConnectionID: Phase] = [:]
    var hostOf: [ConnectionID: HostKey] = [:]
    var generationOf: [ConnectionID: UInt64] = [:]
    /// Evicted or dead: not to be handed out any more.
    var spoiled: Set<ConnectionID> = []
    var closedOnce: Set<ConnectionID> = []
    /// Connects that were given up and may still bring something.
    var abandoned: [ConnectionID] = []
    var leases: [LeaseID: (tenant: TenantKey?, connection: ConnectionID)] = [:]
    var returnedLeases: [LeaseID] = []
    var reportedLeaks: Set<LeaseID> = []
    var waiting: [TenantKey?: [Waiter]] = [:]
    var turns: [TenantKey?: Turn] = [:]
    /// Those who must not be told that their time is up, because everything works and they have plenty.
    var mustBeServed: Set<WaiterID> = []
    var hasFinished = false
    var isShuttingDown = false
    var isStopped = false

    init(configuration: PoolConfiguration) { (self.configuration, hosts) = (configuration, configuration.hosts) }

    var waitingCount: Int { waiting.values.reduce(0) { $0 + $1.count } }
    func count(_ phase: Phase) -> Int { phases.values.count { $0 == phase } }
    func ids(_ phase: Phase) -> [ConnectionID] {
        phases.filter { $0.value == phase }.keys.sorted { $0.number < $1.number }
    }
    var allLeases: [LeaseID] { leases.keys.sorted { $0.number < $1.number } }
    var allWaiters: [Waiter] { waiting.values.flatMap(\.self).sorted { $0.id.number < $1.id.number } }

    /// The first promise that was broken.
    var finding: String? { noted.all.first }

    func check(_ holds: Bool, _ finding: @autoclosure () -> String) {
        if !holds { noted.all.append(finding()) }
    }

    func report(_ finding: String) { noted.all.append(finding) }

    /// Tenants as the pool tells them apart.
    func tenant(_ key: TenantKey?) -> TenantKey? { configuration.fairShares == nil ? nil : key }

    // MARK: Shares

    private func weight(_ tenant: TenantKey?) -> Int {
        guard let shares = configuration.fairShares else { return 1 }
        return tenant.flatMap { shares.weights[$0] } ?? shares.defaultWeight
    }

    private func held(_ tenant: TenantKey?) -> Int { leases.values.count { $0.tenant == tenant } }

    private func isBelowShare(_ tenant: TenantKey?) -> Bool {
        var active = Set(waiting.keys)
        for lease in leases.values { active.insert(lease.tenant) }
        let weights = active.reduce(0) { $0 + weight($1) }
        return held(tenant) < max(1, configuration.limit * weight(tenant) / max(weights, 1))
    }

    private func othersWaiting(than tenant: TenantKey?) -> Int { waiting.keys.count { $0 != tenant } }

    /// A connection goes to `served`: everyone else who waits below their share is passed over once more.
    private mutating func passOver(for served: TenantKey?) {
        for tenant in waiting.keys where tenant != served {
            var turn = turns[tenant] ?? Turn(bound: othersWaiting(than: tenant))
            if isBelowShare(tenant) {
                turn.passed += 1
                check(
                    turn.passed <= turn.bound,
                    "\(turn.passed) were served before a tenant below its share, of \(turn.bound)")
            } else {
                turn = Turn(bound: othersWaiting(than: tenant))
            }
            turns[tenant] = turn
        }
        if isBelowShare(served) { return }
        // Those who hold their share come after those who do not.
        check(!waiting.keys.contains { $0 != served && isBelowShare($0) }, "a tenant with its share went first")
    }

    // MARK: Callers

    mutating func joined(_ waiter: Waiter, tenant key: TenantKey?) {
        let tenant = tenant(key)
        if waiting[tenant] == nil { turns[tenant] = Turn(bound: waiting.count) }
        waiting[tenant, default: []].append(waiter)
    }

    mutating func leased(_ lease: LeaseID, tenant key: TenantKey?) {
        guard let connection = phases.keys.first(where: { $0.slot == lease.slot }) else {
            return report("\(lease) is of no connection")
        }
        check(!spoiled.contains(connection), "\(connection) was handed out although it is spoiled")
        check(hosts.contains(hostOf[connection] ?? ""), "\(connection) was handed out, and its host is off the list")
        check(
            phases[connection] == .usable,
            "\(connection) was handed out while it was \(String(describing: phases[connection]))")
        check(leases[lease] == nil && !returnedLeases.contains(lease), "\(lease) was given twice")
        phases[connection] = .leased(lease)
        leases[lease] = (tenant(key), connection)
    }

    /// The lease is over; nil if it was over before.
    mutating func ended(_ lease: LeaseID) -> ConnectionID? {
        guard let (_, connection) = leases.removeValue(forKey: lease) else { return nil }
        returnedLeases.append(lease)
        return connection
    }

    mutating func left(_ id: WaiterID) -> (tenant: TenantKey?, waiter: Waiter, index: Int)? {
        for (tenant, line) in waiting {
            guard let index = line.firstIndex(where: { $0.id == id }) else { continue }
            waiting[tenant]?.remove(at: index)
            if line.count == 1 {
                waiting[tenant] = nil
                turns[tenant] = nil
            }
            return (tenant, line[index], index)
        }
        report("\(id) was answered and does not wait")
        return nil
    }

    mutating func granted(_ id: WaiterID, _ lease: LeaseID, now: Instant) {
        guard let entry = waiting.first(where: { $0.value.contains { $0.id == id } }) else {
            return report("\(id) was granted \(lease) and does not wait")
        }
        let tenant = entry.key
        passOver(for: tenant)
        guard let (_, waiter, index) = left(id) else { return }
        check(index == 0, "\(id) overtook \(index) of its own tenant")
        check(waiter.deadline > now, "\(id) was handed a connection after its deadline")
        leased(lease, tenant: tenant)
        if waiting[tenant] != nil { turns[tenant] = Turn(bound: othersWaiting(than: tenant)) }
    }
}

private final class Findings {
    var all: [String] = []
}
