/// What the server needs of tracing: a span for each request.
///
/// Not swift-distributed-tracing's `Tracer`: headers travel there through a context and attributes through a
/// dictionary, which are made for each request and thrown away.
package protocol RequestTracer: Sendable {
    /// Begins the span of a request, below the one that its headers name, or a trace of its own.
    /// - Parameters:
    ///   - traceparent: as the client sent it, valid or not.
    ///   - tracestate: the values of all such headers, joined by commas.
    func begin(_ method: String, traceparent: String?, tracestate: @autoclosure () -> String?) -> any RequestSpan
}

/// The span of one request.
package protocol RequestSpan: Sendable {
    /// Does the request's work inside the span.
    func run<Value>(
        isolation: isolated (any Actor)?, _ work: () async throws -> Value
    ) async rethrows -> Value
    /// The `traceparent` that is passed on instead of the client's.
    var traceparent: String { get }
    /// Ends the span, and says how it went.
    func end(_ ending: RequestEnding)
}

/// How a request went. The path is left out on purpose: it may hold what no log should.
package struct RequestEnding: Sendable {
    /// Such as `POST`.
    package let method: String
    /// Whether it was HTTP/1.0, and not 1.1.
    package let isHTTP10: Bool
    /// 499 if the client had gone.
    package let status: Int
    /// The route's pattern, such as `/v1/orders/{id}`; nil where no route was found.
    package let pattern: String?
    /// Whose request it was; nil where nobody was known.
    package let organization: String?
}
