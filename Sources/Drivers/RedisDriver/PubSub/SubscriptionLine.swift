import Determinism
import SocketReactor
import Synchronization

/// A subscription's connection, and those that follow it: the shell around a ``SubscriptionMachine``.
final class SubscriptionLine: ReactorClient, RedisSocketOwner {
    private struct State {
        var machine: SubscriptionMachine
        var socket: RedisSocket?
        var connector: RedisConnector?
        var ticket: ReactorLoop.Ticket?
        var hasUnsentBytes = false
        /// Who waits for the first confirmation, or what it came to.
        var waiter: CheckedContinuation<RedisError?, Never>?
        var outcome: RedisError??
    }
    /// What is left to do once the lock is free.
    private struct Effects {
        var attempt: (number: UInt64, connector: RedisConnector)?
        var ended: RedisSocket?
        var waiter: (CheckedContinuation<RedisError?, Never>, RedisError?)?
        var ticket: ReactorLoop.Ticket?
        var isEnd = false
    }
    private let configuration: RedisConfiguration
    private let tls: TLSContext?
    private let reactor: Reactor
    private let random: any RandomSource
    private let commands: [RedisCommand]
    private let counters = RedisCounters()
    private let state: Mutex<State>
    let buffer: MessageBuffer

    init(
        _ configuration: RedisConfiguration, _ tls: TLSContext?, channels: [String], patterns: [String],
        timeout: Duration, buffer: MessageBuffer, _ reactor: Reactor, _ random: any RandomSource
    ) {
        (self.configuration, self.tls) = (configuration, tls)
        (self.reactor, self.random, self.buffer) = (reactor, random, buffer)
        var commands: [RedisCommand] = []
        for (name, list) in [("SUBSCRIBE", channels), ("PSUBSCRIBE", patterns)] where !list.isEmpty {
            commands.append(RedisCommand(name, arguments: list))
        }
        self.commands = commands
        state = Mutex(
            State(
                machine: SubscriptionMachine(
                    channelCount: channels.count + patterns.count,
                    probeInterval: configuration.subscriptionProbeInterval,
                    failsWhenUnreachable: configuration.unreachable == .fail,
                    confirmation: reactor.time.instant() + timeout, link: configuration.linkLimits)))
    }

    /// Connects, and waits until the subscription is in force. Returns why it is not.
    func start() async -> RedisError? {
        guard let ticket = reactor.loop.enlist(self) else {
            return RedisError(.closed, .notSent, "the event loop has ended")
        }
        state.withLock { $0.ticket = ticket }
        reactor.loop.arm(reactor.time.instant())
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known: RedisError?? = state.withLock { state in
                    if state.outcome == nil { state.waiter = continuation }
                    return state.outcome
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            close(RedisError(.cancelled, .unknown, "the caller's task was cancelled"))
        }
    }

    var isInForce: Bool { state.withLock { $0.machine.isInForce } }

    /// Ends it for good.
    func close(_ error: RedisError) { perform { state, effects in end(&state, error, &effects) } }

    // MARK: what happens

    package func ready(_ interest: Interest) {}
    package func reactorStopped() { close(RedisError(.closed, .unknown, "the event loop was stopped")) }

    package func tick(now: Instant) {
        perform { state, effects in
            apply(state.machine.tick(now: now, draw: random.next()), &state, now, &effects)
        }
    }

    func received(_ values: inout [RedisValue], on socket: RedisSocket) {
        let now = reactor.time.instant()
        perform { state, effects in
            if state.socket === socket { state.machine.heard(now: now) }
            for value in values where state.socket === socket {
                apply(state.machine.receive(value, now: now), &state, now, &effects)
            }
        }
    }

    func writable(_ socket: RedisSocket) {
        let now = reactor.time.instant()
        perform { state, effects in
            guard state.socket === socket, state.hasUnsentBytes else { return }
            wrote(socket.writeRest(), on: socket, &state, now, &effects)
        }
    }

    func lost(_ socket: RedisSocket, _ error: RedisError) {
        let now = reactor.time.instant()
        perform { state, effects in
            if state.socket === socket { lose(&state, error, now, &effects) }
        }
    }

    private func apply(
        _ action: SubscriptionMachine.Action, _ state: inout State, _ now: Instant, _ effects: inout Effects
    ) {
        switch action {
        case .none: break
        case .connect(let attempt):
            state.connector?.abandon()
            let connector = RedisConnector(configuration, tls, time: reactor.time)
            state.connector = connector
            effects.attempt = (attempt, connector)
        case .subscribe: for command in commands { write(command, &state, now, &effects) }
        case .probe: if !state.hasUnsentBytes { write(RedisCommand("PING"), &state, now, &effects) }
        case .confirmed(isFirst: true): settle(&state, nil, &effects)
        case .confirmed(isFirst: false): buffer.append(.gap(RedisGap(wasInterrupted: true)))
        case .message(let message): buffer.append(.message(message))
        case .drop(let error): lose(&state, error, now, &effects)
        case .giveUp(let error): end(&state, error, &effects)
        }
    }

    private func write(_ command: RedisCommand, _ state: inout State, _ now: Instant, _ effects: inout Effects) {
        guard let socket = state.socket else { return }
        wrote(socket.write(command), on: socket, &state, now, &effects)
    }

    private func wrote(
        _ written: RedisSocket.Written, on socket: RedisSocket, _ state: inout State, _ now: Instant,
        _ effects: inout Effects
    ) {
        switch written {
        case .failed(let error): return lose(&state, error, now, &effects)
        case .all: state.hasUnsentBytes = false
        case .rest: state.hasUnsentBytes = true
        }
        socket.awaitRoom(state.hasUnsentBytes)
    }

    private func lose(_ state: inout State, _ error: RedisError, _ now: Instant, _ effects: inout Effects) {
        guard let socket = state.socket else { return }
        (state.socket, state.hasUnsentBytes) = (nil, false)
        state.machine.lost(socket.generation, error, now: now, draw: random.next())
        effects.ended = socket
    }

    private func end(_ state: inout State, _ error: RedisError, _ effects: inout Effects) {
        state.machine.close(error)
        settle(&state, error, &effects)
        state.connector?.abandon()
        if let socket = state.socket { effects.ended = socket }
        (effects.ticket, effects.isEnd) = (state.ticket, true)
        (state.socket, state.connector, state.ticket) = (nil, nil, nil)
    }

    private func settle(_ state: inout State, _ outcome: RedisError?, _ effects: inout Effects) {
        guard state.outcome == nil else { return }
        state.outcome = .some(outcome)
        if let waiter = state.waiter { effects.waiter = (waiter, outcome) }
        state.waiter = nil
    }

    // MARK: connecting

    private func connect(_ attempt: UInt64, _ connector: RedisConnector) {
        let isTaken = reactor.connecting.run { [self] in connected(attempt, connector.run()) }
        if isTaken { return }
        connected(
            attempt,
            .failure(RedisError(.connect, .notSent, "too many connections are being made at the same time")))
    }

    private func connected(_ attempt: UInt64, _ result: Result<ConnectedSocket, RedisError>) {
        let now = reactor.time.instant()
        perform { state, effects in
            switch result {
            case .failure(let error):
                apply(
                    state.machine.failed(attempt, error, now: now, draw: random.next()), &state, now, &effects)
            case .success(let connected):
                let socket = RedisSocket(
                    connected, generation: attempt, owner: self, loop: reactor.loop,
                    replyLimit: configuration.replyByteLimit, counters: counters)
                let action = state.machine.opened(attempt, now: now)
                guard action == .subscribe else { return }
                (state.socket, state.connector) = (socket, nil)
                guard socket.watch() else {
                    return end(
                        &state, RedisError(.closed, .unknown, "the event loop has ended"), &effects)
                }
                apply(action, &state, now, &effects)
            }
        }
    }

    private func perform(_ body: (inout State, inout Effects) -> Void) {
        var effects = Effects()
        let alarm = state.withLock { state in
            body(&state, &effects)
            return state.machine.alarm
        }
        if let alarm { reactor.loop.arm(alarm) }
        effects.ended?.end()
        if let ticket = effects.ticket { reactor.loop.remove(ticket, descriptor: nil) }
        if let (waiter, outcome) = effects.waiter { waiter.resume(returning: outcome) }
        if effects.isEnd { buffer.end() }
        if let (attempt, connector) = effects.attempt { connect(attempt, connector) }
    }
}
