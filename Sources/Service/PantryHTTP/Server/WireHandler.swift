import NIOCore

/// Stands before the decoder, for what can only be seen in bytes: that a request has begun to arrive, and that what
/// arrives is to be thrown away.
final class WireHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: ConnectionHandler

    init(connection: ConnectionHandler) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard connection.admit(unwrapInboundIn(data)) else { return }
        context.fireChannelRead(data)
        connection.admitted()
    }
}
