import Determinism

/// Which hosts may serve a read: pure, and without allocation, because every read comes through here.
extension ReplicaSetSnapshot {
    /// What to do with a read.
    public enum Choice: Sendable, Hashable {
        /// Any of these replicas; the caller picks one by load.
        case replicas(HostSet)
        /// The primary.
        case primary(HostIndex)
        /// The freshest there is, older than was asked for: there is no primary.
        case stale(HostIndex)
        /// None: this.
        case none(ReplicaRoutingError)
    }

    /// What to do with a read.
    /// - Parameter excluded: hosts that have just failed it.
    public func choice(
        for requirement: ReadRequirement, excluding excluded: HostSet = .empty, at now: Instant,
        _ configuration: ReplicaRoutingConfiguration
    ) -> Choice {
        switch requirement {
        case .strong:
            return usablePrimary(excluded, now).map(Choice.primary) ?? .none(.noPrimary)
        case .eventual(let limit):
            let age = limit ?? configuration.maximumAge
            let replicas = replicas(within: age, allowsLagging: age > configuration.lagLimit, excluded, now)
            if !replicas.isEmpty { return .replicas(replicas) }
            if let primary = usablePrimary(excluded, now) { return .primary(primary) }
            guard primary(at: now) == nil, configuration.servesStaleWithoutPrimary,
                let freshest = freshest(excluded, now)
            else { return .none(.noReplica) }
            return .stale(freshest)
        case .position(let position):
            if let error = objection(to: position) { return .none(error) }
            let replicas = replicas(
                within: configuration.maximumAge, allowsLagging: false, beyond: position.lsn, excluded, now)
            if !replicas.isEmpty { return .replicas(replicas) }
            return usablePrimary(excluded, now).map(Choice.primary) ?? .none(.noPrimary)
        }
    }

    /// Why a position cannot be served by anybody; nil when it is part of the valid timeline.
    public func objection(to position: LogPosition) -> ReplicaRoutingError? {
        guard let timeline else { return .noPrimary }
        if position.timeline == timeline { return nil }
        guard position.timeline < timeline, let history, history.timeline == timeline else {
            return .timelineUnknown(position)
        }
        switch history.verdict(on: position) {
        case .contained: return nil
        case .lost(let switchPoint): return .writeLost(position, switchPoint: switchPoint)
        case .newer: return .timelineUnknown(position)
        }
    }

    /// The replica that is furthest, of those that a read with a position may wait for.
    public func furthestReplica(excluding excluded: HostSet, at now: Instant) -> HostIndex? {
        var best: (index: Int, position: LSN)?
        for index in hosts.indices where hosts[index].standing == .serving {
            if excluded.contains(HostIndex(index)) || isEjected(index, now) { continue }
            if best.map({ hosts[index].position > $0.position }) ?? true { best = (index, hosts[index].position) }
        }
        return best.map { HostIndex($0.index) }
    }

    private func usablePrimary(_ excluded: HostSet, _ now: Instant) -> HostIndex? {
        guard let primary = primary(at: now), !excluded.contains(primary.host) else { return nil }
        return primary.host
    }

    private func isEjected(_ index: Int, _ now: Instant) -> Bool {
        guard let until = hosts[index].ejectedUntil else { return false }
        return now < until
    }

    private func replicas(
        within age: Duration, allowsLagging: Bool, beyond lsn: LSN = .zero, _ excluded: HostSet, _ now: Instant
    ) -> HostSet {
        let oldest = Instant(nanoseconds: now.nanoseconds - max(0, age.inNanoseconds))
        var (fast, all) = (HostSet.empty, HostSet.empty)
        for index in hosts.indices {
            switch hosts[index].standing {
            case .serving: break
            case .lagging where allowsLagging: break
            default: continue
            }
            guard let asOf = hosts[index].asOf, asOf >= oldest, hosts[index].position >= lsn else { continue }
            all.insert(HostIndex(index))
            if !isEjected(index, now) { fast.insert(HostIndex(index)) }
        }
        (fast, all) = (fast.subtracting(excluded), all.subtracting(excluded))
        // Slow is better than none.
        return fast.isEmpty ? all : fast
    }

    /// The replica whose state is youngest; one of unknown age comes last.
    private func freshest(_ excluded: HostSet, _ now: Instant) -> HostIndex? {
        var best: Int?
        for index in hosts.indices where !excluded.contains(HostIndex(index)) {
            switch hosts[index].standing {
            case .serving, .lagging, .ahead: break
            default: continue
            }
            guard let former = best else {
                best = index
                continue
            }
            let (new, old) = (hosts[index], hosts[former])
            if (new.asOf ?? Instant(nanoseconds: .min), new.position)
                > (old.asOf ?? Instant(nanoseconds: .min), old.position)
            {
                best = index
            }
        }
        return best.map { HostIndex($0) }
    }
}
