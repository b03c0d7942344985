import SocketReactor
import Storage

/// What arrives.
extension PipelineMachine {
    /// Takes what libpq handed over.
    mutating func receive(_ reply: Reply) -> Action {
        if isClosed { return .none }
        switch reply {
        case .result(let kind): return result(kind)
        case .failure(let error): return failure(error)
        case .skipped:
            headAnswer = .skipped
            if isAtFlight { sent.updateFirst { $0.wasSkipped = true } }
            return isAwaiting ? .none : .broken("a statement was skipped that nobody had sent")
        case .end: return end()
        case .sync(let status): return synchronized(status)
        }
    }

    /// The server has given up the wait for its synchronous standbys, and is about to acknowledge the commit.
    mutating func commitIsUnreplicated() {
        sent.updateFirst { flight in
            if case .commits = flight.request.effect { flight.isUnreplicated = true }
        }
    }

    /// Whether the next reply belongs to the first flight.
    private var isAtFlight: Bool {
        switch expected.first {
        case .prepare, .execute: true
        case .sync: groups.first == .batch || groups.first == .reads
        case .control, .deallocate, nil: false
        }
    }

    private var isAtSync: Bool {
        if case .sync = expected.first { return true }
        return false
    }

    private mutating func result(_ kind: CommandKind) -> Action {
        guard let next = expected.first else { return .broken("a result came that nobody had asked for") }
        headAnswer = .result
        switch kind {
        case .begin: transactionStatus = .inTransaction
        case .commit, .rollback: transactionStatus = .idle
        case .other: break
        }
        switch next {
        case .prepare, .control, .deallocate: return .none
        case .sync: return .broken("a result came where a group was to end")
        case .execute:
            guard let flight = sent.first else { return .broken("a result came for no request") }
            if kind == .commit, case .commits(let place?) = flight.request.effect, place == flight.answered {
                sent.updateFirst { $0.isCommitted = true }
            }
            if case .abandoned = flight.phase { return .none }
            return .keep(flight.request.token)
        }
    }

    private mutating func failure(_ error: PostgresError) -> Action {
        guard let next = expected.first else { return .broken("an error came that nobody had asked for") }
        headAnswer = .failure
        if transactionStatus == .inTransaction { transactionStatus = .failed }
        switch next {
        case .prepare: note(error)
        case .execute(let reference): note(reference.map { staleStatement($0, error) } ?? error)
        case .control: return .broken("ROLLBACK failed")
        case .deallocate(let reference):
            // Tried again where that makes sense; else it is not there.
            if [.transactionAborted, .queryCanceled].contains(error.sqlState) { cache.keepRetired(reference) }
        case .sync:
            // A deferred constraint, or a serialization failure of an implicit transaction's commit.
            if isAtFlight {
                sent.updateFirst { flight in
                    guard flight.failure == nil else { return }
                    (flight.failure, flight.failedAtSync) = (error, true)
                }
            }
        }
        return .none
    }

    private mutating func note(_ error: PostgresError) {
        sent.updateFirst { flight in
            if flight.failure == nil { flight.failure = error.at(statement: flight.answered) }
        }
    }

    /// A prepared statement that is gone, or whose columns have changed: prepared afresh the next time.
    private mutating func staleStatement(
        _ reference: StatementCache.Reference, _ error: PostgresError
    ) -> PostgresError {
        switch error.sqlState {
        case .unknownPreparedStatement: cache.forget(reference)
        case .featureNotSupported: cache.retire(reference)
        default: return error
        }
        return error.asConflict("the prepared statement was out of date, and is prepared afresh when it is tried again")
    }

    private mutating func end() -> Action {
        let answer = headAnswer
        switch expected.first {
        case nil, .sync: return .none
        case .prepare(let reference):
            if answer == .result { cache.confirm(reference) } else { cache.forget(reference) }
        case .control, .deallocate: break
        case .execute:
            sentStatements -= 1
            sent.updateFirst { $0.answered += 1 }
        }
        let isStatement = if case .execute = expected.popFirst() { true } else { false }
        headAnswer = .none
        // A read needs no commit: its caller need not wait for the group's end. The last one's does, at no cost, since
        // it comes with the answer, so that whoever was alone on the connection finds it settled.
        guard isStatement, groups.first == .reads, !isAtSync, let flight = sent.popFirst() else { return .none }
        sentBytes -= flight.request.bytes
        return finish(flight).map(Action.end) ?? .none
    }

    private mutating func synchronized(_ reported: TransactionStatus) -> Action {
        guard case .sync = expected.first, let group = groups.popFirst() else {
            return .broken("a group ended before its statements were answered")
        }
        _ = expected.popFirst()
        headAnswer = .none
        let before = statusBefore
        let status = reported == .unknown ? transactionStatus : reported
        (transactionStatus, statusBefore) = (status, status)
        var ending: Ending?
        switch group {
        case .batch:
            guard let flight = sent.popFirst() else { return .broken("a batch ended that nobody had sent") }
            sentBytes -= flight.request.bytes
            if flight.request.effect == .uncommitted { uncommittedInFlight -= 1 }
            if flight.failure != nil, flight.isSelfContained, before == .idle, status != .idle, recovery == .none {
                recovery = .needed
            }
            ending = finish(flight)
        case .reads:
            readGroups -= 1
            guard let flight = sent.popFirst() else { return .broken("reads ended that nobody had sent") }
            sentBytes -= flight.request.bytes
            ending = finish(flight)
        case .rollback:
            guard status == .idle else { return .broken("ROLLBACK left a transaction open") }
            recovery = .none
        case .deallocate: break
        }
        headGroup += 1
        leaveCancelling()
        return ending.map(Action.end) ?? .none
    }

    /// Answers the caller, or puts the flight back because it was not executed through no fault of its own.
    private mutating func finish(_ flight: Flight) -> Ending? {
        if case .abandoned = flight.phase { return nil }
        if !flight.isOverdue, mayGoAgain(flight) {
            let fresh = flight.unsent
            waitingBytes += fresh.request.bytes
            if fresh.isShared { waitingReads.prepend(fresh) } else { waiting.prepend(fresh) }
            return nil
        }
        return Ending(token: flight.request.token, outcome: flight.outcome)
    }

    private func mayGoAgain(_ flight: Flight) -> Bool {
        guard let failure = flight.failure else { return flight.wasSkipped && flight.isShared }
        if failure.sqlState == .transactionAborted {
            return recovery != .none && flight.isSelfContained && failure.statement == 0
        }
        return failure.sqlState == .queryCanceled && flight.isShared && headGroup <= lastVictim
    }

    /// The answer to the cancel call is there, or it failed: it does nothing more from here on.
    mutating func cancelReturned() {
        guard case .cancelling(let since, let target, _) = phase else { return }
        phase = .cancelling(since: since, target: target, isReturned: true)
        leaveCancelling()
    }

    private mutating func leaveCancelling() {
        if case .cancelling(_, let target, true) = phase, headGroup > target { phase = .open }
    }
}
