import Determinism

/// What a ``RedisPipelineMachine`` is asked to send. `Token` is the caller's own object for it, which the machine hands
/// back and never looks into.
struct PipelineRequest<Token: AnyObject & Sendable>: Sendable {
    let token: Token
    /// How many replies it gets.
    let replies: Int
    /// How many bytes it takes on the wire.
    let bytes: Int
    /// Whether the server does nothing of it before all of it has come: a single command, or `MULTI` to `EXEC`.
    let isAtomic: Bool
    /// When the caller stops waiting.
    let deadline: Instant
}

/// A request on its way, from its acceptance to its last reply.
struct PipelineFlight<Token: AnyObject & Sendable>: Sendable {
    let request: PipelineRequest<Token>
    /// Where its first byte is in all that was ever handed over for sending.
    var start: UInt64 = 0
    var answered = 0
    /// Its caller has been told; what still comes is dropped.
    var isDropped = false

    init(_ request: PipelineRequest<Token>) { self.request = request }

    /// What is known when nothing more will be heard and the server may have got all bytes before `exposed`.
    func effect(exposed: UInt64) -> RedisError.Effect {
        let needed = request.isAtomic ? start + UInt64(request.bytes) : start + 1
        return needed > exposed ? .notSent : .unknown
    }
}

/// Who is told what.
struct PipelineEnding<Token: AnyObject & Sendable>: Sendable {
    let token: Token
    let error: RedisError
}

/// What a ``RedisPipelineMachine`` allows.
struct PipelineLimits: Sendable {
    /// Commands that are sent and not answered. A larger request goes alone.
    var inFlight = 4_096
    /// Commands that wait to be sent. A larger request waits alone.
    var waiting = 16_384
    /// Bytes of commands that wait to be sent. A larger request waits alone.
    var waitingBytes = 64 << 20
    /// Groups of commands, sent with one write each, that are on their way at the same time.
    var groups = 2
    /// Bytes that wait are sent from this many on, however many groups are on their way.
    var eagerBytes = 16 << 10
    /// Bytes of one group, about.
    var groupBytes = 128 << 10
    /// How long after its deadline a reply may be overdue, with nothing else coming either, before the connection is
    /// closed.
    var stall: Duration = .seconds(3)
    /// Whether commands wait while the server cannot be reached, or fail at once.
    var waitsWhileUnreachable = false
}
