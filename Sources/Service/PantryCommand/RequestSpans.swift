import PantryAssembly
import PantryHTTP
import Tracing

/// Gives the server the spans of its requests, where there is a tracer.
struct RequestSpans: RequestTracer {
    private let begin: @Sendable (_ method: String, _ traceparent: String?, () -> String?) -> ServerSpan

    init?(_ observation: Observation) {
        guard let tracer = observation.tracer else { return nil }
        begin = { ServerSpan(tracer, method: $0, traceparent: $1, tracestate: $2()) }
    }

    func begin(
        _ method: String, traceparent: String?, tracestate: @autoclosure () -> String?
    ) -> any RequestSpan { begin(method, traceparent, tracestate) }
}

extension ServerSpan: RequestSpan {
    package func end(_ ending: RequestEnding) {
        end(
            method: ending.method, isHTTP10: ending.isHTTP10, status: ending.status, pattern: ending.pattern,
            organization: ending.organization)
    }
}
