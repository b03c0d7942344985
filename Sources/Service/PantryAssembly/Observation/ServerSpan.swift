import OpenTelemetryTracing
import Tracing

/// The span of a request to the server, with OpenTelemetry's semantic conventions for HTTP.
package struct ServerSpan: Sendable {
    private let span: OpenTelemetrySpan

    /// Begins below the span that the request's headers name, or a trace of its own.
    package init(
        _ tracer: OpenTelemetryTracer, method: String, traceparent: String?, tracestate: @autoclosure () -> String?
    ) {
        span = tracer.startServerSpan(method, traceparent: traceparent, tracestate: tracestate())
    }

    /// Does the request's work inside the span.
    package func run<Value>(
        isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Value
    ) async rethrows -> Value { try await span.run(work) }
    /// What is passed on instead of the client's.
    package var traceparent: String { span.traceParent.description }

    /// - Parameters:
    ///   - pattern: the route's, such as `/v1/orders/{id}`; the path may hold what no log should.
    ///   - organization: whose request it was, as far as that is known.
    package func end(method: String, isHTTP10: Bool, status: Int, pattern: String?, organization: String?) {
        span.end { details in
            details.add("http.request.method", method)
            details.add("url.scheme", "http")
            details.add("network.protocol.version", isHTTP10 ? "1.0" : "1.1")
            details.add("http.response.status_code", status)
            if let pattern {
                details.name = method + " " + pattern
                details.add("http.route", pattern)
            }
            if let organization { details.add("pantry.organization.id", organization) }
            // A refusal is an answer; only what the server got wrong is an error of a server's span.
            if status >= 500 {
                details.add("error.type", String(status))
                details.set(SpanStatus(code: .error))
            }
        }
    }
}
