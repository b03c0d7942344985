import Determinism

/// Decides for a subscription's connection when it is made, what is asked, and when the server counts as gone: a pure
/// value.
///
/// A silent connection may be one to a server that is gone; nothing is sent over it that would show that. So a `PING`
/// goes out after each interval of silence, and a second interval without an answer ends the connection.
struct SubscriptionMachine: Sendable {
    private enum Phase: Sendable, Equatable {
        /// Without a connection. `→ asked` when there is one.
        case unconnected
        /// The server has still to confirm so many channels; `→ inForce` with the last.
        case asked(missing: Int)
        /// Messages come. `→ unconnected` when the connection is lost.
        case inForce
    }
    var link: ReconnectMachine
    private let (channelCount, probeInterval): (Int, Duration)
    private let failsWhenUnreachable: Bool
    private var phase = Phase.unconnected
    /// Until when the first confirmation must have come; nil once it has.
    private var confirmation: Instant?
    private var lastHeard = Instant(nanoseconds: .min)
    private var isProbing = false
    private(set) var closure: RedisError?

    /// Whether the server has confirmed it, on a connection that is not known to be lost.
    var isInForce: Bool { closure == nil && phase == .inForce }

    init(
        channelCount: Int, probeInterval: Duration, failsWhenUnreachable: Bool, confirmation: Instant,
        link: ReconnectMachine.Limits
    ) {
        (self.channelCount, self.probeInterval) = (channelCount, probeInterval)
        (self.failsWhenUnreachable, self.confirmation) = (failsWhenUnreachable, confirmation)
        self.link = ReconnectMachine(limits: link)
    }

    /// What an event came to.
    enum Action: Sendable, Equatable {
        case none
        /// An attempt to connect is to begin, under this generation.
        case connect(UInt64)
        /// The subscription is to be asked for.
        case subscribe
        case probe
        /// It is in force: for the first time, or again.
        case confirmed(isFirst: Bool)
        case message(RedisMessage)
        /// The connection is of no use any more; then ``lost(_:_:now:draw:)`` follows.
        case drop(RedisError)
        /// It never came into force; then ``close(_:)`` follows.
        case giveUp(RedisError)
    }

    /// When ``tick(now:draw:)`` has something to do.
    var alarm: Instant? {
        if closure != nil { return nil }
        var times = [link.alarm, confirmation].compactMap(\.self)
        if link.isOpen { times.append(lastHeard + (isProbing ? probeInterval * 2 : probeInterval)) }
        return times.min()
    }

    mutating func tick(now: Instant, draw: UInt64) -> Action {
        if closure != nil { return .none }
        if let confirmation, confirmation <= now {
            let reason = link.failure.map { ": \($0.reason)" } ?? ""
            return .giveUp(
                RedisError(.timeout, .unknown, "the subscription was not confirmed in time\(reason)"))
        }
        switch link.tick(now: now, draw: draw) {
        case .connect(let attempt): return .connect(attempt)
        case .gaveUp: return giveUpIfFirst()
        case .none: break
        }
        guard link.isOpen, lastHeard + probeInterval <= now else { return .none }
        if !isProbing {
            isProbing = true
            return .probe
        }
        guard lastHeard + probeInterval * 2 <= now else { return .none }
        return .drop(RedisError(.connectionLost, .unknown, "the server answered nothing for \(probeInterval * 2)"))
    }

    private func giveUpIfFirst() -> Action {
        guard confirmation != nil, let failure = link.failure else { return .none }
        let isHopeless =
            switch failure.server?.code {
            case .wrongPassword, .notAuthenticated, .noPermission: true
            default: failsWhenUnreachable
            }
        return isHopeless ? .giveUp(failure) : .none
    }

    mutating func opened(_ attempt: UInt64, now: Instant) -> Action {
        guard closure == nil, link.opened(attempt, now: now) else { return .none }
        (phase, lastHeard, isProbing) = (.asked(missing: channelCount), now, false)
        return .subscribe
    }

    mutating func failed(_ attempt: UInt64, _ error: RedisError, now: Instant, draw: UInt64) -> Action {
        guard closure == nil, link.failed(attempt, error, now: now, draw: draw) else { return .none }
        return giveUpIfFirst()
    }

    mutating func lost(_ connection: UInt64, _ error: RedisError, now: Instant, draw: UInt64) {
        if link.lost(connection, error, now: now, draw: draw) { phase = .unconnected }
    }

    mutating func close(_ error: RedisError) {
        if closure == nil { closure = error }
        link.close()
    }

    /// Bytes came, if only a part of a long message.
    mutating func heard(now: Instant) { if link.isOpen { lastHeard = max(lastHeard, now) } }

    mutating func receive(_ value: RedisValue, now: Instant) -> Action {
        guard closure == nil, link.isOpen else { return .none }
        (lastHeard, isProbing) = (now, false)
        switch value {
        case .error(let error):
            // What was asked for is the subscription, or a PING.
            let refusal = RedisError(.server, .answered, "the server refused: \(error.message)", server: error)
            return confirmation == nil ? .drop(refusal) : .giveUp(refusal)
        case .array(let parts): return push(parts)
        default: return broken
        }
    }

    private var broken: Action {
        .drop(RedisError(.protocolViolation, .unknown, "what came is no message of a subscription"))
    }

    private mutating func push(_ parts: [RedisValue]) -> Action {
        guard case .bulk(let kind)? = parts.first else { return broken }
        switch String(decoding: kind, as: UTF8.self) {
        case "message":
            guard parts.count == 3, let channel = text(parts[1]), case .bulk(let payload) = parts[2] else {
                return broken
            }
            return .message(RedisMessage(channel: channel, pattern: nil, payload: payload))
        case "pmessage":
            guard parts.count == 4, let pattern = text(parts[1]), let channel = text(parts[2]),
                case .bulk(let payload) = parts[3]
            else { return broken }
            return .message(RedisMessage(channel: channel, pattern: pattern, payload: payload))
        case "subscribe", "psubscribe":
            guard case .asked(let missing) = phase else { return broken }
            if missing > 1 {
                phase = .asked(missing: missing - 1)
                return .none
            }
            phase = .inForce
            let isFirst = confirmation != nil
            confirmation = nil
            return .confirmed(isFirst: isFirst)
        case "pong": return .none
        default: return broken
        }
    }

    private func text(_ value: RedisValue) -> String? {
        guard case .bulk(let bytes) = value else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
