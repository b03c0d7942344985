import Determinism
import Dispatch
import ReplicaRouting
import Storage
import Synchronization

/// Drives the write lane's batches over one connection of its own, one after the other, each in two trips: `BEGIN`,
/// locks and loads; then writes and `COMMIT`. Where the lane remembers all of a batch's rows, it is one trip.
///
/// One connection, because a second one would wait for the rows of the first. Batches of other servers take their locks
/// in the same order, so that they wait for each other and never in a circle.
final class PostgresLane: Sendable {
    private struct Job: Sendable {
        let batch: BatchMachine
        let whenEnded: @Sendable (BatchMachine.Ending) -> Void
    }
    private let name: String
    private let database: PostgresDatabaseConfiguration
    private let servers: PostgresReplicaSet
    private let limits: PostgresLaneConfiguration
    private let time: any TimeSource
    private let random: any RandomSource
    // The write lane has one batch under way at a time.
    private let jobs: AsyncStream<Job>
    private let enqueue: AsyncStream<Job>.Continuation

    init(
        _ configuration: PostgresDatabaseConfiguration, servers: PostgresReplicaSet, time: any TimeSource,
        random: any RandomSource
    ) {
        (name, database, limits) = (configuration.name, configuration, configuration.lane)
        (self.servers, self.time, self.random) = (servers, time, random)
        (jobs, enqueue) = AsyncStream.makeStream()
    }

    func take(_ batch: BatchMachine, _ whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        guard case .terminated = enqueue.yield(Job(batch: batch, whenEnded: whenEnded)) else { return }
        // Not from here: whoever submits is told after it has been let go, or the lane would recurse.
        let ending = Self.ending(batch, .unavailable("\(name) is closed"), now: time.now())
        DispatchQueue.global().async { whenEnded(ending) }
    }

    func stop() { enqueue.finish() }

    func run() async {
        var session = LaneSession(name: name, servers: servers, limits: limits)
        // Before the pools have grown: when the server has no connection left, it must not be the lane that has none.
        try? await session.open(time: time, random: random)
        for await job in jobs { job.whenEnded(await drive(job.batch, &session)) }
        session.connection?.close()
    }

    private func drive(_ batch: BatchMachine, _ session: inout LaneSession) async -> BatchMachine.Ending {
        let now = time.now()
        // What was decided over remembered rows that somebody else has changed is decided again over read ones. The
        // connection may have been let go of in between, with the locks of what had failed.
        for trusting in [true, false] {
            do throws(StorageError) { try await session.open(time: time, random: random) } catch {
                database.observe(error)
                return Self.ending(batch, error, now: now)
            }
            await session.beginBatch(of: batch.count, trusting: trusting)
            if let ending = await attempt(batch, &session, now) { return ending }
        }
        return Self.ending(batch, .conflict("its rows have changed since they were read"), now: now)
    }

    /// - Returns: nil where a row was not as it was remembered, and the batch has to begin anew.
    private func attempt(
        _ first: BatchMachine, _ session: inout LaneSession, _ now: Timestamp
    ) async -> BatchMachine.Ending? {
        var batch = first
        var action = batch.handle(.begun, now: now)
        var (position, hasCommitted) = (CommitPosition?.none, false)
        while true {
            let event: BatchMachine.Event
            switch action {
            case .load(let loads):
                do throws(StorageError) {
                    let found = try await session.load(loads, now: time.instant())
                    event = .loaded(found.records, held: found.held)
                } catch {
                    guard let failure = await failed(error, &session) else { return nil }
                    event = failure
                }
            case .write(let changes, let appended):
                do throws(StorageError) {
                    try await session.prepare(changes, appended)
                    database.commitObserver?(.before)
                    position = try await session.write(changes, appended, asks: batch.wantsPosition)
                    database.commitObserver?(.after)
                    (hasCommitted, event) = (true, .committed)
                } catch {
                    guard let failure = await failed(error, &session) else { return nil }
                    event = failure
                }
            case .end(var ending):
                // Also of what was only read: a repeat's answer may be another server's write of just now.
                if !hasCommitted {
                    do throws(StorageError) { position = try await session.end(asks: batch.wantsPosition) } catch {
                        if session.isOutdated { return nil }
                        database.observe(error)
                        return Self.ending(first, error, now: now)
                    }
                }
                ending.position = position
                // They come back at once; the server is not to be asked for the same rows without a pause.
                if ending.deferredCount == batch.count { try? await time.sleep(for: limits.heldPause) }
                return ending
            }
            action = batch.handle(event, now: now)
        }
    }

    /// - Returns: nil where a row was not as it was remembered.
    private func failed(_ error: StorageError, _ session: inout LaneSession) async -> BatchMachine.Event? {
        if !session.isOutdated { database.observe(error) }
        await session.abandon()
        if session.isOutdated { return nil }
        return session.isBlocked ? .blocked : .failed(error)
    }

    private static func ending(
        _ batch: BatchMachine, _ error: StorageError, now: Timestamp
    ) -> BatchMachine.Ending {
        var batch = batch
        guard case .end(let ending) = batch.handle(.failed(error), now: now) else {
            preconditionFailure("a batch that cannot begin has ended")
        }
        return ending
    }
}
