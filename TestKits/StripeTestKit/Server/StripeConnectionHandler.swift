import NIOCore
import NIOHTTP1
import StrictJSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One connection: collects a request, asks the script how to go wrong, and answers or does not.
final class StripeConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let ledger: StripeLedger
    private let faults: StripeFaultScript
    private let secretKey: String
    private let onRequest: @Sendable (LedgerRequest) -> Void
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    init(
        ledger: StripeLedger, faults: StripeFaultScript, secretKey: String,
        onRequest: @escaping @Sendable (LedgerRequest) -> Void
    ) {
        (self.ledger, self.faults, self.secretKey, self.onRequest) = (ledger, faults, secretKey, onRequest)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
        case .body(var part):
            if body.readableBytes < 1 << 20 { body.writeBuffer(&part) }
        case .end:
            guard let head else { return }
            let request = LedgerRequest(
                method: head.method.rawValue, target: head.uri, body: String(buffer: body),
                idempotencyKey: head.headers.first(name: "Idempotency-Key"),
                authorization: head.headers.first(name: "Authorization"),
                traceparent: Self.joined(head.headers["traceparent"]),
                tracestate: Self.joined(head.headers["tracestate"]))
            self.head = nil
            onRequest(request)
            respond(to: request, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private static func joined(_ values: [String]) -> String? {
        values.isEmpty ? nil : values.joined(separator: ",")
    }

    private func respond(to request: LedgerRequest, _ context: ChannelHandlerContext) {
        guard request.authorization == "Bearer \(secretKey)" else {
            let message = "Invalid API Key provided: \(request.authorization ?? "none")"
            return write(.failure(401, "invalid_request_error", nil, message), context)
        }
        switch faults.next(for: request.endpoint) {
        case .dropBefore:
            context.close(promise: nil)
        case .stallBefore:
            faults.onStall()
        case .unavailable:
            write(.failure(503, "api_error", nil, "Service unavailable"), context)
        case .unavailableFor(let seconds):
            write(.failure(503, "api_error", nil, "Service unavailable"), context, pause: seconds)
        case .rateLimit(let seconds):
            write(.failure(429, "rate_limit_error", "rate_limit", "Too many requests"), context, pause: seconds)
        case .lockTimeout:
            let message = "This object cannot be accessed right now"
            write(.failure(429, "invalid_request_error", "lock_timeout", message), context)
        case .delay(let duration):
            guard case .admitted = admit(request, context) else { return }
            let amount = TimeAmount.nanoseconds(
                duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000)
            context.eventLoop.assumeIsolated().scheduleTask(in: amount) { [self] in
                let answer = ledger.execute(request)
                if context.channel.isActive { write(answer, context) }
            }
        case .held:
            let promise = context.eventLoop.makePromise(of: Void.self)
            faults.hold { promise.succeed() }
            promise.futureResult.assumeIsolated().whenSuccess { [self] in
                let answer = answer(request)
                if context.channel.isActive { write(answer, context) }
            }
        case .failWithoutEffect:
            guard case .admitted = admit(request, context) else { return }
            write(ledger.fail(request, withEffect: false), context)
        case .failWithEffect:
            guard case .admitted = admit(request, context) else { return }
            write(ledger.fail(request, withEffect: true), context)
        case .none:
            write(answer(request), context)
        case .dropAfter:
            _ = answer(request)
            context.close(promise: nil)
        case .resetAfter:
            _ = answer(request)
            reset(context)
        case .halfAnswer:
            write(answer(request), context, isCut: true)
        case .garbage:
            _ = answer(request)
            write(text: "<html>oh no</html>", status: 200, context)
        case .stallAfter:
            _ = answer(request)
            faults.onStall()
        }
    }

    private func answer(_ request: LedgerRequest) -> LedgerAnswer {
        switch ledger.admit(request) {
        case .admitted: ledger.execute(request)
        case .answered(let answer): answer
        }
    }

    /// Admits the request, or writes the answer that is there already.
    private func admit(_ request: LedgerRequest, _ context: ChannelHandlerContext) -> StripeLedger.Admission {
        let admission = ledger.admit(request)
        if case .answered(let answer) = admission { write(answer, context) }
        return admission
    }

    private func write(
        _ answer: LedgerAnswer, _ context: ChannelHandlerContext, pause: Int? = nil, isCut: Bool = false
    ) {
        write(
            text: answer.body.serialized(), status: answer.status, isReplay: answer.isReplay, pause: pause,
            isCut: isCut, context)
    }

    private func write(
        text: String, status: Int, isReplay: Bool = false, pause: Int? = nil, isCut: Bool = false,
        _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders([
            ("Content-Type", "application/json"), ("Content-Length", String(text.utf8.count)),
            ("Request-Id", "req_test"),
        ])
        if isReplay { headers.add(name: "Idempotent-Replayed", value: "true") }
        if let pause { headers.add(name: "Retry-After", value: String(pause)) }
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        let part = isCut ? String(text.prefix(text.count / 2)) : text
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: part)))), promise: nil)
        if isCut {
            context.flush()
            context.close(promise: nil)
        } else {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    /// Closes with a reset instead of an end.
    private func reset(_ context: ChannelHandlerContext) {
        if let provider = context.channel as? any SocketOptionProvider {
            _ = provider.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        context.close(promise: nil)
    }
}
