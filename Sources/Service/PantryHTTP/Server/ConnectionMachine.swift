// What one connection waits for, and for how long it may.
//
// A value without a clock: time comes as ticks, which the connection's handler sends at a fixed interval. Counting
// ticks in the present wait costs a request nothing, where a timer for each request would have to be made and thrown
// away. The price is precision: a wait ends between its limit and two intervals later.
//
//   request arriving:  idle → head → body → idle …        (`reading`; the next one may arrive during an answer)
//   answering:         `unanswered` requests were handed on and have no answer yet
//   listening:         while it waits for an answer, a client that ends its side has gone: nobody would hear it.
//                      What is sent in parts has one part at most on its way
//   closing:           open → finishing (the last answer is being sent) → lingering (sent; the client may still
//                      be sending, and closing now would destroy the answer on its way) → closed

/// The states of one connection, as a value.
struct ConnectionMachine: Equatable {
    /// Limits in ticks.
    struct Limits: Equatable {
        var head: Int
        var body: Int
        var idle: Int
    }

    enum Reading: Equatable {
        case idle
        case head
        case body
    }

    enum Phase: Equatable {
        case open
        case finishing
        case lingering
        case closed
    }

    /// What the connection is waiting for from its client.
    enum Wait: Equatable {
        /// Nothing; it is our turn.
        case nothing
        case firstRequest
        case head
        case body
        /// The next part of a body that its handler takes as it comes.
        case stream
        case nextRequest
        /// The client does not read what was written.
        case reader
    }

    enum Action: Equatable {
        case nothing
        /// Tell the conversation that the client was too slow, so that it can say so and finish.
        case failHead
        case failBody
        /// Send what is written, then end our side.
        case finish
        /// Close, as soon as everything that was written is sent.
        case closeOnceSent
        case close
        /// Tell whoever makes the present answer that nobody waits for it any more.
        case endListening
    }

    let limits: Limits
    private(set) var phase = Phase.open
    private(set) var reading = Reading.idle
    private(set) var unanswered = 0
    private var isFirst = true
    private var isWritable = true
    private var isQuiescing = false
    private var hasFailed = false
    /// Whether the client has ended its side. It may still read.
    private(set) var hasInputEnded = false
    /// Whether the present answer may be long in coming, or in parts.
    private var isListening = false
    /// Whether a part of the present answer is not sent yet.
    private var isPartUnsent = false
    /// How long a stream may bring nothing, while the present body is taken as one.
    private var streamLimit: Int?
    /// Whether somebody is asking the socket for more. While a stream's handler is busy, nobody does.
    private var isReadWanted = false
    private var ticks = 0
    /// What was unsent when the client was last seen to read.
    private var unsentMark: Int?
    private var current = Wait.firstRequest

    init(limits: Limits) {
        self.limits = limits
    }

    /// Whether what still arrives is to be thrown away unread.
    var discardsInput: Bool { hasFailed || phase != .open }

    var wait: Wait {
        if phase == .closed || phase == .lingering { return .nothing }
        if !isWritable || isPartUnsent || phase == .finishing { return .reader }
        if hasFailed { return .nothing }
        if reading == .body, unanswered <= 1 { return streamLimit == nil ? .body : .stream }
        if unanswered > 0 { return .nothing }
        // A new connection has the time of one head from its start on, whether it sends nothing or dribbles.
        if isFirst { return .firstRequest }
        return reading == .head ? .head : .nextRequest
    }

    /// Bytes came, of whatever.
    mutating func bytesArrived() {
        isReadWanted = false
        // idle → head. In head and body they continue what is there.
        if reading == .idle { reading = .head }
        settle()
    }

    /// Only empty lines came between two requests, which say nothing (RFC 9112 §2.2).
    mutating func emptyLinesArrived() { isReadWanted = false }

    /// The socket is asked for more.
    mutating func readWanted() { isReadWanted = true }

    /// The present body is taken as a stream, each part of which has `limit` ticks. It may be all there already, and
    /// the next request on its way.
    mutating func bodyStreams(limit: Int) {
        guard reading == .body, unanswered == 1 else { return }
        streamLimit = limit
        settle()
    }

    /// A part of a body came. Counted here rather than in bytes from the wire: these are bounded by the body's size.
    mutating func bodyArrived() {
        if current == .stream { ticks = 0 }
    }

    /// A request's head is complete.
    mutating func headRead(hasBody: Bool) {
        // head → body, or → idle for a request without one.
        reading = hasBody ? .body : .idle
        streamLimit = nil
        unanswered += 1
        isFirst = false
        settle()
    }

    /// The request is complete.
    mutating func bodyEnded() -> Action {
        // body → idle. When the answer went out before the body was all there, a stop has waited for this.
        reading = .idle
        defer { settle() }
        guard isQuiescing, unanswered == 0, phase == .open, !hasFailed else { return .nothing }
        phase = .finishing
        return .finish
    }

    /// The present request is one whose client may wait for long.
    mutating func listens() -> Action {
        guard phase == .open, unanswered > 0 else { return .nothing }
        isListening = true
        return hasInputEnded ? .endListening : .nothing
    }

    /// A part of the present answer was handed to the channel.
    mutating func partWritten() {
        isPartUnsent = true
        settle()
    }

    /// The socket has taken it.
    mutating func partSent() {
        isPartUnsent = false
        settle()
    }

    /// The client has ended its side.
    mutating func inputClosed() -> Action {
        hasInputEnded = true
        switch phase {
        case .open: return isListening ? .endListening : .nothing
        case .lingering: return .close
        case .finishing, .closed: return .nothing
        }
    }

    /// The conversation is over without another answer.
    mutating func conversationEnded() -> Action {
        isListening = false
        guard phase == .open else { return .nothing }
        phase = .finishing
        settle()
        return .finish
    }

    /// An answer was handed to the channel.
    mutating func answered(isLast: Bool) -> Action {
        unanswered = max(0, unanswered - 1)
        // What is left of a stream that was answered early has the time of any body.
        if unanswered == 0 { streamLimit = nil }
        isListening = false
        defer { settle() }
        guard phase == .open else { return .nothing }
        guard isLast || (isQuiescing && unanswered == 0) else { return .nothing }
        phase = .finishing
        return .finish
    }

    /// The server is stopping. A connection that owes an answer or is in the middle of a request may finish that.
    mutating func quiesce() -> Action {
        guard phase == .open, !isQuiescing else { return .nothing }
        isQuiescing = true
        guard unanswered == 0, reading == .idle, !hasFailed else { return .nothing }
        // The last answer was handed to the channel. Whether the client has it all is another matter.
        phase = isFirst ? .closed : .finishing
        settle()
        return isFirst ? .close : .closeOnceSent
    }

    /// The input cannot be understood any more, or was given up. The conversation answers and finishes.
    mutating func inputFailed() {
        hasFailed = true
        settle()
    }

    mutating func writabilityChanged(_ isWritable: Bool) {
        self.isWritable = isWritable
        settle()
    }

    /// Everything is sent and our side is ended.
    mutating func outputEnded() {
        if phase == .finishing { phase = .lingering }
        settle()
    }

    mutating func closed() {
        phase = .closed
        settle()
    }

    /// What a client must take of an answer in the time of ``Wait/reader``, to count as one that reads.
    static let leastProgress = 64 << 10

    /// One interval has passed.
    /// - Parameter unsent: how many bytes that were written wait to be sent.
    mutating func tick(unsent: Int = 0) -> Action {
        // A client that is not being listened to is not slow.
        if current == .stream, !isReadWanted { return .nothing }
        ticks += 1
        if current == .reader { noteProgress(unsent) }
        switch current {
        case .nothing:
            return .nothing
        case .firstRequest where ticks > limits.head:
            return reading == .head ? giveUp(.failHead) : giveUp(.close)
        case .head where ticks > limits.head:
            return giveUp(.failHead)
        case .body where ticks > limits.body:
            return giveUp(.failBody)
        case .stream where ticks > streamLimit ?? 0:
            return giveUp(.failBody)
        case .nextRequest where ticks > limits.idle, .reader where ticks > limits.idle:
            return giveUp(.close)
        default:
            return .nothing
        }
    }

    /// One that reads slowly is not one that does not read: a large answer over a narrow line takes its time.
    private mutating func noteProgress(_ unsent: Int) {
        guard let mark = unsentMark, unsent < mark else {
            unsentMark = unsent
            return
        }
        guard mark - unsent >= Self.leastProgress else { return }
        (unsentMark, ticks) = (unsent, 0)
    }

    private mutating func giveUp(_ action: Action) -> Action {
        if action == .close { phase = .closed } else { hasFailed = true }
        settle()
        return action
    }

    /// Starts counting anew when the wait has changed.
    private mutating func settle() {
        let next = wait
        guard next != current else { return }
        current = next
        (ticks, unsentMark) = (0, nil)
    }
}
