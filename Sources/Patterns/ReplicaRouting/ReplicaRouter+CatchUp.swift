import Determinism
import Synchronization

/// Reads that wait for a replica to catch up.
///
/// A commit is visible on a streaming replica a few milliseconds after it returned, long before the next probe. So
/// while somebody waits, the furthest replica is asked for its position again and again, once for all who wait, and
/// only it: asking every replica for every read is what such waiting costs elsewhere (GitLab, MR 268769).
extension ReplicaRouter {
    /// Returns when a replica has replayed up to `position`, or at `deadline`, or when nobody can wait any more.
    func catchUp(to position: LogPosition, _ excluded: HostSet, until deadline: Instant) async {
        let waiter = Waiter(requirement: .position(position), excluded: excluded, wakeup: Wakeup())
        let place: Int? = state.withLock { state in
            guard state.waiters.count < configuration.waiterLimit else { return nil }
            state.nextWaiter += 1
            state.waiters[state.nextWaiter] = waiter
            return state.nextWaiter
        }
        guard let place else { return }
        catchUpWakeup.signal()
        // It may have been published just before the place was taken.
        if !Self.isServed(waiter, by: snapshot, time.instant(), configuration) {
            await waiter.wakeup.wait(until: deadline, time)
        }
        _ = state.withLock { $0.waiters.removeValue(forKey: place) }
    }

    static func isServed(
        _ waiter: Waiter, by snapshot: ReplicaSetSnapshot, _ now: Instant, _ configuration: ReplicaRoutingConfiguration
    ) -> Bool {
        switch snapshot.choice(for: waiter.requirement, excluding: waiter.excluded, at: now, configuration) {
        case .replicas, .none(.writeLost): true
        default: false
        }
    }

    func serveWaiters() async {
        let limit = TimeLimit(configuration.longestProbeTimeout, time: time)
        while !Task.isCancelled {
            var (failed, failedAt) = (HostSet.empty, time.instant())
            while !Task.isCancelled, state.withLock({ !$0.waiters.isEmpty }) {
                let since = time.instant()
                // Under load somebody always waits: a host that did not answer once is asked again after a while.
                if since >= failedAt + configuration.urgentProbePeriod { failed = .empty }
                if let host = snapshot.furthestReplica(excluding: failed, at: since) {
                    let timeout = configuration.catchUpWait + configuration.catchUpWait
                    let outcome = await limit.run { [probe] () async -> LSN? in
                        try? await probe.replayPosition(of: host, timeout: timeout)
                    }
                    if case .finished(let lsn?) = outcome {
                        handle(.replayed(host, lsn, since: since))
                    } else {
                        failed.insert(host)
                        failedAt = time.instant()
                    }
                }
                try? await time.sleep(until: since + configuration.catchUpPeriod)
            }
            await catchUpWakeup.wait(until: nil, time)
        }
    }
}
