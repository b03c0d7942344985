import NIOCore
import NIOHTTP1
import NIOPosix
import StrictJSON
import Synchronization

/// A server that takes whatever is posted to it, and remembers it: where webhooks and alerts go in a test.
public final class RequestRecorder: Sendable {
    /// A request as it came.
    public struct Request: Sendable {
        /// Such as `POST`.
        public let method: String
        /// With its query.
        public let path: String
        /// Names in lower case.
        public let headers: [(name: String, value: String)]
        /// All of it.
        public let body: [UInt8]

        /// The body as JSON; nil when it is none.
        public var json: JSONObject? {
            guard let value = try? JSONReader.parse(String(decoding: body, as: UTF8.self)) else { return nil }
            return value.object
        }
    }
    private let received = Mutex<[Request]>([])
    private let answer: @Sendable (Request) -> Int
    private let channel = Mutex<(any Channel)?>(nil)

    private init(answer: @escaping @Sendable (Request) -> Int) { self.answer = answer }

    /// Runs a recorder on a free port of the loopback while `body` runs.
    /// - Parameter answer: the status that a request is answered with.
    public static func with<Value>(
        answering answer: @escaping @Sendable (Request) -> Int = { _ in 204 },
        _ body: (RequestRecorder) async throws -> Value
    ) async throws -> Value {
        let recorder = RequestRecorder(answer: answer)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(RecordingHandler(recorder))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        recorder.channel.withLock { $0 = channel }
        let result: Result<Value, any Error>
        do { result = .success(try await body(recorder)) } catch { result = .failure(error) }
        try await channel.close()
        return try result.get()
    }

    /// What came so far, in its order.
    public var requests: [Request] { received.withLock { $0 } }

    /// Where it listens, as in `http://127.0.0.1:40001`.
    public var base: String { "http://127.0.0.1:\(channel.withLock { $0?.localAddress?.port } ?? 0)" }

    fileprivate func record(_ request: Request) -> Int {
        received.withLock { $0.append(request) }
        return answer(request)
    }
}

/// One connection.
private final class RecordingHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private let recorder: RequestRecorder
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ recorder: RequestRecorder) { self.recorder = recorder }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): (self.head, body) = (head, [])
        case .body(let buffer): body += Array(buffer.readableBytesView)
        case .end:
            guard let head else { return }
            let status = recorder.record(
                RequestRecorder.Request(
                    method: head.method.rawValue, path: head.uri,
                    headers: head.headers.map { (name: $0.name.lowercased(), value: $0.value) }, body: body))
            let answer = HTTPResponseHead(
                version: head.version, status: HTTPResponseStatus(statusCode: status), headers: ["Content-Length": "0"])
            context.write(wrapOutboundOut(.head(answer)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
