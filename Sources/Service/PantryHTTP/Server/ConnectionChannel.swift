import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// What Hummingbird's server does with a connection that it has accepted.
///
/// Hummingbird's own `HTTP1Channel` answers a parser's error with an empty 400, has one idle limit for everything and
/// writes each answer in three parts. This one has the same shape, with our handlers in it.
struct ConnectionChannel: ServerChildChannel {
    typealias Value = NIOAsyncChannel<InboundPart, OutboundPart>

    let settings: ConnectionSettings
    let responder: Responder

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let connection = ConnectionHandler(settings: settings, state: responder.state)
            let decoder = HTTPRequestDecoder(limitConfiguration: settings.decoderLimits)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(WireHandler(connection: connection))
            try pipeline.addHandler(ByteToMessageHandler(decoder))
            try pipeline.addHandler(connection)
            return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        let channel = value.channel
        responder.metrics?.connectionOpened()
        defer { responder.metrics?.connectionClosed() }
        let peer = Peer(
            address: channel.remoteAddress?.ipAddress ?? "", proxies: responder.configuration.trustedProxies)
        do {
            try await withTaskCancellationHandler {
                try await value.executeThenClose { parts, writer in
                    var conversation = Conversation(
                        responder: responder, peer: peer, allocator: channel.allocator, parts: parts, writer: writer)
                    try await conversation.run()
                    // The last answer is still on its way. The handler closes, at the latest after its limits.
                    try await channel.closeFuture.get()
                }
            } onCancel: {
                channel.close(promise: nil)
            }
        } catch {
            logger.trace("a connection ended", metadata: ["error": .string(String(describing: error))])
        }
    }
}
