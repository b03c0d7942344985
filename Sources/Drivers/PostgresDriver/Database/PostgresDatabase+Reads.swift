import ConnectionPooling
import Determinism
import ReplicaRouting
import Storage

/// Reads: each goes to a server that is fresh enough, and to another one when the first fails.
extension PostgresDatabase {
    /// Runs the statements in one read-only snapshot. The organization is the pool's tenant.
    public func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        await servers.settle()
        let asksPosition = consistency == .strongWithPosition
        let batch = Self.readBatch(statements, asksPosition: asksPosition)
        let tenant = organization.map { TenantKey($0) }
        let failure: StorageError
        do {
            return try await servers.router.read(requirement(consistency), judge: Self.judge) { route in
                for _ in 1..<max(configuration.attempts, 1) {
                    // Each connection hears of a migration with the first statement that it had prepared before.
                    do { return try await read(batch, statements, asksPosition, route, tenant) } catch let error
                        as PostgresError where error.isOfStaleStatement
                    {}
                }
                return try await read(batch, statements, asksPosition, route, tenant)
            }
        } catch let error as ReplicaRoutingError {
            failure = servers.refusal(error)
        } catch let error as PostgresError {
            failure = error.storage
        } catch let error as StorageError {
            failure = error
        } catch {
            failure = .unavailable("\(configuration.name): \(error)")
        }
        configuration.observe(failure)
        throw failure
    }

    private func read(
        _ batch: PostgresBatch, _ statements: [SQLStatement], _ asksPosition: Bool, _ route: ReadRoute,
        _ tenant: TenantKey?
    ) async throws -> ReadResult {
        let member = servers.member(route.host)
        // A server that takes connections and says nothing must not hold those up who can be served elsewhere.
        let deadline = route.isPrimary ? nil : time.instant() + configuration.replicaPatience
        // Whose connection does not come back is asked with a statement in hand; whose database it is, everybody knows.
        return try await member.pool.withConnection(
            for: tenant, deadline: deadline, label: statements.first?.text
        ) { connection in
            // It may have been opened, or waited for, while the server was started anew.
            guard servers.router.stillHolds(route) else { throw StaleRoute() }
            let results: ArraySlice<PostgresResult>
            if member.hidesServer, !route.isPrimary, case .position = route.requirement {
                results = try await checkedResults(batch, route, connection)
            } else {
                results = try await connection.submit(batch).results[...]
            }
            var inner = results.count == statements.count ? results : results.dropFirst().dropLast()
            let position = asksPosition ? inner.popLast().flatMap { LanePosition.read($0) } : nil
            var rows: [[SQLRow]] = []
            rows.reserveCapacity(statements.count)
            for result in inner { rows.append(try result.rows()) }
            return ReadResult(rows: rows, servedBy: servers.name(of: route), position: position)
        }
    }

    /// Behind a pooler the server itself says in the same trip how far it is. It is asked first: its state only grows.
    private func checkedResults(
        _ batch: PostgresBatch, _ route: ReadRoute, _ connection: PostgresConnection
    ) async throws -> ArraySlice<PostgresResult> {
        // What has a snapshot of its own needs one that is taken after the answer: the question is then a transaction
        // by itself. The pooler changes servers only behind the trip's end.
        let isSnapshot = batch.effect == .uncommitted
        let question = PostgresBatch.Item(ProbeQuestion.statement)
        let asked =
            isSnapshot
            ? [PostgresBatch.Item(Self.begin), question, PostgresBatch.Item(PostgresBatch.commit)] : [question]
        let since = time.instant()
        let reply = try await connection.submit(PostgresBatch(asked + batch.items, effect: batch.effect))
        let answer = reply.results[isSnapshot ? 1 : 0]
        guard let reading = ProbeQuestion.reading(answer), let timeline = reading.timeline else { throw StaleRoute() }
        servers.router.connected(to: route.host, reading, since: since)
        guard route.isSatisfied(by: LogPosition(timeline, reading.position)), servers.router.stillHolds(route) else {
            throw StaleRoute()
        }
        return reply.results.dropFirst(asked.count)
    }
    private static let begin = PostgresStatement("BEGIN READ ONLY")

    private func requirement(_ consistency: ReadConsistency) -> ReadRequirement {
        switch consistency {
        case .strong, .strongWithPosition: .strong
        case .eventual: .eventual
        case .atLeast(let position):
            .position(LogPosition(Timeline(position.timeline), LSN(bytes: position.offset)))
        }
    }

    /// One `SELECT` is a snapshot by itself. Whatever else there is goes where the server lets nothing be written.
    /// How far the log is, is asked last: what a snapshot shows was committed before that.
    private static func readBatch(_ statements: [SQLStatement], asksPosition: Bool) -> PostgresBatch {
        if statements.count == 1, !asksPosition, statements[0].text.hasPrefix("SELECT ") {
            return PostgresBatch(statements, effect: .reads)
        }
        let begin = SQLStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        var batch = PostgresBatch([begin] + statements, effect: .uncommitted)
        if asksPosition { batch.append(LanePosition.ofSession) }
        batch.append(PostgresBatch.commit)
        return batch
    }

    /// What an error means for another attempt on another server.
    private static func judge(_ error: any Error) -> ReadVerdict {
        switch error {
        case is StaleRoute: return .elsewhere
        case let error as PoolError:
            switch error.reason {
            case .unavailable: return .failed(.lost)
            case .timedOut, .queueFull, .shed: return .elsewhere
            case .cancelled, .shutDown: return .final
            }
        case let error as PostgresError:
            // Said of the read's own transaction, to a statement that would write; it is no news of the server's role.
            if error.sqlState == .readOnlyTransaction { return .final }
            if let failure = ReplicaSetMachine.ConnectionFailure(error) { return .failed(failure) }
            // A replica's recovery stands in the way of what was read there.
            if error.sqlState == .serializationFailure || error.sqlState == .deadlockDetected { return .elsewhere }
            return .final
        default: return .final
        }
    }
}

/// The route was right when it was decided, and is not any more.
private struct StaleRoute: Error, CustomStringConvertible {
    var description: String { "the server has changed while the read was on its way" }
}
