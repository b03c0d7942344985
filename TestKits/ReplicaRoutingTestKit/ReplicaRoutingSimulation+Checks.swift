import Determinism
import ReplicaRouting

/// The promises, held against the truth.
extension ReplicaRoutingSimulation {
    mutating func violation(_ text: String) {
        // The first ones tell; a broken promise breaks again and again.
        if report.violations.count < 10 { report.violations.append("seed \(seed), at \(now.nanoseconds): \(text)") }
    }

    /// After each event.
    mutating func check(_ actions: [ReplicaSetMachine.Action], before: ReplicaSetSnapshot, by router: Int) {
        let after = routers[router].machine.snapshot
        if actions.contains(where: { if case .publish = $0 { true } else { false } }) {
            if after.generation <= before.generation { violation("a generation was published twice") }
        } else if after != before {
            violation("the state changed and was not published")
        }
        if let old = before.timeline, after.timeline.map({ $0 < old }) ?? true {
            violation("the timeline went back from \(old) to \(after.timeline?.description ?? "none")")
        }
        if let primary = after.primary, primary != before.primary { checkPrimary(primary, before, router) }
        if let old = before.primary, after.primary?.host != old.host,
            !actions.contains(where: { action in
                if case .evict(let host, _, let generation) = action {
                    return host == old.host && generation == after.generation
                }
                return false
            })
        {
            violation("the old primary's connections were not evicted")
        }
        let primaries = after.hosts.filter { $0.standing == .primary }.count
        if primaries != (after.primary == nil ? 0 : 1) { violation("\(primaries) primaries in one generation") }
    }

    private mutating func checkPrimary(
        _ primary: ReplicaSetSnapshot.Primary, _ before: ReplicaSetSnapshot, _ router: Int
    ) {
        let after = routers[router].machine.snapshot
        if primary.timeline != after.timeline { violation("the primary is not of the valid timeline") }
        if primary.host == before.primary?.host, primary.timeline == before.primary?.timeline { return }
        report.changesOfPrimary += 1
        let scope = hasRegistry ? "" : "router \(router).\(routers[router].incarnation) "
        let key = "\(scope)timeline \(primary.timeline)"
        if let owner = owners[key], owner != primary.host.number {
            violation("\(key) was believed to be of host \(owner), and now of host \(primary.host)")
        }
        owners[key] = primary.host.number
        // Several branches may have the number; its own is the one that the host was on when it said so.
        routers[router].branch = cluster.branches.indices.last { index in
            cluster.branches[index].timeline == primary.timeline
                && (cluster.servers[primary.host.number].branch == index || hostLeft(index, primary.host.number))
        }
    }

    private func hostLeft(_ branch: Int, _ host: Int) -> Bool {
        var walk = cluster.servers[host].branch
        while let origin = cluster.branches[walk].origin {
            if origin.branch == branch { return true }
            walk = origin.branch
        }
        return false
    }

    // MARK: Clients

    mutating func write(_ router: Int) {
        guard let primary = routers[router].machine.snapshot.primary(at: now),
            !routers[router].unreachable.contains(primary.host.number)
        else { return }
        let host = primary.host.number
        guard let commit = cluster.commit(on: host, bytes: UInt64(100 + draw(3_000)), at: now) else { return }
        report.commits += 1
        // The driver reads timeline and position behind the COMMIT, so they are the server's own.
        let timeline = cluster.branches[commit.branch].timeline
        tokens.append((commit, LogPosition(timeline, commit.lsn)))
        if tokens.count > 40 { tokens.remove(at: draw(20)) }
    }

    mutating func read(_ router: Int) {
        guard !tokens.isEmpty else { return }
        let (commit, position) = tokens[draw(tokens.count)]
        let choice = routers[router].machine.snapshot.choice(for: .position(position), at: now, configuration)
        switch choice {
        case .replicas(let set):
            for rank in 0..<set.count {
                guard let host = set.member(at: rank) else { continue }
                serve(commit, position, host, router)
            }
        case .primary(let host): serve(commit, position, host, router)
        case .stale: violation("a read with a position was served stale")
        case .none(.writeLost):
            report.lostWrites += 1
            if let branch = routers[router].branch, cluster.isPart(commit, of: branch) {
                violation("the write at \(position) is said to be gone, and is not")
            }
        case .none(.timelineUnknown(let unknown)):
            report.refusedReads += 1
            handle(.timelineSeen(unknown.timeline), by: router)
        case .none: report.refusedReads += 1
        }
    }

    /// A read that was routed to a host, as a driver carries it out.
    private mutating func serve(
        _ commit: SimulatedCluster.Commit, _ position: LogPosition, _ host: HostIndex, _ router: Int
    ) {
        guard connect(router, host) else { return }
        let snapshot = routers[router].machine.snapshot
        let server = cluster.servers[host.number]
        // What the greeting said may have changed the choice.
        switch snapshot.choice(for: .position(position), at: now, configuration) {
        case .replicas(let set):
            guard set.contains(host), !server.isPrimary || snapshot.primary?.host == host else { return }
            report.replicaReads += 1
        case .primary(host):
            guard server.isPrimary else { return }
            report.primaryReads += 1
        default: return
        }
        if routers[router].hasPooler {
            let timeline = cluster.branches[server.branch].timeline
            guard server.position >= position.lsn, snapshot.timeline.map({ timeline <= $0 }) ?? false else {
                report.caughtByDriver += 1
                return
            }
        }
        if !cluster.contains(commit, in: host.number) {
            violation("a read of \(position) was served by host \(host), which does not contain it: \(server)")
        }
    }

    /// Takes a connection, and opens a new one when the server was started anew: that one says first what it is.
    /// - Returns: false when the host cannot be reached.
    private mutating func connect(_ router: Int, _ host: HostIndex) -> Bool {
        let server = cluster.servers[host.number]
        guard server.isUp, !routers[router].unreachable.contains(host.number) else { return false }
        if !routers[router].hasPooler, routers[router].runs[host.number] != server.run,
            let reading = cluster.reading(of: host.number)
        {
            routers[router].runs[host.number] = server.run
            handle(.read(host, reading, since: now), by: router)
        }
        return true
    }

    mutating func readEventually(_ router: Int) {
        for index in cluster.servers.indices { _ = connect(router, HostIndex(index)) }
        let snapshot = routers[router].machine.snapshot
        let hosts: [HostIndex]
        switch snapshot.choice(for: .eventual, at: now, configuration) {
        case .replicas(let set): hosts = (0..<set.count).compactMap(set.member(at:))
        case .stale(let host): hosts = [host]
        case .primary, .none: return
        }
        for host in hosts {
            guard let age = snapshot.age(of: host, at: now), let branch = routers[router].branch,
                cluster.servers[host.number].isUp,
                isUnchanged(host.number, snapshot.hosts[host.number])
            else { continue }
            report.agedReads += 1
            let oldest = now + (.zero - age)
            let missing = cluster.commits.last { $0.moment < oldest && cluster.isPart($0, of: branch) }
            if let missing, !cluster.contains(missing, in: host.number) {
                violation(
                    "host \(host) is said to be \(age) old at most, and lacks a commit of \(now - missing.moment) ago")
            }
        }
    }

    /// Behind a pooler nothing tells at once that a server was made anew or promoted; the next probe does.
    private func isUnchanged(_ host: Int, _ known: ReplicaSetSnapshot.Host) -> Bool {
        let server = cluster.servers[host]
        return server.position >= known.position && cluster.branches[server.branch].timeline == known.timeline
    }

    // MARK: The end

    /// Everything is well again, with a primary on a timeline of its own: every router must find it.
    mutating func heal() {
        for index in cluster.servers.indices {
            cluster.set(index, isUp: true)
            cluster.servers[index].isPaused = false
        }
        for index in routers.indices { (routers[index].unreachable, routers[index].reachesRegistry) = ([], true) }
        let last = draw(cluster.servers.count)
        cluster.promoteAboveAll(last)
        for index in cluster.servers.indices { cluster.rewind(index, to: last) }
        for _ in 0..<60 {
            now = now + .milliseconds(50)
            _ = cluster.commit(on: last, bytes: 500, at: now)
            for index in cluster.servers.indices { cluster.replicate(from: last, to: index, bytes: 1 << 40) }
            for router in routers.indices {
                askRegistry(router)
                for host in cluster.servers.indices { probe(router, host) }
            }
            deliver()
        }
        for router in routers.indices {
            let snapshot = routers[router].machine.snapshot
            if snapshot.primary(at: now)?.host != HostIndex(last) {
                violation("router \(router) did not find the primary: \(snapshot.hosts.map(\.standing))")
            }
            let serving = snapshot.hosts.filter { $0.standing == .serving }.count
            if serving != cluster.servers.count - 1 {
                violation("router \(router) uses \(serving) replicas: \(snapshot.hosts.map(\.standing))")
            }
        }
    }
}
