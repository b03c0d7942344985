import CircuitBreaking
import Determinism
import Logging
import PantryDomain
import PostgresDriver
import Sagas
import Storage
import Synchronization

/// An open installation: the one place where databases, lanes, provider and services are put together.
///
/// It is built but idle; ``run(whileServing:)`` sets its loops going.
package struct Installation: Sendable {
    package let organizations: OrganizationService
    package let orders: OrderService
    package let sagas: SagaOperations
    package let shards: ShardDirectory
    package let databases: [NamedDatabase]
    package let operatorToken: String
    package let payments: InstalledPayments
    let lanes: [WriteLane]
    /// The organizations' events, as streams.
    package let events: EventFeed
    let faultPoints: FaultPoints?
    let logger: Logger
    package let time: any TimeSource
    /// The breakers of this process.
    package let circuits: [CircuitBreaker]
    /// What organizations and addresses may ask for.
    package let limits: InstalledLimits
    private let installedSessions: InstalledSessions
    package var sessions: SessionService { installedSessions.service }
    let alerts: AlertDispatcher?
    private let locks: [DirectoryLock]
    private let poolLimit: Int

    /// A database of the installation, and what schema it has.
    package struct NamedDatabase: Sendable {
        package enum Role: String, Sendable {
            case control
            case shard
            case provider

            package var schema: [Migration] {
                switch self {
                case .control: ControlSchema.migrations
                case .shard: TenantSchema.migrations
                case .provider: SandboxSchema.migrations
                }
            }
        }
        package let name: String
        package let role: Role
        package let database: any OpenDatabase
    }

    /// Opens every database of the configuration, brings it to the present schema, and finishes what a crash left of
    /// the provisioning of organizations.
    /// - Throws: ``AssemblyError`` or `StorageError`, with the path and what would be right.
    package static func open(
        _ configuration: PantryConfiguration, environment: [String: String], time: any TimeSource,
        random: any RandomSource, logger: Logger, observation: Observation? = nil
    ) async throws -> Installation {
        let locks = try DirectoryLock.acquire(configuration)
        let faultPoints = try FaultPoints(environment: environment)
        let alerts = try alerts(configuration, observation, time: time, random: random, logger: logger)
        let databases = try InstalledDatabases.open(
            configuration,
            InstalledDatabases.Opening(
                faultPoints: faultPoints, time: time, random: random, logger: logger, observation: observation,
                alerts: alerts))
        for named in databases {
            for migration in try await InstalledDatabases.migrate(
                named, beside: databases, of: configuration, time: time)
            {
                logger.info("migrated", metadata: ["database": "\(named.name)", "migration": "\(migration.name)"])
            }
        }
        let strays = try await OrganizationPlacement.faults(databases)
        guard strays.isEmpty else { throw AssemblyError(strays.joined(separator: "; ")) }
        for homeless in try await OrganizationPlacement.homeless(databases) { logger.error("\(homeless)") }
        return try await build(
            configuration, locks: locks, databases: databases, faultPoints: faultPoints, time: time, random: random,
            logger: logger, observation: observation, alerts: alerts)
    }

    private static func build(
        _ configuration: PantryConfiguration, locks: [DirectoryLock], databases: [NamedDatabase],
        faultPoints: FaultPoints?,
        time: any TimeSource, random: any RandomSource, logger: Logger, observation: Observation?,
        alerts: AlertDispatcher?
    ) async throws -> Installation {
        let events = EventFeed(time: time)
        let lanes = databases.map { Observation.lane($0, observation, time: time) { events.nudge($0) } }
        guard let control = databases.firstIndex(where: { $0.role == .control }) else {
            throw AssemblyError("the configuration names no control database")
        }
        let terms = CheckoutTerms(configuration)
        let circuit = try CircuitBreaker.payments(configuration.payments, time: time, random: random)
        let installed = try InstalledPayments.open(
            configuration.payments,
            sandbox: databases.firstIndex { $0.role == .provider }.map { lanes[$0] }, time: time,
            instrument: observation?.tracer)
        var payments: any PaymentProvider = GuardedProvider(
            installed.provider, circuit: circuit, bulkhead: installed.bulkhead, random: random)
        if let observation {
            payments = MonitoredProvider(payments, observation)
            observation.measure(circuit)
            if let bulkhead = installed.bulkhead { observation.measure(bulkhead) }
        }
        let controlDatabase = databases[control].database
        let installation = try await InstallationID.load(controlDatabase, time: time, random: random)
        let limits = try InstalledLimits.open(
            configuration, of: installation, time: time, random: random, logger: logger, observation: observation)
        if let observation, let circuit = limits.circuit { observation.measure(circuit) }
        let shards = ShardDirectory(
            databases.indices.filter { databases[$0].role == .shard }.map { index in
                let named = databases[index]
                let database: any Database =
                    observation.map { MonitoredDatabase(named.database, named.name, named.database.system, $0) }
                    ?? named.database
                var sagas = OrderSagas.Configuration()
                sagas.terms = terms
                // The provider's own limits come first, of two calls one after the other, as where a charge turns out
                // to be captured and is given back; this one is for a provider that does not keep them.
                sagas.calls.timeout = installed.callLimit * 2 + .seconds(5)
                // Other processes may have sagas of a database that is a server; a file is this process's alone.
                sagas.sharedBy = named.database.dialect == .postgres ? .postgres : nil
                let runtime = OrderSagas(
                    database: database, sagas: named.database, lane: lanes[index], provider: payments,
                    configuration: sagas, time: time, random: random,
                    observer: observation.map { SagaMonitor($0, alerts: alerts) }
                ) { error in
                    logger.warning("a saga waits", metadata: ["shard": "\(named.name)", "error": "\(error)"])
                }
                return Shard(name: named.name, database: database, lane: lanes[index], sagas: runtime)
            })
        let secrets = try await FleetSecrets.load(controlDatabase, time: time, random: random)
        let organizations = OrganizationService(
            database: controlDatabase, lane: lanes[control], shards: shards,
            plans: Set(configuration.limits.plans.keys), secrets: secrets, time: time, random: random)
        let sessions = try InstalledSessions.open(
            configuration, databases, organizations, of: installation, time: time, random: random, logger: logger)
        return Installation(
            organizations: organizations, orders: OrderService(terms: terms, time: time, random: random),
            sagas: SagaOperations(
                organizations: organizations,
                registry: shards.shards.first?.sagas.runtime.registry ?? SagaRegistry([]), time: time),
            shards: shards,
            databases: databases, operatorToken: try OperatorToken.load(configuration, random: random),
            payments: installed, lanes: lanes, events: events,
            faultPoints: faultPoints, logger: logger, time: time,
            circuits: [circuit] + (limits.circuit.map { [$0] } ?? []),
            limits: limits, installedSessions: sessions, alerts: alerts, locks: locks,
            poolLimit: configuration.pool.limit)
    }

    /// nil where nobody is to be told, or nothing is there to tell them with.
    private static func alerts(
        _ configuration: PantryConfiguration, _ observation: Observation?, time: any TimeSource,
        random: any RandomSource, logger: Logger
    ) throws -> AlertDispatcher? {
        guard let url = configuration.alerts.webhook, let observation else { return nil }
        return try AlertDispatcher(
            url: url, time: time, random: random, logger: logger, instrument: observation.tracer,
            post: observation.post)
    }

    /// Runs the lanes and the sagas while `body` runs, recovers what a crash left behind, and closes everything when
    /// `body` returns: sagas under way are finished first, then the lanes are emptied, then the files closed.
    /// - Parameters:
    ///   - onRecovered: called after recovery's first pass.
    ///   - grace: how long sagas may take to come to a rest at the end.
    package func run<Value: Sendable>(
        grace: Duration = .seconds(5), onRecovered: @escaping @Sendable () async -> Void = {},
        whileServing body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let outcome: Result<Value, any Error> = await withTaskGroup(of: Void.self) { group in
            for lane in lanes { group.addTask { await lane.run() } }
            let working = WorkingCount(shards.shards.count)
            for shard in shards.shards {
                group.addTask {
                    await shard.sagas.runtime.run()
                    working.oneHasEnded()
                }
            }
            group.addTask(name: "recovery") { await recover(onRecovered) }
            group.addTask(name: "old keys and sessions") { await forgetOldRows() }
            group.addTask(name: "secrets") { await refreshSecrets() }
            group.addTask { await warnOfTooManyConnections() }
            group.addTask(name: "sagas without a definition") { await warnOfMisfits() }
            for circuit in circuits {
                let changes = circuit.changes()
                group.addTask { await CircuitMonitor(circuit: circuit, logger: logger, alerts: alerts).run(changes) }
            }
            if let alerts { group.addTask { await alerts.run() } }
            group.addTask { await limits.run() }
            group.addTask { await installedSessions.run() }
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            for shard in shards.shards { shard.sagas.runtime.stop() }
            await finishSagas(working, within: grace)
            for lane in lanes { lane.stop() }
            group.cancelAll()
            await group.waitForAll()
            return result
        }
        await limits.close()
        installedSessions.close()
        await payments.close()
        // The control database last: the others look there for their primaries.
        for named in databases.reversed() {
            do { try await named.database.close() } catch {
                // Every commit is synced already; a file is merely left with its WAL beside it.
                logger.warning(
                    "database not closed cleanly", metadata: ["database": "\(named.name)", "error": "\(error)"])
            }
        }
        return try outcome.get()
    }

    private func recover(_ onRecovered: @escaping @Sendable () async -> Void) async {
        while !Task.isCancelled {
            do {
                try await organizations.finishProvisioning()
                var count = 0
                for shard in shards.shards { count += try await shard.sagas.runtime.recover() }
                logger.info("recovered", metadata: ["sagas": "\(count)"])
                faultPoints?.serverIsReady()
                await onRecovered()
                return
            } catch {
                logger.error("recovery failed, trying again", metadata: ["error": "\(error)"])
                try? await time.sleep(for: .seconds(1))
            }
        }
    }

    /// Sagas that a newer server has begun, or an older one whose definition has gone, wait for a server that has it.
    /// Looking for them may take a while in a large table: no server's start waits for it.
    private func warnOfMisfits() async {
        for shard in shards.shards {
            do {
                for misfits in try await shard.sagas.runtime.misfits() {
                    logger.warning(
                        "sagas wait for a server that has their definition",
                        metadata: [
                            "shard": "\(shard.name)", "definition": "\(misfits.definition)",
                            "version": "\(misfits.version)", "count": "\(misfits.count)",
                            "examples": "\(misfits.examples.map(\.description).joined(separator: ", "))",
                        ])
                }
            } catch {
                logger.warning(
                    "nobody knows whether sagas wait for another server",
                    metadata: ["shard": "\(shard.name)", "error": "\(error)"])
            }
        }
    }

    /// Idempotency keys are kept for two days, a day more than is promised; sessions that have expired, for an hour, by
    /// which clocks may differ.
    private func forgetOldRows() async {
        var age = KeyAge(wall: time.now(), at: time.instant())
        repeat {
            guard let before = age.limit(wall: time.now(), at: time.instant()) else {
                logger.warning("the clock has jumped: old keys and sessions stay until two days after")
                continue
            }
            for named in databases where named.role != .provider {
                do {
                    while !Task.isCancelled,
                        try await IdempotencySchema.forget(before: before, limit: 1_000, in: named.database) > 0
                    {}
                    guard named.role == .shard else { continue }
                    while !Task.isCancelled,
                        try await SessionSchema.forget(
                            expiredBefore: before + KeyAge.kept + (.zero - KeyAge.tolerance), limit: 1_000,
                            in: named.database) > 0
                    {}
                } catch {
                    logger.warning(
                        "old keys and sessions stay for now",
                        metadata: ["database": "\(named.name)", "error": "\(error)"])
                }
            }
        } while (try? await time.sleep(for: .seconds(600))) != nil
    }

    /// More often than new secrets are made known before they are used.
    private func refreshSecrets() async {
        while (try? await time.sleep(for: .seconds(30))) != nil {
            do {
                if try await organizations.secrets.refresh() { logger.info("the fleet's secrets have changed") }
            } catch { logger.warning("the fleet's secrets cannot be read", metadata: ["error": "\(error)"]) }
        }
    }

    private func warnOfTooManyConnections() async {
        var budget = ConnectionBudget(limit: poolLimit)
        for named in databases {
            guard let service = named.database as? PostgresService else { continue }
            do {
                if let capacity = try await service.database.capacity() { budget.add(named.name, capacity) }
            } catch { logger.warning("connections cannot be counted", metadata: ["database": "\(named.name)"]) }
        }
        for warning in budget.warnings { logger.warning("\(warning)") }
    }

    /// Sagas at work get a moment to come to a rest, and their runtimes to give their leases back, so that others may
    /// take up at once what is left.
    private func finishSagas(_ working: WorkingCount, within grace: Duration) async {
        let deadline = time.instant() + grace
        while working.count > 0, time.instant() < deadline {
            guard (try? await time.sleep(for: .milliseconds(10))) != nil else { return }
        }
    }
}

/// How many runtimes are still at work.
private final class WorkingCount: Sendable {
    private let left: Atomic<Int>
    init(_ count: Int) { left = Atomic(count) }
    var count: Int { left.load(ordering: .acquiring) }
    func oneHasEnded() { left.subtract(1, ordering: .releasing) }
}

extension Installation {
    /// Whether every database can be read now.
    package func isHealthy() async -> Bool {
        let statement = SQLStatement("SELECT 1")
        for named in databases {
            guard (try? await named.database.read(statement, .strong)) != nil else { return false }
        }
        return true
    }
}
