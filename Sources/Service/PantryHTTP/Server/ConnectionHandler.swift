import NIOCore
import NIOHTTP1

/// What a conversation hands to its connection.
enum OutboundPart: Sendable {
    /// A whole answer, encoded.
    case answer(ByteBuffer)
    /// The same, after which the connection closes.
    case lastAnswer(ByteBuffer)
    /// What is no end of an answer: `100 Continue`, the head of a stream.
    case interim(ByteBuffer)
    /// The client waits for what is to come; the listener hears when it goes away.
    case listens(Listener)
    /// A part of a stream; the listener hears when it is sent.
    case part(ByteBuffer)
    /// The present request's body is taken as a stream, and may bring nothing for at most so long.
    case bodyStreams(stall: Duration)
    /// Nothing more comes; the connection closes once everything is sent.
    case goodbye
}

/// What the handlers of every connection need to know.
struct ConnectionSettings: Sendable {
    var maxTarget: Int
    private let interval: Duration
    var limits: ConnectionMachine.Limits
    var linger: TimeAmount
    var decoderLimits: NIOHTTPDecoderLimitConfiguration

    init(_ configuration: HTTPServerConfiguration) {
        let timeouts = [configuration.headTimeout, configuration.bodyTimeout, configuration.idleTimeout]
        // A quarter of the shortest limit: precise enough, and few ticks for many idle connections.
        let interval = max((timeouts.min() ?? .seconds(1)) / 4, .milliseconds(5))
        self.interval = interval
        func ticks(_ timeout: Duration) -> Int { Self.ticks(timeout, interval) }
        maxTarget = configuration.maxTarget
        limits = ConnectionMachine.Limits(
            head: ticks(configuration.headTimeout), body: ticks(configuration.bodyTimeout),
            idle: ticks(configuration.idleTimeout))
        linger = TimeAmount(configuration.lingerTimeout)
        decoderLimits = NIOHTTPDecoderLimitConfiguration()
        // NIO counts the target among the headers, both for the sum and for the longest.
        decoderLimits.maxHeaderFieldSize = max(configuration.maxHeaderList, configuration.maxTarget)
        decoderLimits.maxHeaderListSize = configuration.maxHeaderList + configuration.maxTarget
        decoderLimits.maxHeaderFieldCount = configuration.maxHeaderCount
    }

    var tickInterval: TimeAmount { TimeAmount(interval) }
    func ticks(_ timeout: Duration) -> Int { Self.ticks(timeout, interval) }
    private static func ticks(_ timeout: Duration, _ interval: Duration) -> Int {
        Int((timeout / interval).rounded(.up))
    }
}

/// The shell around a `ConnectionMachine`, on the connection's event loop: tells it what happens, and does what it
/// says. Turns NIO's request parts into ours, and answers into bytes.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = ByteBuffer

    private let settings: ConnectionSettings
    private let state: ServerState
    private var machine: ConnectionMachine
    private var ticker: Scheduled<Void>?
    /// Who waits for the present answer.
    private var listener: Listener?
    /// A request without a body has no end of its own in our parts.
    private var skipsEnd = false
    /// The bytes that are being decoded, kept to find out where an overflow happened.
    private var arriving: ByteBuffer?
    private var headHasLine = false

    init(settings: ConnectionSettings, state: ServerState) {
        self.settings = settings
        self.state = state
        machine = ConnectionMachine(limits: settings.limits)
    }

    // MARK: From the wire

    /// Takes note of bytes before the decoder sees them.
    ///
    /// - Returns: whether the decoder is to see them.
    func admit(_ buffer: ByteBuffer) -> Bool {
        guard !machine.discardsInput else { return false }
        if machine.reading == .idle {
            guard buffer.readableBytesView.contains(where: { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") })
            else {
                machine.emptyLinesArrived()
                return true
            }
            headHasLine = false
        }
        arriving = buffer
        machine.bytesArrived()
        return true
    }

    /// The decoder has seen what was admitted. Only a head that is still incomplete costs a look at its bytes.
    func admitted() {
        if machine.reading == .head, !headHasLine { headHasLine = arrivingHasLine }
        arriving = nil
    }

    private var arrivingHasLine: Bool {
        arriving?.readableBytesView.contains(UInt8(ascii: "\n")) ?? false
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !machine.discardsInput else { return }
        switch unwrapInboundIn(data) {
        case .head(let nioHead):
            let head = RequestHead(nioHead, maxTarget: settings.maxTarget)
            skipsEnd = head.framing == .none
            machine.headRead(hasBody: !skipsEnd)
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body(let buffer):
            machine.bodyArrived()
            context.fireChannelRead(wrapInboundOut(.body(buffer)))
        case .end:
            guard !skipsEnd else { return }
            let action = machine.bodyEnded()
            context.fireChannelRead(wrapInboundOut(.end))
            perform(action, context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // The stream behind us may have stopped asking for more, and nobody but us wants these bytes.
        if machine.discardsInput { context.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !machine.discardsInput else { return }
        machine.inputFailed()
        if case HTTPParserError.headerOverflow = error, !headHasLine, !arrivingHasLine {
            context.fireErrorCaught(InputFault.targetTooLong)
        } else {
            context.fireErrorCaught(error)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            perform(machine.quiesce(), context)
        case ChannelEvent.inputClosed:
            perform(machine.inputClosed(), context)
            context.fireUserInboundEventTriggered(event)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        machine.writabilityChanged(context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    // MARK: To the wire

    func read(context: ChannelHandlerContext) {
        machine.readWanted()
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .answer(let buffer):
            listener = nil
            context.write(wrapOutboundOut(buffer), promise: promise)
            perform(machine.answered(isLast: false), context)
        case .lastAnswer(let buffer):
            listener = nil
            context.write(wrapOutboundOut(buffer), promise: promise)
            perform(machine.answered(isLast: true), context)
        case .interim(let buffer):
            context.write(wrapOutboundOut(buffer), promise: promise)
        case .listens(let listener):
            promise?.succeed()
            self.listener = listener
            perform(context.channel.isActive ? machine.listens() : .endListening, context)
        case .part(let buffer):
            write(part: buffer, context, promise)
        case .bodyStreams(let stall):
            promise?.succeed()
            machine.bodyStreams(limit: settings.ticks(stall))
        case .goodbye:
            listener = nil
            promise?.succeed()
            perform(machine.conversationEnded(), context)
        }
    }

    private func write(part: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let sent = promise ?? context.eventLoop.makePromise(of: Void.self)
        let listener = listener
        machine.partWritten()
        sent.futureResult.assumeIsolated().whenComplete { result in
            self.machine.partSent()
            if case .success = result { listener?.partSent() }
        }
        context.write(wrapOutboundOut(part), promise: sent)
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { scheduleTick(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        stop()
    }

    func channelActive(context: ChannelHandlerContext) {
        scheduleTick(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    private func stop() {
        machine.closed()
        listener?.end(.clientGone)
        listener = nil
        ticker?.cancel()
        ticker = nil
    }

    private func scheduleTick(_ context: ChannelHandlerContext) {
        ticker?.cancel()
        ticker = context.eventLoop.assumeIsolated().scheduleTask(in: settings.tickInterval) {
            // A connection that was accepted while the listener closed may have missed the event.
            if self.state.isClosing { self.perform(self.machine.quiesce(), context) }
            let unsent = self.machine.wait == .reader ? self.unsentBytes(context) : 0
            self.perform(self.machine.tick(unsent: unsent), context)
            if self.machine.phase == .open || self.machine.phase == .finishing { self.scheduleTick(context) }
        }
    }

    private func perform(_ action: ConnectionMachine.Action, _ context: ChannelHandlerContext) {
        switch action {
        case .nothing: break
        case .failHead: context.fireErrorCaught(InputFault.slowHead)
        case .failBody: context.fireErrorCaught(InputFault.slowBody)
        case .finish: finish(context)
        case .closeOnceSent:
            if unsentBytes(context) > 0 { finish(context) } else { context.close(promise: nil) }
        case .close: context.close(promise: nil)
        case .endListening: listener?.end(.clientGone)
        }
    }

    private func unsentBytes(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// Ends our side once everything is sent, and then reads on for a while: a socket that is closed with bytes
    /// unread is reset, and the reset can overtake the answer.
    private func finish(_ context: ChannelHandlerContext) {
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { result in
            self.machine.outputEnded()
            // Once the client has ended its side, NIO takes the end of ours for a full close, and would drop what is
            // not sent. That is why this waits for an empty write, which comes after all others.
            guard case .success = result, !self.machine.hasInputEnded else {
                context.close(promise: nil)
                return
            }
            context.close(mode: .output, promise: nil)
            self.ticker?.cancel()
            self.ticker = context.eventLoop.assumeIsolated().scheduleTask(in: self.settings.linger) {
                context.close(promise: nil)
            }
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
        context.read()
    }
}
