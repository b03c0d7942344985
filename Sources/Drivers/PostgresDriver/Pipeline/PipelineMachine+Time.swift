import Determinism
import SocketReactor
import Storage

/// Deadlines, cancelled callers, `COPY`, and the end of the connection.
extension PipelineMachine {
    /// What ``tick(now:)`` came to.
    struct Alarm: Sendable {
        /// Callers to answer.
        var endings: [Ending] = []
        /// Why the connection has to be closed; then ``PipelineMachine/lose(_:)``.
        var closing: String?
    }

    /// Looks for what is overdue. Call it at ``alarm`` or later, then ``nextStep(now:)``.
    mutating func tick(now: Instant) -> Alarm {
        var result = Alarm()
        clearAlarm()
        switch phase {
        case .closed: return result
        case .copying(let deadline):
            if deadline <= now { result.closing = "a COPY went on past its deadline" } else { raiseAlarm(deadline) }
            return result
        case .cancelling(let since, _, _):
            if since + limits.drain <= now {
                result.closing = "a cancelled statement was not given up within \(limits.drain)"
                return result
            }
            raiseAlarm(since + limits.drain)
        case .open: break
        }
        expireWaiting(now, &result.endings)
        for index in 0..<sent.count { expireSent(index, now, &result.endings) }
        if isBlocked(now) { result.closing = "a statement of the driver's own was not answered within \(limits.drain)" }
        return result
    }

    /// Whether the server says nothing to a statement of the machine's own while somebody behind it is overdue. Only
    /// what callers have sent is cancelled.
    private mutating func isBlocked(_ now: Instant) -> Bool {
        guard sent.first?.isOverdue == true, groups.first == .deallocate || groups.first == .rollback else {
            blockage = nil
            return false
        }
        let since = blockage.flatMap { $0.group == headGroup ? $0.since : nil } ?? now
        blockage = (headGroup, since)
        if since + limits.drain <= now { return true }
        raiseAlarm(since + limits.drain)
        return false
    }

    private mutating func expireWaiting(_ now: Instant, _ endings: inout [Ending]) {
        let late =
            waiting.removeAll { $0.request.deadline <= now } + waitingReads.removeAll { $0.request.deadline <= now }
        for flight in late {
            waitingBytes -= flight.request.bytes
            let error = PostgresError(.deadline, .unavailable("the deadline passed before the request was sent"))
            endings.append(Ending(token: flight.request.token, outcome: .failure(error)))
        }
        for flight in waiting { raiseAlarm(flight.request.deadline) }
        for flight in waitingReads { raiseAlarm(flight.request.deadline) }
    }

    private mutating func expireSent(_ index: Int, _ now: Instant, _ endings: inout [Ending]) {
        var flight = sent[index]
        switch flight.phase {
        case .abandoned: return
        case .active:
            guard flight.request.deadline <= now else { return raiseAlarm(flight.request.deadline) }
            flight.phase = .overdue(since: now, wasCancelled: false)
            if flight.request.effect == .reads {
                endings.append(giveUp(&flight))
            } else {
                raiseAlarm(now + limits.drain)
            }
        case .overdue(let since, _):
            // The first one is being cancelled; the others still wait for their turn, and their callers no longer.
            guard since + limits.drain <= now else { return raiseAlarm(since + limits.drain) }
            if index > 0 { endings.append(giveUp(&flight)) }
        }
        sent[index] = flight
    }

    /// Answers the caller with what is known now.
    private func giveUp(_ flight: inout Flight) -> Ending {
        let error: PostgresError
        if case .overdue(_, true) = flight.phase {
            error = PostgresError(.cancelled, .unavailable("the caller's task was cancelled before an answer came"))
        } else {
            error = PostgresError(.deadline, .unavailable("the deadline passed before an answer came"))
        }
        let outcome = flight.outcome(lost: error)
        flight.phase = .abandoned
        return Ending(token: flight.request.token, outcome: outcome)
    }

    /// The caller of this batch was cancelled. A read's caller is answered at once; others once the server has said
    /// what became of the batch, or after the time to drain.
    mutating func abandon(_ token: Token, now: Instant) -> Ending? {
        if isClosed { return nil }
        let unsent =
            waiting.removeAll { $0.request.token === token } + waitingReads.removeAll { $0.request.token === token }
        if let flight = unsent.first {
            waitingBytes -= flight.request.bytes
            let error = PostgresError(
                .cancelled, .unavailable("the caller's task was cancelled before the request was sent"))
            return Ending(token: flight.request.token, outcome: .failure(error))
        }
        guard let index = (0..<sent.count).first(where: { sent[$0].request.token === token }) else { return nil }
        var flight = sent[index]
        guard case .active = flight.phase else { return nil }
        flight.phase = .overdue(since: now, wasCancelled: true)
        raiseAlarm(now + limits.drain)
        let ending = flight.request.effect == .reads ? giveUp(&flight) : nil
        sent[index] = flight
        return ending
    }

    /// Takes the connection out of pipelining for a `COPY`. Returns nil, or why that cannot be.
    mutating func beginCopy(deadline: Instant) -> PostgresError? {
        guard isIdle else {
            if isClosed { return closedError }
            let reason = "a COPY needs a connection on which nothing else is under way; lease one for it"
            return PostgresError(.busy, .unavailable(reason))
        }
        phase = .copying(deadline: deadline)
        transactionStatus = .unknown
        raiseAlarm(deadline)
        return nil
    }

    /// The copy goes on: more time.
    mutating func extendCopy(deadline: Instant) {
        guard case .copying = phase else { return }
        phase = .copying(deadline: deadline)
        raiseAlarm(deadline)
    }

    /// The copy is over, and pipelining goes on.
    mutating func endCopy(_ status: TransactionStatus) {
        guard case .copying = phase else { return }
        phase = .open
        (transactionStatus, statusBefore) = (status, status)
    }

    /// The connection is gone: answers everybody with what is known, and takes nothing more.
    mutating func lose(_ error: PostgresError) -> [Ending] {
        if isClosed { return [] }
        var endings: [Ending] = []
        while let flight = sent.popFirst() {
            if case .abandoned = flight.phase { continue }
            endings.append(Ending(token: flight.request.token, outcome: flight.outcome(lost: error)))
        }
        for flight in waiting { endings.append(Ending(token: flight.request.token, outcome: .failure(error))) }
        for flight in waitingReads { endings.append(Ending(token: flight.request.token, outcome: .failure(error))) }
        self = PipelineMachine(limits: limits)
        phase = .closed
        transactionStatus = .unknown
        loss = error
        return endings
    }
}
