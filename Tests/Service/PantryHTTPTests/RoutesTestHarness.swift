import Determinism
import Foundation
import Logging
import PantryDomain
import SQLiteDriver
import Sagas
import Storage
import StrictJSON

@testable import PantryHTTP

/// A whole Pantry over SQLite files in a folder of its own, behind a real server.
struct TestPantry: Sendable {
    static let operatorToken = "operator-token-of-the-tests"
    var harness: Harness
    var services: PantryServices
    var shard: Shard
    var control: any Database
    /// What `/readyz` looks at.
    var routesState: ServerState

    /// A client with that credential; nil for none.
    func client(_ credential: String?) -> PantryClient {
        PantryClient(harness: harness, credential: credential)
    }

    var asOperator: PantryClient { client(Self.operatorToken) }

    /// A new organization's admin.
    func organization(_ name: String = "Grocer") async throws -> PantryClient {
        let made = try await asOperator.send("POST", "/v1/organizations", #"{"name":"\#(name)"}"#)
        return client(try made.text("apiKey"))
    }

    /// A new organization's admin, with one product in stock.
    func shop(sku: String = "APPLE-1", onHand: Int = 10, amount: Int = 250) async throws -> PantryClient {
        let admin = try await organization()
        try await admin.stock(sku, onHand: onHand, amount: amount)
        return admin
    }
}

/// Sends requests with one credential, each on a connection of its own.
struct PantryClient: Sendable {
    var harness: Harness
    var credential: String?

    func send(
        _ method: String, _ path: String, _ body: String? = nil, key: String? = nil, headers: [String] = []
    ) async throws -> PantryReply {
        var headers = headers
        if let credential { headers.append("Authorization: Bearer \(credential)") }
        if body != nil { headers.append("Content-Type: application/json") }
        if let key { headers.append("Idempotency-Key: \(key)") }
        return PantryReply(response: try await harness.exchange(request(method, path, headers, body: body)))
    }

    func get(_ path: String, headers: [String] = []) async throws -> PantryReply {
        try await send("GET", path, headers: headers)
    }

    func stock(_ sku: String, onHand: Int, amount: Int = 250) async throws {
        let product = #"{"sku":"\#(sku)","name":"\#(sku)","unitPrice":{"amount":\#(amount),"currency":"USD"}}"#
        let made = try await send("POST", "/v1/products", product)
        let counted = try await send("PUT", "/v1/stock/\(sku)", #"{"onHand":\#(onHand)}"#, key: "count-\(sku)")
        guard made.status == 201, counted.status == 200 else {
            throw TestClient.Failure(description: "no stock: \(made.response.body) \(counted.response.body)")
        }
    }

    func order(
        _ sku: String = "APPLE-1", _ quantity: Int = 1, method: String = "pm_ok", more: String = "", key: String
    ) async throws -> PantryReply {
        let items = #"[{"sku":"\#(sku)","quantity":\#(quantity)}]"#
        return try await send(
            "POST", "/v1/orders", #"{"items":\#(items),"paymentMethod":"\#(method)"\#(more)}"#, key: key)
    }

    /// `onHand`, `reserved`, `available` of a product.
    func balance(_ sku: String = "APPLE-1") async throws -> [Int64?] {
        let reply = try await get("/v1/stock/\(sku)")
        return ["onHand", "reserved", "available"].map { reply[$0]?.integer }
    }
}

/// An answer, and its body as JSON.
struct PantryReply {
    var response: TestClient.Response

    var status: Int { response.status }
    var code: String? { self["code"]?.string }
    var document: JSONValue? { try? JSONReader.parse(response.body) }
    var isReplay: Bool { header("Idempotent-Replayed") == "true" }

    func header(_ name: String) -> String? { response[name] }

    /// A member, or a member of a member: `payment.status`.
    subscript(path: String) -> JSONValue? {
        path.split(separator: ".").reduce(document) { value, name in value?.object?[String(name)] }
    }

    func text(_ path: String) throws -> String {
        guard let text = self[path]?.string else {
            throw TestClient.Failure(description: "no \(path) in \(status): \(response.body)")
        }
        return text
    }

    /// The items of a list.
    var items: [JSONValue] { self["data"]?.array ?? [] }
    /// `pointer code` of each field that is wrong.
    var faults: [String] {
        (self["errors"]?.array ?? []).map {
            "\($0.object?["pointer"]?.string ?? "?") \($0.object?["code"]?.string ?? "?")"
        }
    }
}

/// What `find` finds, once it finds something.
func eventuallySome<Value>(_ find: () async throws -> Value?) async throws -> Value {
    let deadline = SystemTime().instant() + .seconds(30)
    while SystemTime().instant() < deadline {
        if let found = try await find() { return found }
    }
    throw TestClient.Failure(description: "it never came")
}

/// The shards of a Pantry under test, and what stands in front of them.
struct TestShards: Sendable {
    var count = 1
    /// In front of the engine of each lane.
    var engine: @Sendable (any LaneEngine) -> any LaneEngine = { $0 }
    /// In front of the database that requests read, by the shard's name.
    var database: @Sendable (String, any Database) -> any Database = { $1 }

    fileprivate func open(
        in folder: URL, _ configuration: OrderSagas.Configuration, _ provider: any PaymentProvider, _ logger: Logger
    ) async throws -> [Shard] {
        var shards: [Shard] = []
        for name in (0..<count).map({ "shard-\($0)" }) {
            let (stored, lane) = try await store(name, TenantSchema.migrations, in: folder, behind: engine)
            let sagas = OrderSagas(
                database: stored, lane: lane, provider: provider, configuration: configuration, time: SystemTime(),
                random: SystemRandom(), reportTrouble: { logger.error("\($0)") })
            shards.append(Shard(name: name, database: database(name, stored), lane: lane, sagas: sagas))
        }
        return shards
    }
}

/// Runs a Pantry around `body`, and takes everything down afterwards.
func withPantry(
    isHealthy: Box<Bool> = Box(true), isReady: Bool = true, checkoutWait: Duration = .seconds(5),
    attemptLimit: Int64 = 500, definitions: [AnySagaDefinition] = [], shards: TestShards = TestShards(),
    limits: RequestLimits? = nil, positions: any SessionPositions = NoSessionPositions(),
    provider wrap: @Sendable (any PaymentProvider) -> any PaymentProvider = { $0 },
    _ body: @Sendable (TestPantry) async throws -> Void
) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "pantry-routes-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (time, random, logger) = (SystemTime(), SystemRandom(), LogBook().logger())
    let control = try await store("control", ControlSchema.migrations, in: folder)
    let sandbox = try await store("sandbox", SandboxSchema.migrations, in: folder)
    var terms = CheckoutTerms()
    (terms.wait, terms.attemptLimit) = (checkoutWait, attemptLimit)
    var configuration = OrderSagas.Configuration()
    configuration.terms = terms
    (configuration.calls.pause, configuration.calls.longestPause) = (.milliseconds(1), .milliseconds(1))
    configuration.coordination.sweepInterval = .milliseconds(10)
    let homes = try await shards.open(
        in: folder, configuration, wrap(SandboxProvider(lane: sandbox.lane, time: time)), logger)
    let lanes = [control.lane, sandbox.lane] + homes.map(\.lane)
    try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in lanes { group.addTask { await lane.run() } }
        for home in homes { group.addTask { await home.sagas.runtime.run() } }
        defer {
            for home in homes { home.sagas.runtime.stop() }
            for lane in lanes { lane.stop() }
        }
        let organizations = OrganizationService(
            database: control.database, lane: control.lane, shards: ShardDirectory(homes),
            plans: ["standard", "trial"],
            secrets: try await FleetSecrets.load(control.database, time: time, random: random),
            time: time, random: random)
        var services = PantryServices(
            organizations: organizations, orders: OrderService(terms: terms, time: time, random: random),
            events: EventFeed(time: time, pollInterval: .milliseconds(10)),
            health: { isHealthy.value }, time: time, random: random, checkoutWait: terms.wait, version: "0.0-test",
            paymentMethods: .known(SandboxProvider.methods),
            sagas: SagaOperations(
                organizations: organizations,
                registry: SagaRegistry(definitions + homes[0].sagas.runtime.registry.all), time: time),
            sessions: SessionService(organizations: organizations, positions: positions, time: time, random: random))
        services.healthLifetime = .zero
        let state = ServerState(isReady: isReady)
        try await withServer(
            PantryRoutes.all(services, state: state), isReady: isReady,
            authenticator: PantryAuthenticator(
                organizations: organizations, sessions: services.sessions,
                operatorToken: TestPantry.operatorToken),
            limits: limits, room: InFlightLimit(2_048)
        ) { [services] in
            try await body(
                TestPantry(
                    harness: $0, services: services, shard: homes[0], control: control.database, routesState: state))
        }
    }
}

private func store(
    _ name: String, _ schema: [Migration], in folder: URL,
    behind engine: (any LaneEngine) -> any LaneEngine = { $0 }
) async throws -> (database: SQLiteDatabase, lane: WriteLane) {
    let time = SystemTime()
    let path = folder.appending(path: "\(name).db").path
    let database = try SQLiteDatabase.open(SQLiteConfiguration(name: name, path: path), time: time)
    try await Migrator(schema, dialect: .sqlite).migrate(database, time: time)
    return (database, WriteLane(engine: engine(database), time: time))
}
