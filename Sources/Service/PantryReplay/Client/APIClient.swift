import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A request under `/v1` or `/ops`.
package struct APIRequest: Sendable, Hashable {
    package var method: String
    package var path: String
    package var body: String?
    package var type = "application/json"
    package var key: String?

    package init(_ method: String, _ path: String, _ body: String? = nil, key: String? = nil) {
        (self.method, self.path, self.body, self.key) = (method, path, body, key)
    }
}

/// Speaks to one server over connections that are kept open. That no answer comes is a value, not an error.
package struct APIClient: Sendable {
    package let base: String
    private let http: HTTPClient

    /// Runs `body` with a client and closes its connections afterwards.
    /// - Parameters:
    ///   - base: such as `http://127.0.0.1:8080`.
    ///   - connections: as many requests are under way at once.
    package static func with<Value>(
        _ base: String, connections: Int, _ body: (APIClient) async throws -> Value
    ) async throws -> Value {
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(8, connections)
        // A server that is gone is to be known of at once; whoever wants to try again does so with the same key.
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = APIClient(
            base: base, http: HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration))
        let result: Result<Value, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        try? await client.http.shutdown()
        return try result.get()
    }

    /// Sends a request with a credential and waits for its answer, or for the sign that there will be none.
    package func send(
        _ request: APIRequest, as credential: String?, within limit: Duration = .seconds(30)
    ) async -> APIOutcome {
        var message = HTTPClientRequest(url: base + request.path)
        message.method = HTTPMethod(rawValue: request.method)
        if let credential { message.headers.add(name: "Authorization", value: "Bearer \(credential)") }
        if let key = request.key { message.headers.add(name: "Idempotency-Key", value: key) }
        if let body = request.body {
            message.headers.add(name: "Content-Type", value: request.type)
            message.body = .bytes(ByteBuffer(string: body))
        }
        do {
            let response = try await http.execute(message, timeout: .milliseconds(limit.components.seconds * 1_000))
            let body = try await response.body.collect(upTo: 64 << 20)
            let seconds = response.headers.first(name: "Retry-After").flatMap { Int64($0) }
            return .answered(
                APIAnswer(
                    status: Int(response.status.code),
                    isReplay: response.headers.first(name: "Idempotent-Replayed") == "true",
                    retryAfter: seconds.map { .seconds($0) }, body: Array(body.readableBytesView)))
        } catch {
            return .noAnswer("\(error)")
        }
    }
}
