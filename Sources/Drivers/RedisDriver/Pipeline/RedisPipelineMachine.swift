import Determinism
import SocketReactor

/// Decides for one connection what is sent when, to whom a reply belongs, and what a lost reply means: a pure value.
///
/// Redis answers in order. Requests of any number of callers are sent in groups, one write for each: while
/// ``PipelineLimits/groups`` of them are unanswered, what is asked meanwhile gathers and goes out with the next one.
/// The server reads it no later for that, since it is busy with what came before, and it reads and answers a group with
/// one system call each. A request alone goes out at once.
///
/// The design is that of `PostgresDriver` (decision 12). Nothing is ever sent twice.
struct RedisPipelineMachine<Token: AnyObject & Sendable>: Sendable {
    typealias Request = PipelineRequest<Token>
    typealias Flight = PipelineFlight<Token>
    typealias Ending = PipelineEnding<Token>

    let limits: PipelineLimits
    var link: ReconnectMachine
    /// Sent, or being sent, and not answered, in order.
    var sent = RingQueue<Flight>()
    /// Accepted and not handed over for sending.
    var waiting = RingQueue<Flight>()
    /// How many flights of the first group are unanswered; 0 without a group.
    private var firstGroupRest = 0
    /// How many flights each group behind it has.
    private var laterGroups = RingQueue<Int>()
    private var groupCount: Int { firstGroupRest == 0 ? 0 : laterGroups.count + 1 }
    private(set) var (sentReplies, waitingReplies, waitingBytes) = (0, 0, 0)
    /// Whether somebody is sending, or the socket takes no more.
    private(set) var isWriting = false
    /// Bytes of all that was handed over on this connection, and how much of that the server may have.
    private(set) var (handedOver, exposed) = (UInt64(0), UInt64(0))
    private var lastHeard = Instant(nanoseconds: .min)
    /// When ``tick(now:draw:)`` has something to do; never too late, sometimes too early.
    private(set) var alarm: Instant?
    private(set) var closure: RedisError?

    init(limits: PipelineLimits, link: ReconnectMachine.Limits) {
        (self.limits, self.link) = (limits, ReconnectMachine(limits: link))
        alarm = self.link.alarm
    }

    /// Commands that are accepted and not answered.
    var pendingReplies: Int { sentReplies + waitingReplies }

    // MARK: sending

    /// Takes a request, to be sent when its turn comes. Returns nil, or why it is refused; then nothing was changed.
    mutating func submit(_ request: Request, now: Instant) -> RedisError? {
        if let closure { return closure.with(.notSent) }
        if link.isFailing, !limits.waitsWhileUnreachable {
            return link.failure?.with(.notSent) ?? RedisError(.connect, .notSent, "there is no connection")
        }
        if request.deadline <= now {
            return RedisError(.timeout, .notSent, "the command's time was up before it was sent")
        }
        if !waiting.isEmpty,
            waitingReplies + request.replies > limits.waiting || waitingBytes + request.bytes > limits.waitingBytes
        {
            return RedisError(
                .overloaded, .notSent,
                "\(pendingReplies) commands are under way on this connection, which is as many as it takes")
        }
        waitingReplies += request.replies
        waitingBytes += request.bytes
        waiting.append(Flight(request))
        raiseAlarm(request.deadline)
        return nil
    }

    /// Hands over the next group, in order, if it may be sent now. The caller sends its bytes and then calls
    /// ``wrote(unsent:)``.
    mutating func takeGroup(_ group: inout [Token]) -> Bool {
        guard !isWriting, link.isOpen, groupCount < limits.groups || waitingBytes >= limits.eagerBytes else {
            return false
        }
        var (count, bytes) = (0, 0)
        while bytes < limits.groupBytes, let next = waiting.first, fits(next.request) {
            guard var flight = waiting.popFirst() else { break }
            let request = flight.request
            waitingReplies -= request.replies
            waitingBytes -= request.bytes
            sentReplies += request.replies
            bytes += request.bytes
            count += 1
            flight.start = handedOver
            handedOver += UInt64(request.bytes)
            group.append(request.token)
            sent.append(flight)
        }
        guard count > 0 else { return false }
        if firstGroupRest == 0 { firstGroupRest = count } else { laterGroups.append(count) }
        isWriting = true
        exposed = handedOver
        return true
    }

    private func fits(_ request: Request) -> Bool {
        sent.isEmpty || sentReplies + request.replies <= limits.inFlight
    }

    /// The socket has taken all but so many bytes of what was handed over. If there are none left, the next group may
    /// follow; else ``resumeWriting()`` comes first.
    mutating func wrote(unsent: Int) {
        guard isWriting, link.isOpen else { return }
        exposed = handedOver - min(handedOver, UInt64(unsent))
        isWriting = unsent > 0
    }

    /// The rest is about to be sent.
    mutating func resumeWriting() { exposed = handedOver }

    // MARK: replies

    /// To whom the next reply belongs.
    enum Delivery {
        /// To this caller; the last one that it gets, or one of several.
        case give(Token, isLast: Bool)
        /// To somebody who waits no more.
        case drop
        /// Nobody asked for it: the connection is of no use any more.
        case broken
    }

    /// Bytes came, if only a part of a long reply: the connection does not stand still.
    mutating func heard(now: Instant) { lastHeard = max(lastHeard, now) }

    mutating func receive(now: Instant) -> Delivery {
        lastHeard = now
        guard var first = sent.popFirst() else { return .broken }
        sentReplies -= 1
        first.answered += 1
        let isLast = first.answered == first.request.replies
        if isLast {
            firstGroupRest -= 1
            if firstGroupRest == 0 { firstGroupRest = laterGroups.popFirst() ?? 0 }
        } else {
            sent.prepend(first)
        }
        return first.isDropped ? .drop : .give(first.request.token, isLast: isLast)
    }

    /// The caller waits no more. Returns what it is told; nil if it has been told already.
    mutating func abandon(_ token: Token) -> Ending? {
        func error(_ effect: RedisError.Effect) -> RedisError {
            RedisError(.cancelled, effect, "the caller's task was cancelled")
        }
        for index in 0..<sent.count where sent[index].request.token === token {
            if sent[index].isDropped { return nil }
            sent[index].isDropped = true
            return Ending(token: token, error: error(.unknown))
        }
        for flight in waiting.removeAll(where: { $0.request.token === token }) {
            forget(flight)
            return Ending(token: token, error: error(.notSent))
        }
        return nil
    }

    private mutating func forget(_ flight: Flight) {
        waitingReplies -= flight.request.replies
        waitingBytes -= flight.request.bytes
    }

    // MARK: the connection

    /// An attempt to connect succeeded. Returns false if the connection is not wanted any more.
    mutating func opened(_ attempt: UInt64, now: Instant) -> Bool {
        guard link.opened(attempt, now: now) else { return false }
        (handedOver, exposed, isWriting, lastHeard) = (0, 0, false, now)
        return true
    }

    /// An attempt to connect failed. Returns who is told so.
    mutating func failed(_ attempt: UInt64, _ error: RedisError, now: Instant, draw: UInt64) -> [Ending] {
        guard link.failed(attempt, error, now: now, draw: draw) else { return [] }
        if let alarm = link.alarm { raiseAlarm(alarm) }
        return refuseWaiting(error)
    }

    private mutating func refuseWaiting(_ error: RedisError) -> [Ending] {
        limits.waitsWhileUnreachable ? [] : drainWaiting(error)
    }

    private mutating func drainWaiting(_ error: RedisError) -> [Ending] {
        var endings: [Ending] = []
        while let flight = waiting.popFirst() {
            forget(flight)
            endings.append(Ending(token: flight.request.token, error: error.with(.notSent)))
        }
        return endings
    }

    /// The connection is gone. Returns who is told what; what was not handed over waits for the next connection.
    mutating func lost(_ connection: UInt64, _ error: RedisError, now: Instant, draw: UInt64) -> [Ending] {
        guard link.lost(connection, error, now: now, draw: draw) else { return [] }
        let endings = drainSent(error)
        if let alarm = link.alarm { raiseAlarm(alarm) }
        return endings + (link.isFailing ? refuseWaiting(error) : [])
    }

    private mutating func drainSent(_ error: RedisError) -> [Ending] {
        var endings: [Ending] = []
        while let flight = sent.popFirst() {
            if flight.isDropped { continue }
            endings.append(
                Ending(token: flight.request.token, error: error.with(flight.effect(exposed: exposed))))
        }
        (firstGroupRest, laterGroups) = (0, RingQueue())
        (sentReplies, isWriting) = (0, false)
        return endings
    }

    /// The end. Returns who is told what; nothing is taken any more.
    mutating func close(_ error: RedisError) -> [Ending] {
        guard closure == nil else { return [] }
        closure = error
        link.close()
        return drainSent(error) + drainWaiting(error)
    }

    // MARK: time

    /// What ``tick(now:draw:)`` came to.
    struct Alarm: Sendable {
        var endings: [Ending] = []
        /// An attempt to connect is to begin, under this generation.
        var connects: UInt64?
        /// Why the connection is to be closed; then ``lost(_:_:now:draw:)`` follows.
        var closing: RedisError?
    }

    /// Looks for what is due. Call it at ``alarm`` or later.
    mutating func tick(now: Instant, draw: UInt64) -> Alarm {
        var result = Alarm()
        alarm = nil
        if closure != nil { return result }
        switch link.tick(now: now, draw: draw) {
        case .none: break
        case .connect(let attempt): result.connects = attempt
        case .gaveUp: if let error = link.failure { result.endings += refuseWaiting(error) }
        }
        if let alarm = link.alarm { raiseAlarm(alarm) }
        expireWaiting(now, &result)
        expireSent(now, &result)
        return result
    }

    private mutating func expireWaiting(_ now: Instant, _ result: inout Alarm) {
        for flight in waiting.removeAll(where: { $0.request.deadline <= now }) {
            forget(flight)
            let reason = link.isOpen ? "" : "; there is no connection" + (link.failure.map { ": \($0.reason)" } ?? "")
            result.endings.append(
                Ending(
                    token: flight.request.token,
                    error: RedisError(.timeout, .notSent, "the command's time was up before it was sent\(reason)")))
        }
        for flight in waiting { raiseAlarm(flight.request.deadline) }
    }

    private mutating func expireSent(_ now: Instant, _ result: inout Alarm) {
        for index in 0..<sent.count {
            let flight = sent[index]
            if flight.isDropped { continue }
            if flight.request.deadline > now {
                raiseAlarm(flight.request.deadline)
                continue
            }
            sent[index].isDropped = true
            // What the socket has not taken yet goes out nevertheless: what is behind it must arrive.
            result.endings.append(
                Ending(
                    token: flight.request.token,
                    error: RedisError(.timeout, .unknown, "no answer came within the command's time")))
        }
        guard let head = sent.first else { return }
        let limit = max(head.request.deadline, lastHeard) + limits.stall
        if limit <= now {
            result.closing = RedisError(
                .connectionLost, .unknown, "the server answered nothing for too long, and the connection was closed")
        } else {
            raiseAlarm(limit)
        }
    }

    private mutating func raiseAlarm(_ instant: Instant) {
        if alarm.map({ instant < $0 }) ?? true { alarm = instant }
    }
}
