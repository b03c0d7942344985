import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Serves routes over HTTP/1.1, until it is asked to stop.
///
/// The stop is a sequence of its own: `state.isDraining` for `drain`, while requests and new connections are still
/// served; then the listener closes and every connection after its current answer; then, shortly before
/// `shutdownTimeout`, whatever is left is cut off.
package struct PantryHTTPServer: Service {
    private let configuration: HTTPServerConfiguration
    private let responder: Responder
    private let state: ServerState
    private let ports: ServerPorts
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - state: shared with whoever answers `/readyz` and with recovery, which sets it ready.
    ///   - observation: where metrics and spans go.
    ///   - limits: what organizations and addresses may ask for; nil for no limits.
    ///   - room: how many requests are answered at a time; nil for no limit.
    ///   - onListening: called once, when connections are accepted.
    /// - Throws: when two routes conflict, or a pattern is malformed.
    package init(
        configuration: HTTPServerConfiguration, routes: [Route], authenticator: any Authenticator, state: ServerState,
        ports: ServerPorts, logger: Logger, observation: ServerObservation = .none, limits: RequestLimits? = nil,
        room: InFlightLimit? = nil,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) throws(RouteError) {
        self.configuration = configuration
        self.state = state
        self.ports = ports
        self.logger = logger
        self.onListening = onListening
        let table = try RouteTable(routes)
        responder = Responder(
            routes: table, authenticator: authenticator, configuration: configuration, state: state,
            ports: ports, logger: logger, limits: limits, room: room,
            metrics: observation.metrics.map { HTTPMetrics(table.entries, $0) },
            tracer: observation.tracer)
    }

    /// Listens and serves.
    ///
    /// - Throws: `ListenError` when the address cannot be taken.
    package func run() async throws {
        let (endings, ending) = AsyncStream.makeStream(of: Ending.self)
        let server = makeServer()
        // Hummingbird would close its listener at the first sign of a stop, which reaches it through task locals.
        // A detached task has none, and `stop` tells it when its time has come. It can also be left behind, should a
        // route's handler ignore its cancellation.
        let serving = Task.detached {
            do {
                try await server.run()
                ending.yield(Ending(error: nil))
            } catch {
                ending.yield(Ending(error: error))
            }
            ending.finish()
        }
        if let error = await supervise(server, endings, serving) { throw error }
    }

    // MARK: Parts of the run

    /// How Hummingbird's server came to its end.
    private struct Ending: Sendable {
        var error: (any Error)?
    }

    private enum Event: Sendable {
        case ended(Ending)
        case stopAsked
        case timeIsUp
        case cancelled
    }

    private func makeServer() -> Server<ConnectionChannel> {
        let onListening = onListening
        let connections = MaximumAvailableConnections(configuration.maxConnections, logger: logger)
        return Server(
            childChannelSetup: ConnectionChannel(settings: ConnectionSettings(configuration), responder: responder),
            configuration: ServerConfiguration(
                address: .hostname(configuration.host, port: configuration.port), backlog: configuration.backlog,
                availableConnectionsDelegate: connections),
            onServerRunning: { await onListening($0.localAddress?.port ?? 0) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }

    /// Waits for the end or for a stop, and sees the stop through.
    ///
    /// - Returns: what `run` is to throw.
    private func supervise(
        _ server: Server<ConnectionChannel>, _ endings: AsyncStream<Ending>, _ serving: Task<Void, Never>
    ) async -> (any Error)? {
        await withTaskGroup(of: Event.self) { group in
            // In this order: the stop in the group may be waiting for connections that only this ends.
            defer {
                serving.cancel()
                group.cancelAll()
            }
            group.addTask {
                for await ending in endings { return .ended(ending) }
                return .cancelled
            }
            group.addTask {
                do { try await gracefulShutdown() } catch { return .cancelled }
                return .stopAsked
            }
            while let event = await group.next() {
                switch event {
                case .ended(let ending):
                    // A stop before the start makes Hummingbird's server throw, too.
                    guard let error = ending.error, !state.isClosing else { return nil }
                    return listenError(error)
                case .stopAsked:
                    logger.info("draining", metadata: ["drain": .stringConvertible(configuration.drain)])
                    state.startDraining()
                    group.addTask {
                        do { try await stop(server, serving) } catch { return .cancelled }
                        return .timeIsUp
                    }
                case .timeIsUp:
                    logger.error("request handlers went on after their cancellation; leaving them behind")
                    return nil
                case .cancelled:
                    serving.cancel()
                    await serving.value
                    return CancellationError()
                }
            }
            return nil
        }
    }

    /// Drains, closes, and cuts off what is left. Returns only if that was not the end.
    private func stop(_ server: Server<ConnectionChannel>, _ serving: Task<Void, Never>) async throws {
        try await ports.sleep(configuration.drain)
        state.startClosing()
        logger.info("closing the listener; finishing what is in flight")
        async let closing: Void = server.shutdownGracefully()
        let rest = configuration.shutdownTimeout - configuration.drain
        // What is cut off needs a moment to end, too.
        let margin = min(rest / 4, .milliseconds(500))
        try await ports.sleep(rest - margin)
        logger.warning("cutting off connections that did not finish in time")
        serving.cancel()
        try? await closing
        try await ports.sleep(margin)
    }

    private func listenError(_ error: any Error) -> any Error {
        let address = "\(configuration.host):\(configuration.port)"
        return ListenError(address: address, cause: ListenError.words(for: error))
    }
}
