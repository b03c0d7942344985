import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server on this machine that speaks Stripe's API for payment intents and refunds, and misbehaves on demand.
public final class StripeTestServer: Sendable {
    /// The truth.
    public let ledger: StripeLedger
    /// What goes wrong.
    public let faults: StripeFaultScript
    /// For `StripeConfiguration.baseURL`.
    public let baseURL: String
    private let listener: any Channel
    private let connections: OpenConnections

    /// Listens on a free port of the loopback interface.
    /// - Parameters:
    ///   - secretKey: the only key that is accepted.
    ///   - onRequest: called with each request as it comes, whatever becomes of it.
    public init(
        ledger: StripeLedger = StripeLedger(), faults: StripeFaultScript = StripeFaultScript(),
        secretKey: String = "sk_test_key", onRequest: @escaping @Sendable (LedgerRequest) -> Void = { _ in }
    ) async throws {
        let connections = OpenConnections()
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    connections.add(channel)
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        StripeConnectionHandler(
                            ledger: ledger, faults: faults, secretKey: secretKey, onRequest: onRequest))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        (self.ledger, self.faults, self.connections) = (ledger, faults, connections)
        baseURL = "http://127.0.0.1:\(listener.localAddress?.port ?? 0)"
    }

    /// Closes the port and all connections.
    public func stop() async {
        try? await listener.close()
        connections.closeAll()
    }
}

/// The connections that are open, so that they can be closed.
private final class OpenConnections: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        channels.withLock { $0[id] = channel }
        channel.closeFuture.whenComplete { [self] _ in channels.withLock { $0[id] = nil } }
    }
    func closeAll() {
        for channel in channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }
}
