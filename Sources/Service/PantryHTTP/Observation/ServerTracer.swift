import HTTPTypes
import Tracing

/// Makes a server span for each request, below the span that its client names, with OpenTelemetry's semantic
/// conventions. The path is left out on purpose: it may hold what no log should.
struct ServerTracer: Sendable {
    private let tracer: any Tracer

    init(_ tracer: any Tracer) { self.tracer = tracer }

    /// The span of one request, and what is to be passed on instead of its client's `traceparent`.
    func begin(_ head: RequestHead) -> (span: any Span, traceparent: String?) {
        var context = ServiceContext.topLevel
        tracer.extract(head, into: &context, using: HeadExtractor())
        let span = tracer.startSpan(head.method.rawValue, context: context, ofKind: .server)
        var carrier: String?
        tracer.inject(span.context, into: &carrier, using: TraceparentInjector())
        return (span, carrier)
    }

    static func end(_ span: any Span, _ head: RequestHead, pattern: String?, status: Int, organization: String?) {
        guard span.isRecording else { return span.end() }
        var attributes: SpanAttributes = [
            "http.request.method": .string(head.method.rawValue), "url.scheme": "http",
            "network.protocol.version": head.isHTTP10 ? "1.0" : "1.1",
            "http.response.status_code": .int64(Int64(status)),
        ]
        if let pattern {
            span.operationName = "\(head.method.rawValue) \(pattern)"
            attributes["http.route"] = pattern
        }
        if let organization { attributes["pantry.organization.id"] = organization }
        // A refusal is an answer; only what the server got wrong is an error of a server's span.
        if status >= 500 {
            attributes["error.type"] = String(status)
            span.setStatus(SpanStatus(code: .error))
        }
        span.attributes = attributes
        span.end()
    }
}

/// Where a request's head has its trace context.
private struct HeadExtractor: Extractor {
    func extract(key: String, from head: RequestHead) -> String? {
        switch key {
        case "traceparent": return head.traceparent
        default:
            guard let name = HTTPField.Name(key) else { return nil }
            let values = head.fields[values: name]
            return values.isEmpty ? nil : values.joined(separator: ",")
        }
    }
}

/// Keeps the `traceparent` only.
private struct TraceparentInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout String?) {
        if key == "traceparent" { carrier = value }
    }
}
