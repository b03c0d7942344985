import Determinism
import SocketReactor
import Synchronization

/// One of a client's connections, with all that came before and will follow it: the shell around a
/// ``RedisPipelineMachine``.
///
/// Callers send by themselves, without a hop to another thread; the machine lets one at a time do it, outside the lock.
/// The reactor's thread reads, parses before it takes the lock, and resumes callers after it has given it back.
final class RedisLine: ReactorClient, RedisSocketOwner {
    typealias Machine = RedisPipelineMachine<PendingRequest>
    typealias Continuation = UnsafeContinuation<PendingRequest.Outcome, Never>

    private struct State {
        var machine: Machine
        var socket: RedisSocket?
        var connector: RedisConnector?
        var ticket: ReactorLoop.Ticket?
        var statistics = RedisStatistics()

        /// Commands under way; very many while there is no connection.
        var load: Int { machine.pendingReplies + (machine.link.isOpen ? 0 : 1 << 40) }
    }
    /// What is left to do once the lock is free.
    private struct Effects {
        var answers: [(Continuation, PendingRequest.Outcome)] = []
        var group: [PendingRequest] = []
        /// What the group is written to.
        var socket: RedisSocket?
        var ended: RedisSocket?
        var alarm: Instant?
        var attempt: (number: UInt64, connector: RedisConnector)?
        var lost: RedisError?
        var connectFailed: RedisError?
    }
    let number: Int
    private let configuration: RedisConfiguration
    private let tls: TLSContext?
    private let reactor: Reactor
    private let random: any RandomSource
    private let observer: (any RedisObserver)?
    private let counters = RedisCounters()
    private let state: Mutex<State>
    /// Commands under way; very many while there is no connection.
    let load = Atomic<Int>(0)

    init(
        _ number: Int, _ configuration: RedisConfiguration, _ tls: TLSContext?, _ reactor: Reactor,
        _ random: any RandomSource, _ observer: (any RedisObserver)?
    ) {
        (self.number, self.configuration, self.tls) = (number, configuration, tls)
        (self.reactor, self.random, self.observer) = (reactor, random, observer)
        state = Mutex(
            State(
                machine: Machine(limits: configuration.pipelineLimits, link: configuration.linkLimits)))
    }

    /// Begins to connect. Returns false when the reactor has ended.
    func start() -> Bool {
        guard let ticket = reactor.loop.enlist(self) else {
            close(RedisError(.closed, .notSent, "the event loop has ended"))
            return false
        }
        state.withLock { $0.ticket = ticket }
        reactor.loop.arm(reactor.time.instant())
        return true
    }

    // MARK: requests

    /// Sends a request and waits for its replies.
    func send(_ pending: PendingRequest, timeout nanoseconds: Int64) async -> PendingRequest.Outcome {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { enter(pending, $0, nanoseconds) }
        } onCancel: {
            abandon(pending)
        }
    }

    private func enter(_ pending: PendingRequest, _ continuation: Continuation, _ nanoseconds: Int64) {
        let now = reactor.time.instant()
        let deadline = now.nanoseconds.addingReportingOverflow(nanoseconds)
        let request = PipelineRequest(
            token: pending, replies: pending.replies, bytes: pending.bytes, isAtomic: pending.isAtomic,
            deadline: Instant(nanoseconds: deadline.overflow ? .max : deadline.partialValue))
        // Every command comes this way: no more is done here than it needs.
        var group: [PendingRequest] = []
        let (refusal, socket, alarm) = state.withLock { state -> (RedisError?, RedisSocket?, Instant?) in
            if pending.isCancelled {
                let reason = "the caller's task was cancelled before it asked"
                return (RedisError(.cancelled, .notSent, reason), nil, nil)
            }
            if let refusal = state.machine.submit(request, now: now) {
                state.statistics.refused += 1
                return (refusal, nil, nil)
            }
            state.statistics.commands += request.replies
            pending.continuation = continuation
            load.store(state.load, ordering: .relaxed)
            guard let socket = state.socket, state.machine.takeGroup(&group) else {
                return (nil, nil, state.machine.alarm)
            }
            state.statistics.writes += 1
            return (nil, socket, state.machine.alarm)
        }
        if let socket { wrote(socket.write(group), on: socket) }
        if let alarm { reactor.loop.arm(alarm) }
        if let refusal { continuation.resume(returning: .failure(refusal)) }
    }

    private func abandon(_ pending: PendingRequest) {
        perform { state, effects in
            pending.isCancelled = true
            if let ending = state.machine.abandon(pending) {
                state.statistics.cancelled += 1
                answer([ending], &effects)
            }
        }
    }

    private func takeGroup(_ state: inout State, _ effects: inout Effects) {
        guard let socket = state.socket, state.machine.takeGroup(&effects.group) else { return }
        state.statistics.writes += 1
        effects.socket = socket
    }

    private func answer(_ endings: [Machine.Ending], _ effects: inout Effects) {
        for ending in endings {
            guard let continuation = ending.token.continuation else { continue }
            ending.token.continuation = nil
            effects.answers.append((continuation, ending.token.outcome(ending.error)))
        }
    }

    // MARK: the socket

    func received(_ values: inout [RedisValue], on socket: RedisSocket) {
        let now = reactor.time.instant()
        perform { state, effects in
            guard state.socket === socket else { return }
            state.machine.heard(now: now)
            effects.answers.reserveCapacity(values.count)
            for value in values {
                switch state.machine.receive(now: now) {
                case .drop: break
                case .broken:
                    let error = RedisError(.protocolViolation, .unknown, "a reply came that nobody had asked for")
                    return lose(&state, error, now, &effects)
                case .give(let pending, let isLast):
                    guard let outcome = pending.take(value, isLast: isLast),
                        let continuation = pending.continuation
                    else { continue }
                    pending.continuation = nil
                    effects.answers.append((continuation, outcome))
                }
            }
            takeGroup(&state, &effects)
        }
    }

    func writable(_ socket: RedisSocket) {
        let isCurrent = state.withLock { state in
            guard state.socket === socket, state.machine.isWriting else { return false }
            state.machine.resumeWriting()
            return true
        }
        guard isCurrent else { return }
        socket.awaitRoom(false)
        wrote(socket.writeRest(), on: socket)
    }

    func lost(_ socket: RedisSocket, _ error: RedisError) {
        let now = reactor.time.instant()
        perform { state, effects in
            if state.socket === socket { lose(&state, error, now, &effects) }
        }
    }

    private func lose(_ state: inout State, _ error: RedisError, _ now: Instant, _ effects: inout Effects) {
        guard let socket = state.socket else { return }
        state.socket = nil
        state.statistics.losses += 1
        answer(state.machine.lost(socket.generation, error, now: now, draw: random.next()), &effects)
        (effects.ended, effects.lost) = (socket, error)
    }

    /// Goes on with what an attempt to send came to.
    private func wrote(_ written: RedisSocket.Written, on socket: RedisSocket) {
        switch written {
        case .failed(let error): lost(socket, error)
        case .rest(let unsent):
            state.withLock { state in
                if state.socket === socket { state.machine.wrote(unsent: unsent) }
            }
            socket.awaitRoom(true)
        case .all:
            perform { state, effects in
                guard state.socket === socket else { return }
                state.machine.wrote(unsent: 0)
                takeGroup(&state, &effects)
            }
        }
    }

    // MARK: connecting

    private func connect(_ attempt: UInt64, _ connector: RedisConnector) {
        let isTaken = reactor.connecting.run { [self] in
            switch connector.run() {
            case .success(let connected): self.connected(attempt, connected)
            case .failure(let error): connectFailed(attempt, error)
            }
        }
        if isTaken { return }
        connectFailed(
            attempt, RedisError(.connect, .notSent, "too many connections are being made at the same time"))
    }

    private func connected(_ attempt: UInt64, _ connected: ConnectedSocket) {
        let now = reactor.time.instant()
        let socket = RedisSocket(
            connected, generation: attempt, owner: self, loop: reactor.loop,
            replyLimit: configuration.replyByteLimit, counters: counters)
        let isWanted = perform { state, effects in
            guard state.machine.opened(attempt, now: now) else { return false }
            state.connector = nil
            state.socket = socket
            state.statistics.connects += 1
            if socket.watch() {
                takeGroup(&state, &effects)
            } else {
                lose(&state, RedisError(.connectionLost, .unknown, "the event loop has ended"), now, &effects)
            }
            return true
        }
        if isWanted { observer?.connected(number) }
    }

    private func connectFailed(_ attempt: UInt64, _ error: RedisError) {
        let now = reactor.time.instant()
        perform { state, effects in
            guard state.machine.link.generation == attempt, !state.machine.link.isOpen else { return }
            state.connector = nil
            state.statistics.failedConnects += 1
            effects.connectFailed = error
            answer(state.machine.failed(attempt, error, now: now, draw: random.next()), &effects)
        }
    }

    // MARK: time and the end

    package func ready(_ interest: Interest) {}

    package func tick(now: Instant) {
        perform { state, effects in
            let alarm = state.machine.tick(now: now, draw: random.next())
            state.statistics.timeouts += alarm.endings.count { $0.error.code == .timeout }
            answer(alarm.endings, &effects)
            if let attempt = alarm.connects {
                state.connector?.abandon()
                let connector = RedisConnector(configuration, tls, time: reactor.time)
                state.connector = connector
                effects.attempt = (attempt, connector)
            }
            if let reason = alarm.closing { lose(&state, reason, now, &effects) }
        }
    }

    package func reactorStopped() { close(RedisError(.closed, .unknown, "the event loop was stopped")) }

    /// Ends it for good. Everybody who waits is told so.
    func close(_ error: RedisError) {
        let ticket = perform { state, effects in
            answer(state.machine.close(error), &effects)
            effects.ended = state.socket
            state.socket = nil
            state.connector?.abandon()
            state.connector = nil
            defer { state.ticket = nil }
            return state.ticket
        }
        if let ticket { reactor.loop.remove(ticket, descriptor: nil) }
    }

    var statistics: RedisStatistics {
        var result = state.withLock { state in
            var result = state.statistics
            result.inFlight = state.machine.pendingReplies
            result.openConnections = state.machine.link.isOpen ? 1 : 0
            return result
        }
        result.bytesSent = counters.sent.load(ordering: .relaxed)
        result.bytesReceived = counters.received.load(ordering: .relaxed)
        return result
    }

    // MARK: the lock and what follows it

    @discardableResult
    private func perform<Value: Sendable>(_ body: (inout State, inout Effects) -> Value) -> Value {
        var effects = Effects()
        let value = state.withLock { state in
            let value = body(&state, &effects)
            effects.alarm = state.machine.alarm
            load.store(state.load, ordering: .relaxed)
            return value
        }
        carryOut(effects)
        return value
    }

    private func carryOut(_ effects: Effects) {
        if let socket = effects.socket { wrote(socket.write(effects.group), on: socket) }
        for (continuation, outcome) in effects.answers { continuation.resume(returning: outcome) }
        if let alarm = effects.alarm { reactor.loop.arm(alarm) }
        effects.ended?.end()
        if let (attempt, connector) = effects.attempt { connect(attempt, connector) }
        if let error = effects.lost { observer?.lost(number, error) }
        if let error = effects.connectFailed { observer?.connectFailed(number, error) }
    }
}
