import HTTPTypes
import Logging
import PantryHTTP
import ServiceLifecycle
import Synchronization

/// Knows three organizations' keys and the operator's token.
struct TestAuthenticator: Authenticator {
    func authenticate(bearer token: String) async throws -> Principal? {
        switch token {
        case "operator": .operator
        case "reader": .organization(caller(.read))
        case "writer": .organization(caller(.write))
        case "admin": .organization(caller(.admin))
        case "broken": throw Problem(status: .serviceUnavailable, code: "shard-unavailable", title: "Away")
        default: nil
        }
    }

    private func caller(_ role: AccessRole) -> OrganizationCaller {
        OrganizationCaller(
            organizationNumber: 7, organizationID: "org_7", role: role, credentialID: "key_1", plan: "tight")
    }
}

/// Keeps what is logged.
final class LogBook: Sendable {
    struct Entry: Sendable {
        var message: String
        var metadata: Logger.Metadata
    }

    private let book = Mutex<[Entry]>([])

    var entries: [Entry] { book.withLock { $0 } }

    func logger() -> Logger {
        Logger(label: "test") { _ in Handler(book: self) }
    }

    private struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let entry = Entry(
                message: event.message.description,
                metadata: metadata.merging(event.metadata ?? [:]) { _, new in new })
            book.book.withLock { $0.append(entry) }
        }
    }
}

/// Sleeps that end when the test says so.
final class HeldSleep: Sendable {
    private let state = Mutex<(asked: [Duration], released: Int)>(([], 0))

    /// The sleeps begun so far.
    var asked: [Duration] { state.withLock { $0.asked } }

    func release() {
        state.withLock { $0.released += 1 }
    }

    func sleep(_ duration: Duration) async throws {
        let turn = state.withLock {
            $0.asked.append(duration)
            return $0.asked.count
        }
        while state.withLock({ $0.released < turn }) {
            try await ContinuousClock().sleep(for: .milliseconds(1))
        }
    }
}

/// A server under test, with its port.
struct Harness: Sendable {
    var port: Int
    var state: ServerState
    var log: LogBook
    fileprivate var group: ServiceGroup
    fileprivate var hasEnded: Ended

    fileprivate final class Ended: Sendable {
        let flag = Atomic<Bool>(false)
    }

    var isEnded: Bool { hasEnded.flag.load(ordering: .acquiring) }

    func client(receiveBuffer: Int32? = nil) throws -> TestClient {
        try TestClient(port: port, receiveBuffer: receiveBuffer)
    }

    /// One request on a connection of its own.
    func exchange(_ text: String) async throws -> TestClient.Response {
        try await client().exchange(text)
    }

    func stop() async {
        await group.triggerGracefulShutdown()
    }
}

/// Runs a server around `body`, on a free port, and stops it afterwards.
func withServer(
    _ routes: [Route], isReady: Bool = true, authenticator: any Authenticator = TestAuthenticator(),
    configure: (inout HTTPServerConfiguration) -> Void = { _ in },
    sleep: (@Sendable (Duration) async throws -> Void)? = nil, observation: ServerObservation = .none,
    limits: RequestLimits? = nil, room: InFlightLimit? = nil,
    _ body: @Sendable (Harness) async throws -> Void
) async throws {
    var configuration = HTTPServerConfiguration()
    configuration.port = 0
    configuration.drain = .zero
    configuration.shutdownTimeout = .seconds(5)
    configuration.lingerTimeout = .milliseconds(200)
    configure(&configuration)
    var ports = ServerPorts.system(seed: 42)
    if let sleep { ports.sleep = sleep }
    let state = ServerState(isReady: isReady)
    let book = LogBook()
    let listening = Box<Int?>(nil)
    let server = try PantryHTTPServer(
        configuration: configuration, routes: routes, authenticator: authenticator, state: state, ports: ports,
        logger: book.logger(), observation: observation, limits: limits, room: room,
        onListening: { listening.set($0) })
    let group = ServiceGroup(services: [server], logger: book.logger())
    let ended = Harness.Ended()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { ended.flag.store(true, ordering: .releasing) }
            try await group.run()
        }
        let port = try await poll("listening") { listening.value }
        let harness = Harness(port: port, state: state, log: book, group: group, hasEnded: ended)
        do {
            try await body(harness)
        } catch {
            tasks.cancelAll()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }
}

/// A value that two tasks share.
final class Box<Value: Sendable>: Sendable {
    private let contents: Mutex<Value>

    init(_ value: Value) {
        contents = Mutex(value)
    }

    var value: Value { contents.withLock { $0 } }

    func set(_ value: Value) {
        contents.withLock { $0 = value }
    }

    func update(_ change: (inout Value) -> Void) {
        contents.withLock { change(&$0) }
    }
}

/// Answers with what it got, so that a test can look at it.
func echo(_ call: Call) -> Reply {
    let parameters = call.parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    let query = call.query.items.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
    let body = String(decoding: call.body, as: UTF8.self)
    return .text(.ok, "\(call.method) \(call.pattern) [\(parameters)] [\(query)] [\(body)]")
}

let echoRoutes = [
    Route(.get, "/open", access: .open) { echo($0) },
    Route(.get, "/v1/orders/{id}", access: .organization(.read)) { echo($0) },
    Route(.delete, "/v1/orders/{id}", access: .organization(.admin)) { echo($0) },
    Route(.post, "/v1/orders", access: .organization(.write), maxBody: 1000) { echo($0) },
    Route(.post, "/echo", access: .open) { echo($0) },
    Route(.post, "/hook/{name}", access: .open, bodyKinds: Route.anyBody) { echo($0) },
    Route(.get, "/ops/topology", access: .operatorOnly) { echo($0) },
    Route(.get, "/items/{sku}", access: .open) { echo($0) },
]

/// `GET path` with what HTTP/1.1 requires, and more headers.
func get(_ path: String, _ headers: String...) -> String {
    request("GET", path, headers)
}

func request(_ method: String, _ path: String, _ headers: [String] = [], body: String? = nil) -> String {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: test"] + headers
    if let body { lines.append("Content-Length: \(body.utf8.count)") }
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
}
