import Determinism
import Synchronization

/// The loops that keep a router's knowledge fresh.
extension ReplicaRouter {
    /// Watches the hosts until the task is cancelled. To be called once.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for index in hosts.indices { group.addTask { await self.watch(HostIndex(index)) } }
            if let registry { group.addTask { await self.keepRecord(in: registry) } }
            group.addTask { await self.readHistories() }
            group.addTask { await self.serveWaiters() }
        }
    }

    /// No host is asked more often than this, whatever happens.
    private static let shortestPeriod = Duration.milliseconds(10)

    private func watch(_ host: HostIndex) async {
        // The probe ends by itself at its timeout; this is for one that does not.
        let limit = TimeLimit(configuration.longestProbeTimeout * 2, time: time)
        while !Task.isCancelled {
            let since = time.instant()
            let timeout = state.withLock { $0.machine.probeTimeout(of: host) }
            let outcome = await limit.run { [probe] () async -> Result<HostReading, ProbeFailure> in
                do throws(ProbeFailure) {
                    return .success(try await probe.read(host, timeout: timeout))
                } catch { return .failure(error) }
            }
            if Task.isCancelled { return }
            switch outcome {
            case .finished(.success(let reading)): handle(.read(host, reading, since: since))
            case .finished(.failure(let failure)): handle(.unanswered(host, failure, since: since))
            case .deadlinePassed: handle(.unanswered(host, .timedOut, since: since))
            }
            if let (latency, count) = loads[host.number].drain() {
                state.withLock { $0.busyAt = time.instant() }
                handle(.measured(host, latency: latency, count: count))
            }
            await wakeups[host.number].wait(until: since + jittered(period(of: host)), time)
            try? await time.sleep(until: since + Self.shortestPeriod)
        }
    }

    private func period(of host: HostIndex) -> Duration {
        let now = time.instant()
        return state.withLock { state in
            let isBusy = state.busyAt.map { now - $0 < .seconds(2) } ?? false
            return state.machine.probePeriod(of: host, isBusy: isBusy || !state.waiters.isEmpty)
        }
    }

    /// Up to a quarter longer: the servers of a fleet must not ask all at once.
    private func jittered(_ period: Duration) -> Duration {
        period + period * Int(random.next(below: 1_024)) / 4_096
    }

    // MARK: The registry

    private func keepRecord(in registry: any TimelineRegistry) async {
        let limit = TimeLimit(configuration.registryTimeout, time: time)
        while !Task.isCancelled {
            let since = time.instant()
            let claim = state.withLock { state in
                defer { state.claim = nil }
                return state.claim
            }
            let outcome = await limit.run { () async -> Result<TimelineRecord?, TimelineRegistryFailure> in
                do throws(TimelineRegistryFailure) {
                    guard let claim else { return .success(try await registry.current()) }
                    return .success(try await registry.advance(from: claim.old, to: claim.record))
                } catch { return .failure(error) }
            }
            if Task.isCancelled { return }
            if case .finished(.success(let record)) = outcome {
                handle(.registered(record))
            } else {
                handle(.registryUnanswered)
            }
            let wait = jittered(configuration.registryPeriod)
            if state.withLock({ $0.claim == nil }) { await registryWakeup.wait(until: since + wait, time) }
            try? await time.sleep(until: since + Self.shortestPeriod)
        }
    }

    // MARK: Histories

    private func readHistories() async {
        let limit = TimeLimit(configuration.longestProbeTimeout * 2, time: time)
        while !Task.isCancelled {
            let wanted = state.withLock { state in
                defer { state.history = nil }
                return state.history
            }
            guard let wanted else {
                await historyWakeup.wait(until: nil, time)
                continue
            }
            let since = time.instant()
            let timeout = configuration.longestProbeTimeout
            let outcome = await limit.run { [probe] () async -> TimelineHistory? in
                try? await probe.history(of: wanted.timeline, on: wanted.host, timeout: timeout)
            }
            if Task.isCancelled { return }
            if case .finished(let history?) = outcome, history.timeline == wanted.timeline {
                handle(.history(history))
            } else {
                try? await time.sleep(until: since + configuration.urgentProbePeriod)
                handle(.historyUnanswered(wanted.timeline))
            }
        }
    }
}
