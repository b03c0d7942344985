import Determinism
import Foundation
import Logging
import PantryAssembly
import PantryDomain
import PantryHTTP
import RateLimiting
import ServiceLifecycle
import Storage
import Synchronization
import UnixSignals

/// An open installation behind its HTTP server, in this process: what `serve`, `demo` and an import without a server
/// have in common.
struct InstallationServer: Sendable {
    let installation: Installation
    let configuration: PantryConfiguration
    let time: SystemTime
    let logger: Logger
    /// What is measured and traced; nil for nothing.
    var observation: Observation?

    /// Serves until SIGTERM or SIGINT, or until `work` has returned, and then closes everything.
    /// - Parameters:
    ///   - address: is told the port as soon as the server listens.
    ///   - onRecovered: called after recovery's first pass.
    ///   - work: what to do beside serving. At a signal it is asked to stop, and the server goes on until it has.
    func run(
        at address: ServerAddress, onRecovered: @escaping @Sendable () async -> Void = {}, beside work: (any Service)?
    ) async throws {
        let (state, observation) = (ServerState(), observation)
        let recovered = observation?.readiness { state.isReady }
        var page: (@Sendable (_ accept: String) -> (text: String, contentType: String))?
        var monitors = ServerObservation.none
        if let observation {
            page = { observation.page(accept: $0) }
            monitors = ServerObservation(
                metrics: observation.metrics, tracer: RequestSpans(observation))
        }
        let random = SystemRandom()
        let services = PantryServices(
            organizations: installation.organizations, orders: installation.orders,
            events: installation.events,
            health: { await installation.isHealthy() }, time: time, random: random,
            checkoutWait: configuration.checkout.wait, version: Pantry.version,
            paymentMethods: PaymentMethods(installation.payments.methods), webhooks: installation.payments.webhooks,
            sagas: installation.sagas, sessions: installation.sessions,
            servers: { [installation] in installation.servers() },
            circuits: { [installation] in installation.circuits },
            limits: { [limits = installation.limits] in LimitsReport(limits) },
            cacheHealth: { [limits = installation.limits] in await limits.isReachable() },
            metrics: page)
        let room = InFlightLimit(configuration.server.maxInFlight)
        observation?.publish(count: "pantry_http_shed") { room.refusals }
        // What remains of the time to stop in is for sagas to come to a rest and files to be closed.
        let reserve = min(.seconds(2), (configuration.server.shutdownTimeout - configuration.server.drain) / 2)
        let server = try PantryHTTPServer(
            configuration: HTTPServerConfiguration(configuration.server, reserving: reserve),
            routes: PantryRoutes.all(services, state: state),
            authenticator: PantryAuthenticator(
                organizations: installation.organizations, sessions: installation.sessions,
                operatorToken: installation.operatorToken),
            state: state, ports: .system(seed: random.next()), logger: logger,
            observation: monitors, limits: RequestLimits(installation.limits, configuration.limits), room: room,
            onListening: { port in
                address.set(port)
                logger.info("listening on \(address.url)", metadata: ["port": "\(port)"])
            })
        try await installation.run(
            grace: reserve / 2,
            onRecovered: {
                state.setReady(true)
                recovered?()
                await onRecovered()
            },
            whileServing: {
                var group = ServiceGroupConfiguration(
                    services: [.init(service: server)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
                // Services are stopped from the last to the first. Work beside the server takes what time it needs.
                if work == nil {
                    let deadline = StopDeadline(limit: configuration.server.shutdownTimeout, logger: logger)
                    group.services.append(.init(service: deadline, successTerminationBehavior: .ignore))
                }
                if let work {
                    group.services.append(
                        .init(
                            service: work, successTerminationBehavior: .gracefullyShutdownGroup,
                            failureTerminationBehavior: .gracefullyShutdownGroup))
                }
                try await ServiceGroup(configuration: group).run()
            })
    }
}

extension PaymentMethods {
    init(_ methods: InstalledPayments.Methods) {
        switch methods {
        case .known(let names): self = .known(names)
        case .prefixed(let prefix): self = .prefixed(prefix)
        }
    }
}

extension LimitsReport {
    init(_ limits: InstalledLimits) {
        self.init(
            plans: limits.plans.mapValues { RequestLimits.Plan(requests: $0.requests, orders: $0.orders) },
            store: limits.store, processes: limits.processes(), counts: limits.counts.snapshot)
    }
}

extension RequestLimits {
    init(_ limits: InstalledLimits, _ configuration: PantryConfiguration.Limits) {
        self.init(
            plans: limits.plans.mapValues { Plan(requests: $0.requests, orders: $0.orders) },
            anonymous: limits.anonymous,
            form: RateLimitFields.Form(rawValue: configuration.headers.rawValue) ?? .current,
            decide: limits.decide)
    }
}

/// Where a server listens, once it does.
final class ServerAddress: Sendable {
    private let host: String
    private let port = Mutex<Int?>(nil)

    init(host: String) { self.host = host.contains(":") ? "[\(host)]" : host }

    func set(_ port: Int) { self.port.withLock { $0 = port } }
    var url: String { "http://\(host):\(port.withLock { $0 } ?? 0)" }
    var isKnown: Bool { port.withLock { $0 != nil } }

    /// Returns once the server listens.
    func wait(_ time: any TimeSource) async throws {
        while !isKnown { try await time.sleep(for: .milliseconds(5)) }
    }
}

extension HTTPServerConfiguration {
    /// - Parameter reserve: what is kept of the shutdown's time for the rest of the process.
    init(_ server: PantryConfiguration.Server, reserving reserve: Duration) {
        self.init()
        (host, port, maxBody, drain) = (server.host, server.port, server.maxBody, server.drain)
        shutdownTimeout = server.shutdownTimeout - reserve
        trustedProxies = server.trustedProxies.compactMap { AddressRange($0) }
    }
}
