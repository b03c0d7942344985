import Determinism

/// What each host is good for.
extension ReplicaSetMachine {
    /// The state of affairs, by what is known now.
    mutating func assess(_ now: Instant) -> ReplicaSetSnapshot {
        var next = ReplicaSetSnapshot(hostCount: hosts.count)
        next.timeline = highest
        next.history = history
        if let belief, let heardAt = hosts[belief.host.number].heardAt {
            next.primary = ReplicaSetSnapshot.Primary(
                host: belief.host, timeline: belief.timeline, validUntil: heardAt + configuration.primaryLease)
        }
        for index in hosts.indices { next.hosts[index] = assess(index, now) }
        return next
    }

    private mutating func assess(_ index: Int, _ now: Instant) -> ReplicaSetSnapshot.Host {
        var entry = ReplicaSetSnapshot.Host()
        (entry.timeline, entry.position) = (hosts[index].timeline, hosts[index].position)
        entry.ejectedUntil = hosts[index].ejectedUntil.flatMap { $0 > now ? $0 : nil }
        switch hosts[index].health {
        case .untried: entry.standing = .untried
        case .down: entry.standing = .down
        case .up:
            if belief?.host.number == index {
                entry.standing = .primary
            } else if let refusal = hosts[index].refusal {
                entry.standing = .refused(refusal)
            } else if hosts[index].isReplica {
                assessReplica(index, now, &entry)
            } else {
                entry.standing = .refused(.timelineUnknown)
            }
        }
        return entry
    }

    private mutating func assessReplica(_ index: Int, _ now: Instant, _ entry: inout ReplicaSetSnapshot.Host) {
        entry.asOf = heartbeatMoment(hosts[index])
        switch membership(of: hosts[index]) {
        case .newer:
            entry.standing = .ahead
            return
        case .lost:
            entry.standing = .refused(.diverged)
            return
        case nil:
            entry.standing = .refused(.timelineUnknown)
            return
        case .contained: break
        }
        if let moment = positions.moment(of: entry.position) { entry.asOf = max(entry.asOf ?? moment, moment) }
        entry.lagBytes = positions.newest?.bytesSince(entry.position) ?? 0
        let age = entry.asOf.map { now - $0 }
        // With no primary there is nothing to lag behind: time passes, and nothing is written.
        if belief != nil {
            let (time, bytes) = (configuration.lagLimit, configuration.lagLimitBytes)
            let wasLagging = hosts[index].isLagging
            let isBehind = (age ?? time + time) > (wasLagging ? time / 2 : time)
            hosts[index].isLagging = isBehind || entry.lagBytes > (wasLagging ? bytes / 2 : bytes)
        }
        entry.standing = hosts[index].isLagging ? .lagging : .serving
    }

    /// Whether a replica's state is part of the valid timeline; nil when that cannot be told.
    private func membership(of host: HostState) -> TimelineHistory.Verdict? {
        guard let highest else { return .contained }
        guard let timeline = host.timeline else {
            // Whatever it follows: up to the last switch all timelines are one.
            guard let history, history.timeline == highest else { return nil }
            guard let lowest = history.ancestors.map(\.end).min() else { return .contained }
            return host.position <= lowest ? .contained : nil
        }
        if timeline == highest { return .contained }
        if timeline > highest { return .newer }
        guard let history, history.timeline == highest else { return nil }
        return history.verdict(on: LogPosition(timeline, host.position))
    }

    /// The state holds everything up to its newest heartbeat, give or take what the clocks differ.
    private func heartbeatMoment(_ host: HostState) -> Instant? {
        guard let age = host.reading?.heartbeatAge, let heardAt = host.heardAt else { return nil }
        return heardAt + (.zero - max(.zero, age) - configuration.clockTolerance)
    }

    // MARK: Slow replicas

    /// Envoy calls it outlier detection; here a replica's mean latency is held against the median of the others'.
    mutating func measured(_ host: HostIndex, _ latency: Duration, _ count: Int, _ now: Instant) {
        guard count > 0, hosts[host.number].isReplica else { return }
        let old = hosts[host.number].latency
        hosts[host.number].latency = old.map { ($0 + latency) / 2 } ?? latency
        guard hosts[host.number].ejectedUntil.map({ $0 <= now }) ?? true else { return }
        let replicas = hosts.indices.filter { hosts[$0].isReplica }
        let others = replicas.filter { $0 != host.number }.compactMap { hosts[$0].latency }.sorted()
        guard !others.isEmpty, let mean = hosts[host.number].latency else { return }
        let median = others[(others.count - 1) / 2]
        let isSlow = mean > configuration.ejectionFloor && mean > median * configuration.ejectionFactor
        let out = replicas.filter { $0 != host.number && (hosts[$0].ejectedUntil.map { $0 > now } ?? false) }.count
        // Never more than half: then it is not they that are slow.
        guard isSlow, (out + 1) * 2 <= replicas.count else {
            if !isSlow { hosts[host.number].ejections = 0 }
            return
        }
        let doublings = min(hosts[host.number].ejections, 16)
        let time = min(configuration.ejectionTime * (1 << doublings), configuration.longestEjection)
        hosts[host.number].ejections += 1
        // It comes back with a clean slate: what it did meanwhile nobody measured.
        (hosts[host.number].ejectedUntil, hosts[host.number].latency) = (now + time, nil)
    }

    // MARK: When to probe

    /// How long to wait before a host is probed again. The shell adds jitter.
    /// - Parameter isBusy: whether reads came in lately.
    public func probePeriod(of host: HostIndex, isBusy: Bool) -> Duration {
        guard hosts.indices.contains(host.number) else { return configuration.idleProbePeriod }
        if belief == nil || history?.timeline != highest { return configuration.urgentProbePeriod }
        let state = hosts[host.number]
        switch state.health {
        case .down: return configuration.idleProbePeriod
        case .untried: return configuration.urgentProbePeriod
        case .up where state.failures > 0: return configuration.urgentProbePeriod
        case .up: return isBusy ? configuration.probePeriod : configuration.idleProbePeriod
        }
    }

    /// How long a host gets for its answer.
    public func probeTimeout(of host: HostIndex) -> Duration {
        guard hosts.indices.contains(host.number), let usual = hosts[host.number].roundTrip else {
            return configuration.longestProbeTimeout
        }
        // Each failure doubles it: a host that has become slow is not taken for dead for ever.
        let patience = usual * 8 * (1 << min(hosts[host.number].failures, 8))
        return min(max(patience, configuration.shortestProbeTimeout), configuration.longestProbeTimeout)
    }
}
