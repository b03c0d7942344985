import Determinism
import NIOCore
import NIOPosix
import StripeDriver
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A server below HTTP: does to its connections what networks and broken servers do.
final class SocketServer: Sendable {
    enum Behavior: Sendable {
        /// Closes as soon as it has accepted.
        case closeAtOnce
        /// Sends these bytes as soon as it has accepted.
        case greet(String)
        /// Reads the whole request, then closes.
        case closeAfterRequest
        /// Reads the whole request, then resets.
        case resetAfterRequest
        /// Reads, and says nothing.
        case stall
        /// Reads the whole request, then sends these bytes and closes.
        case answer(String)
        /// Reads the whole request, then sends these bytes and goes on waiting.
        case answerAndStall(String)
    }
    let port: Int
    private let listener: any Channel
    private let requests: RequestCount

    init(_ behavior: Behavior) async throws {
        let requests = RequestCount()
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SocketHandler(behavior, requests))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
        self.requests = requests
    }

    /// How many requests have come in completely, with their bodies.
    var requestCount: Int { requests.count.load(ordering: .acquiring) }

    func stop() async { try? await listener.close() }

    /// Runs `body` with a driver that speaks to such a server.
    static func with(
        _ behavior: Behavior, time: any TimeSource = SystemTime(),
        _ body: (SocketServer, StripePayments) async throws -> Void
    ) async throws {
        let server = try await SocketServer(behavior)
        var configuration = Bench.configuration("http://127.0.0.1:\(server.port)")
        configuration.answerLimit = 4_096
        let payments = try StripePayments(configuration: configuration, time: time)
        let result: Result<Void, any Error>
        do { result = .success(try await body(server, payments)) } catch { result = .failure(error) }
        await payments.shutdown()
        await server.stop()
        try result.get()
    }

    static func response(_ status: String, _ body: String, _ headers: String = "") -> String {
        "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }
}

final class RequestCount: Sendable {
    let count = Atomic<Int>(0)
}

private final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let behavior: SocketServer.Behavior
    private let requests: RequestCount
    private var text = ""

    init(_ behavior: SocketServer.Behavior, _ requests: RequestCount) {
        (self.behavior, self.requests) = (behavior, requests)
    }

    func channelActive(context: ChannelHandlerContext) {
        switch behavior {
        case .closeAtOnce: context.close(promise: nil)
        case .greet(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        default: break
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        guard isComplete else { return }
        text = ""
        requests.count.add(1, ordering: .acquiringAndReleasing)
        switch behavior {
        case .closeAtOnce, .greet, .stall: break
        case .closeAfterRequest: context.close(promise: nil)
        case .resetAfterRequest:
            if let provider = context.channel as? any SocketOptionProvider {
                _ = provider.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            }
            context.close(promise: nil)
        case .answer(let answer):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            context.close(promise: nil)
        case .answerAndStall(let answer):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Whether the head and as many bytes of body as it announces are there.
    private var isComplete: Bool {
        let bytes = Array(text.utf8)
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: Array("\r\n\r\n".utf8)) }) else {
            return false
        }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).lowercased().split(separator: "\r\n")
        let length = lines.first { $0.hasPrefix("content-length:") }.flatMap {
            Int($0.dropFirst("content-length:".count).drop { $0 == " " })
        }
        return bytes.count - end - 4 >= length ?? 0
    }
}
