import Tracing

/// Where in which trace something happens; it travels in a `ServiceContext`.
///
/// A class, so that a context holds it without a box of its own. What is set when a span is used again is set while
/// nobody else knows the object, so accesses need not be watched for overlaps: that took a twentieth of a span's time.
public class SpanContext: @unchecked Sendable {  // set by whoever alone knows it: its maker, or RecordedSpan's pool
    /// What the next hop is told.
    @exclusivity(unchecked)
    public internal(set) final var traceParent: TraceParent
    /// What other tracing systems pass along.
    @exclusivity(unchecked)
    public internal(set) final var traceState: TraceState?
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
