import Determinism
import Dispatch
import ReplicaRouting
import Storage
import Synchronization

/// Drives the write lane's batches over a few connections of its own, one after the other on each, each in two trips:
/// one that reads; then one that locks, finds that the rows are still as they were read, writes and commits. Where the
/// lane remembers all of a batch's rows, it is one trip. Where rows change in between, or are searched for, the first
/// trip is `BEGIN`, locks and loads, and the second writes and `COMMIT`.
///
/// A server works on one connection's statements with one process, so that a second one nearly doubles what two cores
/// do. Batches that are under way together have named different rows, or the second would wait for the rows of the
/// first. Where they meet nevertheless, and with those of other servers, they take the rows that they have named at
/// first in the same order. A circle of what was named later ends with the lock timeout.
///
/// A batch alone goes over the first connection, which has the memory of those before it.
final class PostgresLane: Sendable {
    private struct Job: Sendable {
        let batch: BatchMachine
        let whenEnded: @Sendable (BatchMachine.Ending) -> Void
    }
    /// What is to go over one of the connections.
    private struct Line: Sendable {
        let jobs: AsyncStream<Job>
        let enqueue: AsyncStream<Job>.Continuation
    }
    private let name: String
    private let database: PostgresDatabaseConfiguration
    private let servers: PostgresReplicaSet
    private let limits: PostgresLaneConfiguration
    private let time: any TimeSource
    private let random: any RandomSource
    private let lines: [Line]
    /// How many batches each line has; the write lane bounds them.
    private let loads: Mutex<[Int]>
    /// How many batches there were.
    private let batches = Atomic<Int>(0)

    init(
        _ configuration: PostgresDatabaseConfiguration, servers: PostgresReplicaSet, time: any TimeSource,
        random: any RandomSource
    ) {
        (name, database, limits) = (configuration.name, configuration, configuration.lane)
        (self.servers, self.time, self.random) = (servers, time, random)
        lines = (0..<max(1, limits.connections)).map { _ in
            let (jobs, enqueue) = AsyncStream.makeStream(of: Job.self)
            return Line(jobs: jobs, enqueue: enqueue)
        }
        loads = Mutex(Array(repeating: 0, count: lines.count))
    }

    func take(_ batch: BatchMachine, _ whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        let line = loads.withLock { loads in
            let line = loads.indices.min { loads[$0] < loads[$1] } ?? 0
            loads[line] += 1
            return line
        }
        hand(Job(batch: batch, whenEnded: whenEnded), to: line)
    }

    private func hand(_ job: Job, to line: Int) {
        guard case .terminated = lines[line].enqueue.yield(job) else { return }
        loads.withLock { $0[line] -= 1 }
        // Not from here: whoever submits is told after it has been let go, or the lane would recurse.
        let ending = Self.ending(job.batch, .unavailable("\(name) is closed"), now: time.now())
        DispatchQueue.global().async { job.whenEnded(ending) }
    }

    func stop() {
        for line in lines { line.enqueue.finish() }
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            for line in lines.indices { group.addTask { await self.run(line) } }
        }
    }

    private func run(_ line: Int) async {
        var session = LaneSession(name: name, servers: servers, limits: limits, isSpare: line > 0)
        // Before the pools have grown: when the server has no connection left, it must not be the lane that has none.
        // The others are made when they are wanted.
        if line == 0 { try? await session.open(time: time, random: random) }
        for await job in lines[line].jobs {
            if line > 0, !session.isReady {
                // Nobody waits for it to be made: the server may have room for one connection and not for two.
                loads.withLock { $0[0] += 1 }
                hand(job, to: 0)
                try? await session.open(time: time, random: random)
                loads.withLock { $0[line] -= 1 }
                continue
            }
            let ending = await drive(job.batch, &session)
            loads.withLock { $0[line] -= 1 }
            job.whenEnded(ending)
        }
        session.connection?.close()
    }

    private func drive(_ batch: BatchMachine, _ session: inout LaneSession) async -> BatchMachine.Ending {
        let now = time.now()
        let number = batches.add(1, ordering: .relaxed).newValue
        // What was decided over remembered rows that somebody else has changed is decided again over read ones. The
        // connection may have been let go of in between, with the locks of what had failed.
        for trusting in [true, false] {
            do throws(StorageError) { try await session.open(time: time, random: random) } catch {
                database.observe(error)
                return Self.ending(batch, error, now: now)
            }
            await session.beginBatch(of: batch.count, trusting: trusting, batches: number)
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
                    let began = time.instant()
                    position = try await session.write(changes, appended, asks: batch.wantsPosition)
                    database.commitDurationObserver?(time.instant() - began)
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
