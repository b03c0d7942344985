import CoreMetrics

/// Where the server's metrics and spans go. Both are optional, and what is not there costs nothing.
package struct ServerObservation: Sendable {
    package var metrics: (any MetricsFactory)?
    package var tracer: (any RequestTracer)?

    package init(metrics: (any MetricsFactory)? = nil, tracer: (any RequestTracer)? = nil) {
        (self.metrics, self.tracer) = (metrics, tracer)
    }

    package static let none = ServerObservation()
}
