import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import StrictJSON

/// Sends requests to one server, thousands at once if need be, and never throws: a lost connection is a value.
public struct PantryClient: Sendable {
    /// Where the server is, as in `http://127.0.0.1:8080`.
    public let base: String

    /// A client of the server at that port of this machine.
    public init(port: Int) { self.init(base: "http://127.0.0.1:\(port)") }

    /// A client of that server.
    public init(base: String) { self.base = base }

    /// One pool for the whole test process. It is never shut down; idle connections close by themselves.
    private static let http: HTTPClient = {
        ResourceLimits.raiseOpenFiles()
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4_000
        configuration.connectionPool.idleTimeout = .seconds(5)
        // A killed server is not coming back on its old port, and who asks wants to know at once.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Sends a request and waits for its answer, or for the sign that there will be none.
    public func send(_ request: PantryRequest, within limit: Duration = .seconds(30)) async -> Outcome {
        var message = HTTPClientRequest(url: base + request.path)
        message.method = HTTPMethod(rawValue: request.method)
        if let credential = request.credential {
            message.headers.add(name: "Authorization", value: "Bearer \(credential)")
        }
        if let key = request.idempotencyKey { message.headers.add(name: "Idempotency-Key", value: key) }
        for (name, value) in request.headers.sorted(by: { $0.key < $1.key }) {
            message.headers.add(name: name, value: value)
        }
        switch request.body {
        case .json(let value)?:
            message.headers.add(name: "Content-Type", value: "application/json")
            message.body = .bytes(Array(value.serialized().utf8))
        case .bytes(let bytes, let type)?:
            message.headers.add(name: "Content-Type", value: type)
            message.body = .bytes(bytes)
        case nil: break
        }
        do {
            let response = try await Self.http.execute(
                message, timeout: .nanoseconds(limit.components.seconds * 1_000_000_000))
            let body = try await response.body.collect(upTo: 64 << 20)
            return .answered(
                PantryAnswer(
                    status: Int(response.status.code),
                    headers: response.headers.map { (name: $0.name.lowercased(), value: $0.value) },
                    body: Array(body.readableBytesView)))
        } catch {
            return .noAnswer("\(error)")
        }
    }

    /// Sends a request with a JSON body.
    public func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil, key credential: String? = nil,
        idempotencyKey: String? = nil
    ) async -> Outcome {
        await send(
            PantryRequest(
                method, path, body.map { .json($0) }, credential: credential, idempotencyKey: idempotencyKey))
    }

    /// Reads a path.
    public func get(_ path: String, key credential: String? = nil) async -> Outcome {
        await send("GET", path, key: credential)
    }

    /// Reads a list to its end, following `page.nextCursor`.
    /// - Throws: ``UnexpectedAnswer``.
    public func all(_ path: String, key credential: String) async throws(UnexpectedAnswer) -> [JSONValue] {
        var elements: [JSONValue] = []
        var cursor: String?
        repeat {
            let query = cursor.map { "&cursor=\(Self.percentEncoded($0))" } ?? ""
            let page = path + (path.contains("?") ? "&" : "?") + "limit=100" + query
            let outcome = await get(page, key: credential)
            guard outcome.status == 200, let data = outcome.json?.object?["data"]?.array else {
                throw UnexpectedAnswer("GET \(page)", outcome)
            }
            elements += data
            cursor = outcome.json?.object?["page"]?.object?["nextCursor"]?.string
        } while cursor != nil
        return elements
    }

    /// A text as it may stand in a path or a query.
    public static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                return String(UnicodeScalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                return digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }.joined()
    }
}

/// A server answered something that the kit cannot go on with.
public struct UnexpectedAnswer: Error, CustomStringConvertible {
    /// The request and what came of it.
    public let description: String

    init(_ request: String, _ outcome: Outcome) { description = "\(request) gave \(outcome)" }
}
