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
///
/// A crowd for the same rows goes one batch after the other. While the server has one of them, the next is decided over
/// the rows as that one leaves them, and encoded; it is sent as soon as the other is answered (``LanePreparation``).
final class PostgresLane: Sendable {
    private struct Job: Sendable {
        let batch: BatchMachine
        /// The batch as it was decided ahead.
        var preparation: LanePreparation?
        let whenEnded: @Sendable (BatchMachine.Ending) -> Void
    }
    private enum Order: Sendable {
        case write(Job)
        /// Make the connection; nobody waits for it.
        case open
    }
    /// What is to go over one of the connections.
    private final class Line: Sendable {
        let orders: AsyncStream<Order>
        let enqueue: AsyncStream<Order>.Continuation
        /// Whether batches may be given to it; the first line takes them always.
        let isReady = Atomic(false)
        let isOpening = Atomic(false)
        /// How many jobs it has, the one under way included.
        let waiting = Atomic<Int>(0)
        /// What the batch that was sent last leaves; nil where nobody is to go by it.
        let heritage = Mutex<LaneHeritage?>(nil)

        init() { (orders, enqueue) = AsyncStream.makeStream(of: Order.self) }
    }
    private let name: String
    private let database: PostgresDatabaseConfiguration
    private let servers: PostgresReplicaSet
    private let limits: PostgresLaneConfiguration
    private let time: any TimeSource
    private let random: any RandomSource
    private let lines: [Line]
    /// For each line, which one its latest batch has gone over.
    private let places: Mutex<[Int]>
    /// How many batches there were.
    private let batches = Atomic<Int>(0)
    /// How many heritages there were. A batch that begins anew leaves another one, which must not be taken for the
    /// first.
    private let heritages = Atomic<Int>(0)
    private let isDecidingAhead: Atomic<Bool>

    init(
        _ configuration: PostgresDatabaseConfiguration, servers: PostgresReplicaSet, time: any TimeSource,
        random: any RandomSource
    ) {
        (name, database, limits) = (configuration.name, configuration, configuration.lane)
        (self.servers, self.time, self.random) = (servers, time, random)
        lines = (0..<max(1, limits.connections)).map { _ in Line() }
        places = Mutex(Array(repeating: 0, count: lines.count))
        isDecidingAhead = Atomic(limits.memoryBytes > 0 && AheadTrial(limits.decidesAhead).decidesAhead)
    }

    /// Whether the next batches are to be decided ahead.
    var decidesAhead: Bool { isDecidingAhead.load(ordering: .relaxed) }

    /// Decides a batch ahead here and now, on the thread of whoever has it taken: the line's own task waits for the
    /// server, whose answer is not to wait for this.
    func take(_ batch: BatchMachine, _ whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        let line = place(of: batch)
        let preparation = heritage(for: batch, on: lines[line]).flatMap {
            LanePreparation(batch, over: $0, now: time.now())
        }
        hand(Job(batch: batch, preparation: preparation, whenEnded: whenEnded), to: line)
    }

    /// Which line a batch is to go over: the first one while its own has no connection, for the server may have room
    /// for one and not for two. A follower goes where its leader went.
    private func place(of batch: BatchMachine) -> Int {
        let line = min(batch.line, lines.count - 1)
        return places.withLock { places in
            if !batch.isAhead {
                places[line] = line == 0 || lines[line].isReady.load(ordering: .relaxed) ? line : 0
                if places[line] != line, !lines[line].isOpening.exchange(true, ordering: .relaxed) {
                    lines[line].enqueue.yield(.open)
                }
            }
            return places[line]
        }
    }

    private func heritage(for batch: BatchMachine, on line: Line) -> LaneHeritage? {
        batch.isAhead ? line.heritage.withLock { $0 } : nil
    }

    private func hand(_ job: Job, to line: Int) {
        lines[line].waiting.add(1, ordering: .relaxed)
        guard case .terminated = lines[line].enqueue.yield(.write(job)) else { return }
        lines[line].waiting.subtract(1, ordering: .relaxed)
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

    private func run(_ number: Int) async {
        let line = lines[number]
        var session = LaneSession(name: name, servers: servers, limits: limits, isSpare: number > 0)
        // Crowds for the same rows are the first connection's, but for a while.
        var trial = AheadTrial(limits.decidesAhead)
        // Before the pools have grown: when the server has no connection left, it must not be the lane that has none.
        // The others are made when they are wanted.
        if number == 0 { try? await session.open(time: time, random: random) }
        for await order in line.orders {
            switch order {
            case .write(let job) where number == 0 || session.isReady:
                let ending = await drive(job, on: line, &session)
                if number == 0 {
                    trial.batchEnded(job.batch.count, at: time.instant())
                    isDecidingAhead.store(trial.decidesAhead && session.decidesAhead, ordering: .relaxed)
                }
                if line.waiting.subtract(1, ordering: .relaxed).newValue > 0 {
                    // What comes next may be decided already, and goes to the server before anybody hears of this.
                    DispatchQueue.global().async { job.whenEnded(ending) }
                } else {
                    job.whenEnded(ending)
                }
            case .write(let job):
                hand(Job(batch: job.batch, whenEnded: job.whenEnded), to: 0)
                line.waiting.subtract(1, ordering: .relaxed)
            case .open:
                await open(&session)
                line.isOpening.store(false, ordering: .relaxed)
            }
            line.isReady.store(session.isReady, ordering: .relaxed)
        }
        session.connection?.close()
    }

    /// Makes a connection that no batch waits for; that it cannot be made is said here, or nobody would hear of it.
    private func open(_ session: inout LaneSession) async {
        let failures = session.failures
        do throws(StorageError) { try await session.open(time: time, random: random) } catch {
            // During the pause after an attempt that failed there is no other one, and nothing new to say.
            if session.failures > failures { database.observe(error) }
        }
    }

    private func drive(_ job: Job, on line: Line, _ session: inout LaneSession) async -> BatchMachine.Ending {
        let (batch, now) = (job.batch, time.now())
        let number = batches.add(1, ordering: .relaxed).newValue
        let inherited = line.heritage.withLock { $0.take() }
        if let (preparation, leader) = preparation(of: job, over: inherited, session) {
            await session.beginBatch(of: batch.count, trusting: true, number: number)
            session.follow(preparation.rows, leader: leader)
            let trial = Trial(batch: batch, preparation: preparation, leader: leader)
            if let ending = await attempt(trial, on: line, &session, now) { return ending }
        }
        // What was decided over remembered rows that somebody else has changed is decided again over read ones. The
        // connection may have been let go of in between, with the locks of what had failed.
        for trusting in [true, false] {
            do throws(StorageError) { try await session.open(time: time, random: random) } catch {
                database.observe(error)
                return Self.ending(batch, error, now: now)
            }
            await session.beginBatch(of: batch.count, trusting: trusting, number: number)
            if let ending = await attempt(Trial(batch: batch), on: line, &session, now) { return ending }
        }
        return Self.ending(batch, .conflict("its rows have changed since they were read"), now: now)
    }

    /// The batch as it was decided ahead, if that still holds. One that came before its leader had been sent is decided
    /// now.
    private func preparation(
        of job: Job, over heritage: LaneHeritage?, _ session: LaneSession
    ) -> (LanePreparation, leader: UInt32)? {
        let now = time.instant()
        if let preparation = job.preparation, let leader = session.leader(of: preparation.heritage, now: now) {
            return (preparation, leader)
        }
        guard job.batch.isAhead, let heritage, let leader = session.leader(of: heritage.id, now: now) else {
            return nil
        }
        return LanePreparation(job.batch, over: heritage, now: time.now()).map { ($0, leader) }
    }

    /// One way of writing a batch.
    private struct Trial {
        let batch: BatchMachine
        var preparation: LanePreparation?
        /// The number of the transaction that its leader was.
        var leader: UInt32?
    }

    /// - Returns: nil where a row was not as it was remembered, and the batch has to begin anew.
    private func attempt(
        _ trial: Trial, on line: Line, _ session: inout LaneSession, _ now: Timestamp
    ) async -> BatchMachine.Ending? {
        var batch = trial.preparation?.batch ?? trial.batch
        var action = trial.preparation?.action ?? batch.handle(.begun, now: now)
        var prepared = trial.preparation?.writes
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
                    if prepared == nil { try await session.prepare(changes, appended) }
                    database.commitObserver?(.before)
                    let began = time.instant()
                    let writes = prepared.take() ?? session.writes(changes, appended, asks: batch.wantsPosition)
                    let heritage = session.heritage(heritages.add(1, ordering: .relaxed).newValue, changes)
                    line.heritage.withLock { $0 = heritage }
                    position = try await session.send(writes, leader: trial.leader)
                    database.commitDurationObserver?(time.instant() - began)
                    database.commitObserver?(.after)
                    (hasCommitted, event) = (true, .committed)
                } catch {
                    line.heritage.withLock { $0 = nil }
                    guard let failure = await failed(error, &session) else { return nil }
                    event = failure
                }
            case .end(var ending):
                // Also of what was only read: a repeat's answer may be another server's write of just now.
                if !hasCommitted {
                    do throws(StorageError) { position = try await session.end(asks: batch.wantsPosition) } catch {
                        if session.isOutdated { return nil }
                        database.observe(error)
                        return Self.ending(trial.batch, error, now: now)
                    }
                }
                ending.position = position
                // They come back at once; the server is not to be asked for the same rows without a pause.
                if ending.deferredCount == batch.count {
                    try? await time.sleep(for: limits.heldPause(draw: random.next()))
                }
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
