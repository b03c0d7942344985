import Determinism
import HTTPTypes
import Logging
import PrometheusMetrics
import Testing

@testable import PantryHTTP

/// What the server tells of its requests.
@Suite("Server: metrics and spans")
struct ServerObservationTests {
    private func metrics() -> PrometheusMetricsFactory {
        var configuration = PrometheusConfiguration()
        configuration.includesProcess = false
        return PrometheusMetricsFactory(configuration)
    }

    @Test("requests are counted by method, pattern and status; what no route has is one label")
    func counts() async throws {
        let metrics = metrics()
        try await withServer(echoRoutes, observation: ServerObservation(metrics: metrics)) { server in
            let client = try server.client()
            for path in ["/items/1", "/items/2", "/open"] {
                #expect(try await client.exchange(get(path)).status == 200)
            }
            for path in ["/a", "/b", "/c"] { #expect(try await client.exchange(get(path)).status == 404) }
            #expect(try await client.exchange(request("PROPFIND", "/open")).status == 405)
            #expect(try await client.exchange(get("/items/%zz")).status == 400)
            #expect(try await client.exchange(get("/v1/orders/1")).status == 401)
            let page = metrics.exposition()
            for line in [
                #"pantry_http_requests_total{method="GET",route="/items/{sku}",status="200"} 2"#,
                #"pantry_http_requests_total{method="GET",route="/open",status="200"} 1"#,
                #"pantry_http_requests_total{method="GET",route="unmatched",status="404"} 3"#,
                #"pantry_http_requests_total{method="GET",route="unmatched",status="400"} 1"#,
                #"pantry_http_requests_total{method="GET",route="/v1/orders/{id}",status="401"} 1"#,
                #"pantry_http_request_duration_seconds_count{method="GET",route="/items/{sku}"} 2"#,
                "pantry_http_requests_in_flight 0", "pantry_http_connections 1",
            ] {
                #expect(page.contains("\(line)\n"), "\(line)")
            }
            #expect(!page.contains("PROPFIND"), "a method that nobody defined is no label of its own")
        }
    }

    @Test("a request that cannot be read, and one whose client goes away, are counted as well")
    func faults() async throws {
        let metrics = metrics()
        try await withServer(echoRoutes, observation: ServerObservation(metrics: metrics)) { server in
            #expect(try await server.exchange("nonsense\r\n\r\n").status == 400)
            let page = metrics.exposition()
            #expect(page.contains(#"{method="_OTHER",route="unmatched",status="400"} 1"#))
            var client: TestClient? = try server.client()
            let head = [
                "POST /echo HTTP/1.1", "Host: a", "Content-Type: application/json", "Content-Length: 9", "", "x",
            ]
            try await client?.send(head.joined(separator: "\r\n"))
            _ = try await poll("the request") { metrics.exposition().contains("in_flight 1\n") ? true : nil }
            client = nil
            // Whether it counts as gone (499) or as cut short (400) is the parser's to say; it must end and be counted.
            _ = try await poll("its end") { metrics.exposition().contains("in_flight 0\n") ? true : nil }
            // A page is read line by line: one that saw the end last may have looked for its duration before.
            let end = metrics.exposition()
            #expect(end.contains(#"pantry_http_request_duration_seconds_count{method="POST",route="/echo"} 1"#))
        }
    }

    @Test("a span for each request: it hears the headers, handlers run in it, and its traceparent goes on")
    func span() async throws {
        let tracer = RecordingTracer()
        let seen = Box<[String?]>([])
        let route = Route(.get, "/who/{name}", access: .open) { call in
            seen.update { $0 = [call.traceparent, SpanOfTest.name] }
            return .text(.ok, "hello")
        }
        let incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        try await withServer([route], observation: ServerObservation(tracer: tracer)) { server in
            let answer = try await server.exchange(
                get("/who/me", "traceparent: \(incoming)", "tracestate: a=1", "tracestate: b=2", "X-Request-Id: r1"))
            #expect(answer.status == 200 && answer["traceparent"] == nil)
            let line = try await poll("the access log") {
                server.log.entries.first { $0.message == "request" && $0.metadata["requestId"] == "r1" }
            }
            #expect(line.metadata["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736")
            #expect(try await server.exchange(get("/nowhere")).status == 404)
            _ = try await poll("both ends") { tracer.endings.value.count == 2 ? true : nil }
        }
        #expect(seen.value == [RecordingTracer.own, "the span"])
        #expect(tracer.begun.value == [["GET", incoming, "a=1,b=2"], ["GET", nil, nil]])
        let endings = tracer.endings.value
        #expect(endings.map(\.status) == [200, 404])
        #expect(endings.map(\.pattern) == ["/who/{name}", nil], "the path may hold what no log should")
        #expect(endings.allSatisfy { $0.method == "GET" && !$0.isHTTP10 && $0.organization == nil })
    }

    @Test("without a tracer nothing runs in a trace")
    func noTracer() async throws {
        let seen = Box<Bool?>(nil)
        let route = Route(.get, "/who", access: .open) { _ in
            seen.set(SpanOfTest.name == nil)
            return .text(.ok, "hello")
        }
        try await withServer([route]) { server in
            let answer = try await server.exchange(get("/who"))
            #expect(answer.status == 200)
        }
        #expect(seen.value == true)
    }
}

/// Writes down what it hears of requests.
private struct RecordingTracer: RequestTracer {
    static let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    let begun = Box<[[String?]]>([])
    let endings = Box<[RequestEnding]>([])

    func begin(
        _ method: String, traceparent: String?, tracestate: @autoclosure () -> String?
    ) -> any RequestSpan {
        let heard = [method, traceparent, tracestate()]
        begun.update { $0.append(heard) }
        return RecordingSpan(endings: endings)
    }
}

private struct RecordingSpan: RequestSpan {
    let endings: Box<[RequestEnding]>
    var traceparent: String { RecordingTracer.own }
    func run<Value>(
        isolation: isolated (any Actor)?, _ work: () async throws -> Value
    ) async rethrows -> Value { try await SpanOfTest.$name.withValue("the span", operation: work) }
    func end(_ ending: RequestEnding) { endings.update { $0.append(ending) } }
}

private enum SpanOfTest {
    @TaskLocal static var name: String?
}
