import Tracing

/// A span of an ``OpenTelemetryTracer``. One that is not recorded holds nothing but its context, and every call on it
/// does nothing.
public struct OpenTelemetrySpan: Span {
    private enum Kind {
        case recorded
        case unrecorded
        /// Not recorded, and the surroundings name this very place already.
        case shared
    }
    /// Where it stands, for spans below it.
    public let place: SpanContext
    /// What it was started in; nil where that is whatever the present task is in when ``context`` is asked for.
    let surroundings: ServiceContext?
    private let kind: Kind

    init(_ recorded: RecordedSpan, in surroundings: ServiceContext?) {
        (place, self.surroundings, kind) = (recorded, surroundings, .recorded)
    }

    /// One that is not recorded.
    /// - Parameter isThere: whether the surroundings name this place already.
    init(unrecorded place: SpanContext, in surroundings: ServiceContext?, isThere: Bool) {
        (self.place, self.surroundings, kind) = (place, surroundings, isThere ? .shared : .unrecorded)
    }

    private var recorder: RecordedSpan? { kind == .recorded ? unsafeDowncast(place, to: RecordedSpan.self) : nil }

    /// The context that work inside the span runs in. It is put together when it is asked for, because many spans have
    /// nothing inside.
    public var context: ServiceContext {
        var context = surroundings ?? ServiceContext.current ?? .topLevel
        if kind == .shared { return context }
        context.openTelemetrySpan = place
        return context
    }

    /// What the next hop is told: this span, in its trace.
    public var traceParent: TraceParent { place.traceParent }

    /// Adds to what is known about the span, in one go and without the dictionary that ``attributes`` goes through. Not
    /// called where nobody will ever see it.
    public func update(_ body: (inout SpanDetails) -> Void) { recorder?.change(body) }

    /// Adds to what is known about the span, and ends it now.
    public func end(_ body: (inout SpanDetails) -> Void) {
        recorder?.end(at: DefaultTracerClock.now.nanosecondsSinceEpoch, body)
    }

    /// Whether anybody will ever see what is set here.
    public var isRecording: Bool { recorder.map { !$0.hasEnded } ?? false }

    /// The span's name; empty when it is not recorded.
    public var operationName: String {
        get { recorder?.read { $0.name } ?? "" }
        nonmutating set { recorder?.change { $0.name = newValue } }
    }

    /// What is known about the span; empty when it is not recorded.
    public var attributes: SpanAttributes {
        get { SpanAttributes(recorder?.read { $0.attributes } ?? AttributeBytes()) }
        nonmutating set {
            guard let recorder else { return }
            let all = AttributeBytes(newValue, limit: SpanDetails.limit)
            recorder.change { $0.set(all, dropped: newValue.count - all.count) }
        }
    }

    /// Whether it went well. A later call wins, but for an error after `ok`, as OpenTelemetry has it.
    public func setStatus(_ status: SpanStatus) { recorder?.change { $0.set(status) } }

    /// Something that happened at one moment.
    public func addEvent(_ event: SpanEvent) { recorder?.change { $0.add(event) } }

    /// An error, as an event called `exception`.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard kind == .recorded else { return }
        var all: SpanAttributes = [
            "exception.type": .string(String(reflecting: type(of: error))),
            "exception.message": .string(String(describing: error)),
        ]
        all.merge(attributes)
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: all))
    }

    /// Another span that this one has to do with, without being a part of it.
    public func addLink(_ link: SpanLink) { recorder?.change { $0.add(link) } }

    /// The end, which counts once; nothing changes the span afterwards.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        recorder?.end(at: instant().nanosecondsSinceEpoch) { _ in }
    }
}
