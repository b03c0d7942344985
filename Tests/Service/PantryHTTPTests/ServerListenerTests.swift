import HTTPTypes
import Logging
import PrometheusMetrics
import Testing

@testable import PantryHTTP

/// Answers that are made while they are sent, and clients that wait for what is to come.
@Suite("Server: streamed answers over real sockets", .timeLimit(.minutes(1)))
struct ServerListenerTests {
    private static let lastChunk = "0\r\n\r\n"

    private func live(_ produce: @escaping @Sendable (StreamWriter) async throws -> Void) -> Route {
        Route(.get, "/live", access: .open) { _ in .stream("text/event-stream", produce) }.listening()
    }

    /// Says that it has begun, and then waits for ever.
    private func quiet(_ ended: Box<Bool> = Box(false)) -> Route {
        live { writer in
            defer { ended.set(true) }
            try await writer.write("begun")
            await untilCancelled()
            try Task.checkCancellation()
        }
    }

    private func ending(_ server: Harness) async throws -> String {
        try await poll("the access log") {
            server.log.entries.compactMap { $0.metadata["ending"]?.description }.first
        }
    }

    @Test("the head at once, each write as a chunk, the last chunk at the end; the connection goes on")
    func chunks() async throws {
        let releases = Box(0)
        let route = live { writer in
            try await poll("the first release") { releases.value > 0 ? () : nil }
            try await writer.write("one")
            try await writer.write("")
            try await poll("the second release") { releases.value > 1 ? () : nil }
            try await writer.write("0123456789abcdef")
        }
        try await withServer([route] + echoRoutes) { server in
            let client = try server.client()
            try await client.send(get("/live"))
            let head = try await client.text(until: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"))
            #expect(head.contains("\r\nContent-Type: text/event-stream\r\n"))
            #expect(head.contains("\r\nTransfer-Encoding: chunked\r\n"))
            #expect(!head.contains("Content-Length") && !head.contains("Connection"))
            releases.set(1)
            #expect(try await client.text(until: "one\r\n") == "3\r\none\r\n")
            releases.set(2)
            #expect(try await client.text(until: Self.lastChunk) == "10\r\n0123456789abcdef\r\n0\r\n\r\n")
            #expect(try await client.exchange(get("/open")).status == 200)
            #expect(try await ending(server) == "complete")
        }
    }

    @Test("HTTP/1.0 reads to the end of the connection; HEAD has no body, and no producer")
    func oldClientsAndHeads() async throws {
        let runs = Box(0)
        let route = live { writer in
            runs.update { $0 += 1 }
            try await writer.write("one")
            try await writer.write("two")
        }
        try await withServer([route] + echoRoutes) { server in
            let old = try server.client()
            try await old.send("GET /live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let answer = try await old.end()
            #expect(answer.hasSuffix("\r\n\r\nonetwo") && answer.contains("\r\nConnection: close\r\n"))
            #expect(!answer.contains("Transfer-Encoding") && !answer.contains("Content-Length"))
            #expect(runs.value == 1)

            let client = try server.client()
            let head = try await client.exchange(request("HEAD", "/live"), toHEAD: true)
            #expect(head.status == 200 && head["Content-Type"] == "text/event-stream")
            #expect(head["Content-Length"] == nil)
            #expect(try await client.exchange(get("/open")).status == 200)
            #expect(runs.value == 1)

            let closing = try server.client()
            try await closing.send(get("/live", "Connection: close"))
            #expect(try await closing.end().hasSuffix("3\r\ntwo\r\n0\r\n\r\n"))
        }
    }

    @Test("a producer that fails behind the head: the connection ends without the last chunk")
    func failure() async throws {
        let route = live { writer in
            try await writer.write("one")
            throw Problem.internal
        }
        try await withServer([route]) { server in
            let client = try server.client()
            try await client.send(get("/live"))
            #expect(try await client.end().hasSuffix("\r\n\r\n3\r\none\r\n"))
            #expect(try await ending(server) == "failed")
            #expect(server.log.entries.contains { $0.message == "a request failed unexpectedly" })
        }
    }

    @Test("a producer that fails before the head answers as any handler; a route that does not listen streams nothing")
    func beforeTheHead() async throws {
        let refusing = Route(.get, "/refuse", access: .open) { _ in
            throw Problem(status: .conflict, code: "no", title: "No")
        }.listening()
        let mute = Route(.get, "/mute", access: .open) { _ in .stream("text/plain") { _ in } }
        try await withServer([refusing, mute]) { server in
            let client = try server.client()
            #expect(try await client.exchange(get("/refuse")).status == 409)
            #expect(try await client.exchange(get("/mute")).status == 500)
        }
    }

    @Test("a client that does not read holds its producer back at one part")
    func backpressure() async throws {
        let size = 8 << 20
        let (begun, done) = (Box(0), Box(0))
        let route = live { writer in
            for _ in 0..<2 {
                begun.update { $0 += 1 }
                try await writer.write([UInt8](repeating: 120, count: size))
                done.update { $0 += 1 }
            }
        }
        try await withServer([route] + echoRoutes) { server in
            let client = try server.client(receiveBuffer: 65_536)
            try await client.send(get("/live", "Connection: close"))
            _ = try await poll("the first part") { client.hasBytes() && begun.value == 1 ? () : nil }
            // More than the kernel takes: the part cannot be done before somebody reads.
            for _ in 0..<20 { #expect(try await server.exchange(get("/open")).status == 200) }
            #expect(begun.value == 1 && done.value == 0)
            let answer = try await client.end(within: .seconds(40))
            #expect(answer.utf8.count > 2 * size && answer.hasSuffix("x\r\n0\r\n\r\n"))
            #expect(done.value == 2)
        }
    }

    @Test("a client that takes nothing for the idle time is cut off, and its producer ends")
    func takesNothing() async throws {
        let ended = Box(false)
        let route = live { writer in
            defer { ended.set(true) }
            while true { try await writer.write([UInt8](repeating: 120, count: 1 << 20)) }
        }
        try await withServer([route], configure: { $0.idleTimeout = .milliseconds(200) }) { server in
            let client = try server.client(receiveBuffer: 4096)
            try await client.send(get("/live"))
            _ = try await poll("the end of the producer") { ended.value ? () : nil }
            #expect(try await ending(server) == "clientGone")
        }
    }

    @Test("the server's times are not those of a stream that is silent")
    func silence() async throws {
        let released = Box(false)
        let route = live { writer in
            try await poll("the release") { released.value ? () : nil }
            try await writer.write("late")
        }
        let times: (inout HTTPServerConfiguration) -> Void = {
            ($0.headTimeout, $0.bodyTimeout, $0.idleTimeout) = (.milliseconds(50), .milliseconds(50), .milliseconds(50))
        }
        try await withServer([route] + echoRoutes, configure: times) { server in
            let client = try server.client()
            try await client.send(get("/live"))
            _ = try await client.text(until: "\r\n\r\n")
            // Ten times over, by the server's own clock: connections that send nothing end in its idle time.
            for _ in 0..<10 { _ = try await server.client().end() }
            released.set(true)
            #expect(try await client.text(until: Self.lastChunk) == "4\r\nlate\r\n0\r\n\r\n")
        }
    }

    @Test("a client that goes away, or ends its side, ends a producer that is silent", arguments: [true, false])
    func gone(closes: Bool) async throws {
        let ended = Box(false)
        let (metrics, room) = (PrometheusMetricsFactory(), InFlightLimit(10))
        let observation = ServerObservation(metrics: metrics)
        try await withServer([quiet(ended)], observation: observation, room: room) { server in
            var client: TestClient? = try server.client()
            try await client?.send(get("/live"))
            _ = try await client?.text(until: "begun")
            #expect(metrics.exposition().contains("pantry_http_requests_in_flight 1\n"))
            #expect(room.listenerCount == 1 && room.current == 0)
            #expect(!server.log.entries.contains { $0.message == "request" })
            if closes { client = nil } else { client?.endSending() }
            _ = try await poll("the end of the producer") { ended.value ? () : nil }
            #expect(try await ending(server) == "clientGone")
            let page = metrics.exposition()
            #expect(page.contains("pantry_http_requests_in_flight 0\n"))
            #expect(page.contains(#"pantry_http_requests_total{method="GET",route="/live",status="200"} 1"#))
            #expect(room.listenerCount == 0)
        }
    }

    @Test("what comes behind a stream on its connection is answered after it")
    func pipelined() async throws {
        let released = Box(false)
        let route = live { writer in
            try await poll("the release") { released.value ? () : nil }
            try await writer.write("one")
        }
        try await withServer([route] + echoRoutes) { server in
            let client = try server.client()
            try await client.send(get("/live") + get("/items/7"))
            _ = try await client.text(until: "\r\n\r\n")
            released.set(true)
            let rest = try await client.text(until: "sku=7")
            #expect(rest.hasPrefix("3\r\none\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"))
        }
    }

    @Test("a credential is looked at again")
    func credentials() async throws {
        let isGood = Box(true)
        let seen = Box<[Bool]>([])
        let route = Route(.get, "/v1/live", access: .organization(.read)) { call in
            let before = try await call.isStillAllowed()
            isGood.set(false)
            let after = try await call.isStillAllowed()
            seen.set([before, after])
            return .text(.ok, "seen")
        }.listening()
        try await withServer([route], authenticator: Revocable(isGood: isGood)) { server in
            let answer = try await server.exchange(get("/v1/live", "Authorization: Bearer reader"))
            #expect(answer.status == 200)
            #expect(seen.value == [true, false])
        }
    }
}

/// Knows who asks as long as the test says so.
private struct Revocable: Authenticator {
    let isGood: Box<Bool>

    func authenticate(bearer token: String) async throws -> Principal? {
        guard isGood.value else { return nil }
        return try await TestAuthenticator().authenticate(bearer: token)
    }
}

/// Returns when the task is cancelled, and not before.
func untilCancelled() async {
    let (never, source) = AsyncStream.makeStream(of: Void.self)
    for await _ in never {}
    source.finish()
}
