import ConnectionPooling
import Determinism
import ReplicaRouting
import Storage

/// One of the lane's connections, and the transaction that is open on it.
struct LaneSession {
    let name: String
    let servers: PostgresReplicaSet
    let limits: PostgresLaneConfiguration
    /// Whether the lane can do without it.
    private let isSpare: Bool
    private(set) var connection: PostgresConnection?
    /// The primary that the connection leads to.
    private var route: WriteRoute?
    /// Asks how far the log is.
    private var positionStatement = LanePosition.flushed
    private var isInTransaction = false
    private var statements: [ObjectIdentifier: LaneStatements] = [:]
    private var searches = LaneSearches()
    private var memory: LaneMemory
    /// Whether the rows of the present batch are kept for the next one.
    private var remembers = false
    private var trust = LaneTrust()
    /// Whether the present batch may go by rows that it has not locked.
    private var isTrusting = false
    private var assumptions = LaneAssumptions()
    /// Whether the last request failed because a row was not as it was remembered: the batch must begin anew.
    private(set) var isOutdated = false
    /// Whether the last request ended because others hold what it needs.
    private(set) var isBlocked = false
    /// Whether the batch has read anything without locks.
    private var hasReadUnlocked = false
    /// The rows that the present batch has asked for by their keys.
    private var rows: [LaneFindings.Row] = []
    private var succession = LaneSuccession()
    /// Whether somebody held what the writes of an unlocked batch wanted: it is not waited for again.
    private var wasHeldUp = false
    /// Until when rows that others have locked are passed over.
    private var skipsUntil = Instant(nanoseconds: .min)
    private var planAge = PlanAge()
    /// How many attempts to connect have failed in a row.
    private(set) var failures = 0
    private var nextAttempt: Instant?
    /// Why the last attempt failed.
    private var lastError = StorageError.unavailable("not connected yet")

    /// - Parameter isSpare: one that is used by crowds beside another one. It remembers nothing: few commands go over
    ///   the other one.
    init(name: String, servers: PostgresReplicaSet, limits: PostgresLaneConfiguration, isSpare: Bool) {
        (self.name, self.servers, self.limits, self.isSpare) = (name, servers, limits, isSpare)
        memory = LaneMemory(bytes: isSpare ? 0 : limits.memoryBytes)
    }

    /// Whether the connection is there, and leads to the primary.
    var isReady: Bool {
        guard let connection, let route else { return false }
        return connection.isOpen && servers.isCurrent(route)
    }

    // MARK: connecting

    /// Connects to the primary if need be, and anew when there is another one. While the pause after a failed attempt
    /// lasts, batches fail at once.
    mutating func open(time: any TimeSource, random: any RandomSource) async throws(StorageError) {
        if isReady { return }
        connection?.close()
        (connection, isInTransaction) = (nil, false)
        succession.fail()
        // Another server may have given the same numbers to other transactions.
        memory.forgetAll()
        let target = try await servers.primaryOnceKnown()
        let now = time.instant()
        // The pause is for the server that failed, not for the one that has taken over.
        if let nextAttempt, now < nextAttempt, route?.host == target.host { throw lastError }
        route = target
        do {
            let (made, reading) = try await servers.connect(
                to: target.host, limits.settings(for: servers.member(target.host).configuration),
                within: limits.connectTimeout)
            (connection, failures, nextAttempt, planAge) = (made, 0, nil, PlanAge())
            positionStatement = reading.durability.commitsSynchronously ? LanePosition.flushed : LanePosition.inserted
        } catch {
            failures += 1
            nextAttempt = time.instant() + limits.reconnecting.pause(afterFailures: failures, draw: random.next())
            lastError = error.storage
            servers.report(error, on: target)
            // Reads can wait for each other; all writes wait for this one connection, unless it is a spare one.
            if !isSpare, error.sqlState == .tooManyConnections { servers.member(target.host).pool.evict(.all) }
            throw error.storage
        }
        guard servers.isCurrent(target) else { throw .unavailable("\(name): the primary has just changed") }
    }

    // MARK: the trips

    /// Begins a batch of that many commands.
    ///
    /// The memory spares a trip, which is much for a few commands and little for many; keeping their rows costs each
    /// of them the same.
    /// - Parameters:
    ///   - trusting: whether it may go by rows that it has not locked.
    ///   - number: how many batches all of the lane's connections have had, this one included.
    mutating func beginBatch(of commands: Int, trusting: Bool, number: Int) async {
        if planAge.begins(number) { await planAnew() }
        (assumptions, isOutdated, hasReadUnlocked, rows) = (LaneAssumptions(), false, false, [])
        remembers = !hidesServer && commands <= limits.memoryBatchLimit
        if !remembers { memory.forgetAll() }
        isTrusting = trusting && !hidesServer && trust.isGiven()
        if trusting { succession.begin() }
    }

    /// Locks and reads, in the order of the loads; opens the transaction if need be.
    ///
    /// A batch that may trust takes no locks at first: what is remembered is not even read. Its writes take the locks,
    /// and confirm that all rows are as the batch has seen them; nothing is locked between its two trips.
    ///
    /// Otherwise it waits for what other servers have locked, which in good times is a matter of milliseconds. Where
    /// the wait ends with the lock timeout, somebody holds a row and says nothing: then, and for some time after, rows
    /// are passed over instead, and only the commands that need them wait.
    mutating func load(_ loads: [Load], now: Instant) async throws(StorageError) -> LaneFindings {
        for load in loads where !knows(load.table) { try await prepare(load.table) }
        if wasHeldUp { (wasHeldUp, skipsUntil) = (false, now + limits.skipTime) }
        if now >= skipsUntil {
            if let remembered = recall(loads) { return remembered }
            if isTrusting, !isInTransaction, assumptions.isEmpty, loads.allSatisfy({ $0.key != nil }) {
                do { return try await load(loads, .leftToWrites) } catch {
                    isOutdated = !isBlocked && error.isOfOneStatement
                    throw error.storage
                }
            }
            let wasInTransaction = isInTransaction
            do { return try await load(loads, .waits) } catch {
                guard isBlocked, !isOutdated else { throw error.storage }
                skipsUntil = now + limits.skipTime
                // What an earlier trip of the batch has read is gone with its transaction.
                if wasInTransaction { throw error.storage }
            }
            await rollBack()
        }
        do { return try await load(loads, .skips) } catch { throw error.storage }
    }

    // MARK: followers

    /// Whether the next batch may be decided ahead.
    var decidesAhead: Bool {
        limits.memoryBytes > 0 && !hidesServer && trust.wouldBeGiven && succession.isTrusted
    }

    /// The number of the transaction that left this, if it was the latest on this connection and all has been well
    /// since: what was decided over it can be sent.
    func leader(of heritage: Int, now: Instant) -> UInt32? {
        isReady && decidesAhead && now >= skipsUntil ? succession.leader(of: heritage) : nil
    }

    /// What the batch leaves, if anybody may go by it.
    mutating func heritage(_ id: Int, _ changes: [RowChange]) -> LaneHeritage? {
        succession.send(leaving: decidesAhead ? id : nil)
        guard decidesAhead else { return nil }
        return LaneHeritage(
            id: id, rows: rows, changes: changes, statements: statements, question: positionStatement)
    }

    /// Takes over what the present batch has read before it began.
    /// - Parameter leader: the number of the transaction that wrote the rows of the batch before.
    mutating func follow(_ read: [LaneFindings.Row], leader: UInt32) {
        rows = read.map { ($0.record, .known($0.writer.number(leader: leader))) }
    }

    // MARK: rows

    private mutating func recall(_ loads: [Load]) -> LaneFindings? {
        guard isTrusting, remembers, memory.isKept else { return nil }
        var taken = assumptions
        guard let findings = LaneFindings(loads, rememberedBy: { memory.row($0)?.found }, &taken) else { return nil }
        assumptions = taken
        rows += findings.read
        return findings
    }

    private mutating func load(_ loads: [Load], _ locking: LaneLocking) async throws(PostgresError) -> LaneFindings {
        let isUnlocked = locking == .leftToWrites
        var trip = LaneTrip(effect: isUnlocked ? .reads : .uncommitted)
        if !isUnlocked { begin(&trip) }
        let groups = loads.groups { $0.key != nil && $1.key != nil && $0.table === $1.table }
        var readings: [LaneReading] = []
        for group in groups {
            guard let statements = statements[ObjectIdentifier(loads[group.lowerBound].table)] else { continue }
            readings.append(
                LaneReading(group, of: loads, statements, locking, into: &trip.batch) { searches.statement($0) })
        }
        let reply = try await submit(trip)
        var findings = LaneFindings(count: loads.count)
        do {
            for reading in readings { try reading.take(reply.results, into: &findings, loads) }
        } catch let error as StorageError {
            throw PostgresError(.server, error)
        } catch {
            throw PostgresError(.server, .corrupt("\(error)"))
        }
        if isUnlocked {
            assumptions.assume(loads, findings)
            hasReadUnlocked = true
        }
        rows = rows.isEmpty ? findings.read : rows + findings.read
        guard remembers else { return findings }
        for (load, records) in zip(loads, findings.records) where records.isEmpty {
            if let key = load.key { memory.forget(key) }
        }
        let bytes = findings.bytes / max(1, findings.read.count)
        for case (let record, .known(let writer)) in findings.read {
            memory.remember(record, writer: writer, bytes: bytes)
        }
        return findings
    }

    /// Learns what the writes need to know of their tables.
    mutating func prepare(_ changes: [RowChange], _ appended: [AnyRecord]) async throws(StorageError) {
        for change in changes where !knows(change.key.table) { try await prepare(change.key.table) }
        for record in appended where !knows(record.key.table) { try await prepare(record.key.table) }
    }

    /// The trip that writes and commits. The tables are known by ``prepare(_:_:)``.
    /// - Parameter asks: whether to ask how far the log is.
    mutating func writes(_ changes: [RowChange], _ appended: [AnyRecord], asks: Bool) -> LaneWrites {
        // A trip is a transaction by itself, unless something has to come behind its commit.
        let isByItself = !isInTransaction && !asks && !hidesServer
        var trip = LaneTrip()
        if !isByItself, !isInTransaction { LaneOpening.append(to: &trip, hidesServer ? limits : nil) }
        return LaneWrites(
            changes, appended: appended, confirming: assumptions, in: trip,
            isByItself ? .byItself : asks ? .commitAndAsk(positionStatement) : .commit, statements)
    }

    /// Writes and commits, in one trip.
    /// - Parameter leader: the number of the transaction that wrote the batch before's rows, if this one follows it.
    /// - Returns: how far the log was after the commit, asked behind it in the same trip: before, it might not have
    ///   come to the commit's own record. Nil if nobody asked, or that could not be found out.
    mutating func send(_ writes: LaneWrites, leader: UInt32?) async throws(StorageError) -> CommitPosition? {
        let effect = writes.trip.batch.effect
        if case .commits(_?) = effect { isInTransaction = true }
        let reply: PostgresReply
        do { reply = try await submit(writes.trip, leader: leader) } catch {
            if isOutdated {
                if leader != nil { succession.wasDeceived() }
                throw .conflict("a row has changed since it was remembered")
            }
            if error.sqlState == .divisionByZero, error.statement.map(writes.guarded.contains) == true {
                throw .conflict("a row has changed since it was read")
            }
            throw error.storage
        }
        isInTransaction = false
        if case .commits(let place?) = effect, reply.results[place].commandTag != "COMMIT" {
            throw .conflict("the transaction had failed before its commit")
        }
        let transaction = writes.number(in: reply.results)
        succession.commit(transaction, wasAhead: leader != nil)
        remember(writes.changes, number: transaction, writes.trip.batch.byteCount)
        guard case .commits(let place?) = effect, reply.results.count > place + 1 else { return nil }
        return LanePosition.read(reply.results[place + 1])
    }

    /// Keeps the rows as the commit has left them.
    private mutating func remember(_ changes: [RowChange], number: UInt32?, _ byteCount: Int) {
        guard remembers else { return }
        let bytes = byteCount / max(1, changes.count)
        for change in changes {
            if let record = change.record, let number {
                memory.remember(record, writer: number, bytes: bytes)
            } else {
                memory.forget(change.key)
            }
        }
    }

    /// Ends a transaction that has nothing to commit.
    /// - Parameter asks: whether to ask how far the log is.
    /// - Returns: how far the log is, which is beyond everything that was read; nil if that could not be found out.
    /// - Throws: where what was taken from the memory could not be confirmed.
    mutating func end(asks: Bool) async throws(StorageError) -> CommitPosition? {
        let mustConfirm = !assumptions.isEmpty
        let isWorthATrip = isInTransaction || mustConfirm || asks && hasReadUnlocked
        guard let connection, connection.isOpen, isWorthATrip else {
            await rollBack()
            if mustConfirm { throw .unavailable("\(name) is not connected") }
            return nil
        }
        var trip = LaneTrip(effect: .uncommitted)
        begin(&trip)
        let place = trip.nextPlace
        if asks { trip.append(positionStatement) }
        trip.append(PostgresConnection.rollback)
        do {
            let reply = try await submit(trip)
            isInTransaction = false
            await rollBack()
            return asks ? LanePosition.read(reply.results[place]) : nil
        } catch {
            await rollBack()
            if mustConfirm { throw error.storage }
            return nil
        }
    }

    /// Ends what the batch was about: it has failed, and nothing of what it decided counts.
    mutating func abandon() async {
        assumptions = LaneAssumptions()
        succession.fail()
        await rollBack()
    }

    /// Gives the locks back, if there are any. A connection on which that fails is let go of, and they with it.
    private mutating func rollBack() async {
        guard let connection, isInTransaction || !connection.isFree else { return }
        isInTransaction = false
        do {
            _ = try await connection.submit(
                PostgresBatch([PostgresBatch.Item(PostgresConnection.rollback)], effect: .uncommitted))
            if connection.isFree { return }
        } catch {}
        connection.close()
        self.connection = nil
    }

    /// Opens the transaction if need be, and confirms what was taken from the memory.
    private mutating func begin(_ trip: inout LaneTrip) {
        if !isInTransaction {
            LaneOpening.append(to: &trip, hidesServer ? limits : nil)
            isInTransaction = true
        }
        if !assumptions.isEmpty { assumptions.confirm(in: &trip, statements) }
    }

    /// Whether a pooler stands between, which may give the next transaction to another server.
    private var hidesServer: Bool { route.map { servers.member($0.host).hidesServer } ?? true }

    /// - Parameter leader: the number of the transaction that wrote the batch before's rows, if the trip follows it.
    private mutating func submit(
        _ trip: LaneTrip, leader: UInt32? = nil
    ) async throws(PostgresError) -> PostgresReply {
        isBlocked = false
        guard let connection else {
            throw PostgresError(.connectionLost, .unavailable("\(name) is not connected"))
        }
        do {
            let reply = try await connection.submit(trip.complete(leader: leader ?? 0))
            if !trip.confirming.isEmpty {
                assumptions = LaneAssumptions()
                trust.wasRight()
            }
            return reply
        } catch {
            if let route { servers.report(error, on: route) }
            isBlocked = error.sqlState == .lockNotAvailable || error.sqlState == .deadlockDetected
            if !trip.confirming.isEmpty { judge(error, trip.confirming) }
            throw error
        }
    }

    /// Whether an error may come from a row that is not as it was remembered. It need not be a confirming statement
    /// that fails: what was decided over such a row may break a constraint before it comes to that. Nothing was written
    /// then, and the batch finds out by reading. What is overdue, or may have been written, is not done again.
    private mutating func judge(_ error: PostgresError, _ confirming: Set<Int>) {
        let isDenied = error.sqlState == .divisionByZero && error.statement.map(confirming.contains) == true
        // Whoever holds a row changes it; and what is passed over must be looked at.
        if isDenied || isBlocked { trust.wasWrong() }
        memory.forgetAll()
        wasHeldUp = isBlocked
        if case .unknown = error.storage { return }
        isOutdated = isBlocked || error.isOfOneStatement
    }

    /// Has the server plan the statements again.
    private mutating func planAnew() async {
        guard !hidesServer else { return }
        // A connection that fails here fails at the batch, too.
        var trip = LaneTrip(effect: .reads)
        trip.append(Self.discardPlans)
        _ = try? await submit(trip)
    }

    private static let discardPlans = PostgresStatement("DISCARD PLANS")

    // MARK: tables

    private func knows(_ table: Table) -> Bool { statements[ObjectIdentifier(table)] != nil }

    /// Asks the catalog for the types of a table's columns, once.
    private mutating func prepare(_ table: Table) async throws(StorageError) {
        planAge.metTable()
        var trip = LaneTrip(effect: isInTransaction ? .uncommitted : .reads)
        let question = LaneCatalog.question(of: table)
        trip.append(question.statement, question.parameters)
        let answer: PostgresResult
        do { answer = try await submit(trip).first } catch { throw error.storage }
        statements[ObjectIdentifier(table)] = try LaneCatalog.statements(of: table, by: answer, in: name)
    }
}
