import Tracing

/// Where in which trace something happens; it travels in a `ServiceContext`.
///
/// A class, so that a context holds it without a box of its own.
public class SpanContext: @unchecked Sendable {  // what it holds never changes; RecordedSpan's rest is in its mutex
    /// What the next hop is told.
    public final let traceParent: TraceParent
    /// What other tracing systems pass along.
    public final let traceState: TraceState?
    /// Whether it came from another process.
    public final let isRemote: Bool

    init(_ traceParent: TraceParent, traceState: TraceState?, isRemote: Bool) {
        (self.traceParent, self.traceState, self.isRemote) = (traceParent, traceState, isRemote)
    }

    enum Key: ServiceContextKey {
        typealias Value = SpanContext
        static var nameOverride: String? { "open-telemetry-span" }
    }
}

extension ServiceContext {
    /// The span that this context belongs to; nil outside of any trace.
    public internal(set) var openTelemetrySpan: SpanContext? {
        get { self[SpanContext.Key.self] }
        set { self[SpanContext.Key.self] = newValue }
    }
}
