import Determinism
import Synchronization

/// The background work: opening, validating, resetting and closing connections, each in a child task of `run()`.
extension PoolCore {
    func run() async {
        let isFirst = state.withLock { state in
            defer { state.hasBegun = true }
            return !state.hasBegun
        }
        precondition(isFirst, "run() of a connection pool is called once")
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.runTimer() }
                while let jobs = await nextJobs() {
                    for job in jobs { group.addTask { await self.perform(job) } }
                }
                group.cancelAll()
            }
        } onCancel: {
            handle { $0.shutdown(deadline: $1, now: $1) }
        }
    }

    /// What is to be done; nil once the pool has finished and nothing is left to do.
    private func nextJobs() async -> [Job]? {
        while true {
            let (jobs, isFinished) = state.withLock { state in
                defer { state.jobs.removeAll(keepingCapacity: true) }
                return (state.jobs, state.isFinished)
            }
            if !jobs.isEmpty { return jobs }
            if isFinished { return nil }
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let resumesNow = state.withLock { state in
                    if !state.jobs.isEmpty || state.isFinished { return true }
                    state.jobWaiter = continuation
                    return false
                }
                if resumesNow { continuation.resume() }
            }
        }
    }

    private func perform(_ job: Job) async {
        switch job {
        case .connect(let id, let host): await open(id, host)
        case .validate(let id, let connection):
            let outcome = await limits.validate.run {
                do { try await connection.validate() } catch { return ValidationOutcome.failed }
                return connection.condition == .clean ? .alive : .failed
            }
            let result: ValidationOutcome = if case .finished(let outcome) = outcome { outcome } else { .timedOut }
            handle { $0.validated(id, result, now: $1) }
        case .reset(let id, let connection):
            let outcome = await limits.reset.run {
                do { try await connection.reset() } catch { return false }
                return connection.condition == .clean
            }
            let isClean = if case .finished(let isClean) = outcome { isClean } else { false }
            handle { $0.wasReset(id, isClean: isClean, now: $1) }
        case .close(let id, let connection):
            _ = await limits.close.run { await connection.close() }
            handle { $0.closed(id, now: $1) }
        }
    }

    private func open(_ id: ConnectionID, _ host: HostKey) async {
        let begin = time.instant()
        let monitor = ConnectionMonitor(core: self, connection: id)
        let outcome = await limits.connect.run {
            do {
                let connection = try await self.connect(host, monitor)
                await self.opened(id, connection, host, begin)
            } catch {
                self.failed(id, error, host, begin)
            }
        }
        if case .deadlinePassed = outcome {
            failed(id, ConnectTimeout(limit: configuration.connectTimeout), host, begin)
        }
    }

    /// A connection is there. It may come after its deadline: then its place is gone, and it is closed here.
    private func opened(
        _ id: ConnectionID, _ connection: any PooledConnection, _ host: HostKey, _ begin: Instant
    ) async {
        let now = time.instant()
        let draw = draws.next()
        let (effects, isLate) = state.withLock { state -> (PoolEffects, Bool) in
            let actions = state.machine.connected(id, draw: draw, now: now)
            let isLate = actions.contains(.discard(id))
            if !isLate { state.connections[id.slot] = connection }
            return (apply(actions, to: &state, now: now), isLate)
        }
        effects.run(observer)
        if isLate {
            await connection.close()
        } else {
            observer?.connected(host: host, took: now - begin)
        }
    }

    private func failed(_ id: ConnectionID, _ error: any Error, _ host: HostKey, _ begin: Instant) {
        let draw = draws.next()
        let now = time.instant()
        let (effects, counts) = state.withLock { state -> (PoolEffects, Bool) in
            let counts = state.machine.isConnecting(id)
            let actions = state.machine.connectFailed(id, error: error, draw: draw, now: now)
            return (apply(actions, to: &state, now: now), counts)
        }
        effects.run(observer)
        if counts { observer?.connectFailed(host: host, error: error, took: now - begin) }
    }

    func lost(_ connection: ConnectionID) { handle { $0.lost(connection, now: $1) } }
}
