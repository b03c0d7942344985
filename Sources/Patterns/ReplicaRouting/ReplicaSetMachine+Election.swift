import Determinism

/// Who the primary is.
extension ReplicaSetMachine {
    /// A primary of a lower timeline was replaced.
    var validTimeline: Timeline? {
        var known = [highest, seen]
        if case .read(let record?) = registry { known.append(record.timeline) }
        return known.compactMap(\.self).max()
    }

    /// Whether a host belongs to this cluster, as far as that is known.
    func isOurs(_ host: HostState) -> Bool {
        guard let systemIdentifier, let reading = host.reading else { return true }
        return reading.systemIdentifier == systemIdentifier
    }

    mutating func elect(_ actions: inout [Action]) {
        let rivals = claimants()
        let winner = arbitrate(rivals, &actions)
        guard let winner else {
            belief = nil
            return
        }
        guard winner != belief else { return }
        let isNewTimeline = highest.map { winner.timeline > $0 } ?? true
        if isNewTimeline {
            positions.beginTimeline()
            history = winner.timeline == .first ? TimelineHistory(of: .first) : nil
            pendingHistory = nil
        }
        (belief, owner) = (winner, winner)
        systemIdentifier = hosts[winner.host.number].reading?.systemIdentifier ?? systemIdentifier
    }

    /// Those that say they are the primary and that nothing speaks against, all of the highest timeline. The others
    /// are refused.
    private mutating func claimants() -> [Belief] {
        let valid = validTimeline
        var claimants: [Belief] = []
        for index in hosts.indices {
            hosts[index].refusal = nil
            guard hosts[index].health == .up, let reading = hosts[index].reading else { continue }
            if !isOurs(hosts[index]) {
                hosts[index].refusal = .foreign
                continue
            }
            guard hosts[index].claimsPrimary else { continue }
            guard let timeline = hosts[index].timeline else {
                hosts[index].refusal = .timelineUnknown
                continue
            }
            if configuration.requiresDurability, !reading.durability.isFull {
                hosts[index].refusal = .notDurable
            } else if let valid, timeline < valid {
                hosts[index].refusal = .oldTimeline
            } else {
                claimants.append(Belief(host: HostIndex(index), timeline: timeline))
            }
        }
        let highest = claimants.map(\.timeline).max()
        for claimant in claimants where claimant.timeline != highest {
            hosts[claimant.host.number].refusal = .oldTimeline
        }
        return claimants.filter { $0.timeline == highest }
    }

    private mutating func arbitrate(_ rivals: [Belief], _ actions: inout [Action]) -> Belief? {
        guard let timeline = rivals.first?.timeline else { return nil }
        switch registry {
        case .none:
            return preferred(rivals)
        case .unread:
            if isRegistryAway, configuration.whenRegistryIsAway == .believeHighestTimeline { return preferred(rivals) }
            refuse(rivals, .unregistered)
            return nil
        case .read(let record):
            if let record, record.timeline == timeline {
                let registered = rivals.first { names[$0.host.number] == record.primary }
                refuse(rivals.filter { $0 != registered }, .rival)
                return registered
            }
            // Newer than what stands: it is registered first.
            guard let candidate = preferred(rivals) else { return nil }
            claim(candidate, replacing: record, &actions)
            if isRegistryAway, configuration.whenRegistryIsAway == .believeHighestTimeline { return candidate }
            hosts[candidate.host.number].refusal = .unregistered
            return nil
        }
    }

    /// The timeline's owner, or the only one on a new timeline. Of several new ones none: which of them has what was
    /// acknowledged cannot be seen from here.
    private mutating func preferred(_ rivals: [Belief]) -> Belief? {
        let isOwned = rivals.first?.timeline == owner?.timeline
        let chosen = isOwned ? rivals.first { $0 == owner } : rivals.count == 1 ? rivals.first : nil
        refuse(rivals.filter { $0 != chosen }, .rival)
        return chosen
    }

    private mutating func refuse(_ rivals: [Belief], _ refusal: ReplicaSetSnapshot.Refusal) {
        for rival in rivals { hosts[rival.host.number].refusal = refusal }
    }

    private mutating func claim(_ candidate: Belief, replacing old: TimelineRecord?, _ actions: inout [Action]) {
        guard let reading = hosts[candidate.host.number].reading else { return }
        let record = TimelineRecord(
            systemIdentifier: reading.systemIdentifier, timeline: candidate.timeline,
            primary: names[candidate.host.number])
        guard pendingClaim == nil else { return }
        pendingClaim = record
        actions.append(.register(record, replacing: old))
    }
}
