import Determinism
import Tracing

/// A tracer of swift-distributed-tracing that speaks W3C Trace Context with its neighbors and hands recorded spans to a
/// ``SpanExporter``.
///
/// A span that is not recorded costs its context, and below another such span nothing: it shares that one's context.
public final class OpenTelemetryTracer: Tracer {
    /// What it makes.
    public typealias Span = OpenTelemetrySpan

    private let sampler: SpanSampler
    private let queue: SpanQueue
    private let random: any RandomSource

    /// - Parameter random: where ids come from. They are no secrets; a seeded generator is cheaper than the system's.
    public init(sampler: SpanSampler = .parentBasedAll, exporter: SpanExporter, random: any RandomSource) {
        (self.sampler, self.random) = (sampler, random)
        queue = exporter.queue
    }

    /// A span below the one in `context`, or at the root of a new trace.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> OpenTelemetrySpan {
        let context = context()
        return start(below: context.openTelemetrySpan, in: context, isThere: true, kind, at: instant()) {
            $0.name = operationName
        }
    }

    /// A span below a place that is at hand, such as ``SpanContext/current``, which need not be looked for in any
    /// context.
    /// - Parameters:
    ///   - place: nil begins a trace.
    ///   - describe: says what it is called and what else is known. Not called where it is not recorded.
    public func startSpan(
        below place: SpanContext?, ofKind kind: SpanKind = .internal, _ describe: (inout SpanDetails) -> Void
    ) -> OpenTelemetrySpan {
        start(below: place, in: nil, isThere: false, kind, at: DefaultTracerClock.now, describe)
    }

    /// The span of a request that has been received, below the one that its headers name; without a valid traceparent
    /// it begins a trace. What ``extract(_:into:using:)`` and ``startSpan(_:context:ofKind:at:function:file:line:)`` do
    /// together, without a context in between.
    /// - Parameter tracestate: the values of all such headers, joined by commas.
    public func startServerSpan(
        _ operationName: String, traceparent: String?, tracestate: @autoclosure () -> String?
    ) -> OpenTelemetrySpan {
        let parent = traceparent.flatMap(TraceParent.init).map {
            SpanContext($0, traceState: tracestate().flatMap(TraceState.init), isRemote: true)
        }
        return start(below: parent, in: nil, isThere: false, .server, at: DefaultTracerClock.now) {
            $0.name = operationName
        }
    }

    private func start(
        below parent: SpanContext?, in surroundings: ServiceContext?, isThere: Bool, _ kind: SpanKind,
        at instant: @autoclosure () -> some TracerInstant, _ describe: (inout SpanDetails) -> Void
    ) -> OpenTelemetrySpan {
        let parentIsSampled = parent?.traceParent.isSampled
        if parentIsSampled == false, sampler.asksParent, let parent, !parent.isRemote {
            return OpenTelemetrySpan(unrecorded: parent, in: surroundings, isThere: isThere)
        }
        let trace = parent?.traceParent.traceID ?? newTraceID()
        let records = sampler.records(trace, parentIsSampled: parentIsSampled)
        // Of the flags only `sampled` and level 2's `random` are defined; the others must be sent as zero.
        let flags = (parent?.traceParent.flags ?? 0) & 0b10 | (records ? 1 : 0)
        let traceParent = TraceParent(traceID: trace, spanID: newSpanID(), flags: flags)
        guard records else {
            let own = SpanContext(traceParent, traceState: parent?.traceState, isRemote: false)
            return OpenTelemetrySpan(unrecorded: own, in: surroundings, isThere: false)
        }
        let origin = RecordedSpan.Origin(
            parent: parent?.traceParent.spanID, hasRemoteParent: parent?.isRemote ?? false, kind: kind,
            start: instant().nanosecondsSinceEpoch)
        let recorded = RecordedSpan(traceParent, parent?.traceState, origin, queue, describe)
        return OpenTelemetrySpan(recorded, in: surroundings)
    }

    /// Makes the exporter send what is waiting, without waiting for it.
    public func forceFlush() { queue.wake() }

    private func newTraceID() -> TraceID {
        while true {
            if let id = TraceID(high: random.next(), low: random.next()) { return id }
        }
    }

    private func newSpanID() -> SpanID {
        while true {
            if let id = SpanID(random.next()) { return id }
        }
    }
}

extension OpenTelemetryTracer {
    /// Takes `traceparent` and `tracestate` from a request. Without a valid traceparent there is no parent; an invalid
    /// tracestate alone is left out.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let header = extractor.extract(key: "traceparent", from: carrier), let traceParent = TraceParent(header)
        else { return }
        let traceState = extractor.extract(key: "tracestate", from: carrier).flatMap(TraceState.init)
        context.openTelemetrySpan = SpanContext(traceParent, traceState: traceState, isRemote: true)
    }

    /// Gives `traceparent` and `tracestate` to a request.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.openTelemetrySpan else { return }
        injector.inject(span.traceParent.description, forKey: "traceparent", into: &carrier)
        if let traceState = span.traceState {
            injector.inject(traceState.description, forKey: "tracestate", into: &carrier)
        }
    }
}
