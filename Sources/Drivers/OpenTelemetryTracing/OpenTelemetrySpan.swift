import Synchronization
import Tracing

/// A span of an ``OpenTelemetryTracer``. One that is not recorded holds nothing but its context, and every call on it
/// does nothing.
public struct OpenTelemetrySpan: Span {
    /// Where it stands.
    let own: SpanContext
    /// What it was started in.
    let surroundings: ServiceContext
    /// Whether the surroundings name this very place already.
    private let isShared: Bool
    private let recorder: SpanRecorder?

    init(_ own: SpanContext, in surroundings: ServiceContext, isShared: Bool = false, _ recorder: SpanRecorder?) {
        (self.own, self.surroundings, self.isShared, self.recorder) = (own, surroundings, isShared, recorder)
    }

    /// The context that work inside the span runs in. It is put together when it is asked for, because many spans have
    /// nothing inside.
    public var context: ServiceContext {
        if isShared { return surroundings }
        var context = surroundings
        context.openTelemetrySpan = own
        return context
    }

    /// Adds to what is known about the span, without the dictionary that ``attributes`` goes through.
    public func add(_ attributes: [(key: String, value: SpanAttribute)]) { recorder?.change { $0.add(attributes) } }

    /// Whether anybody will ever see what is set here.
    public var isRecording: Bool { recorder.map { !$0.hasEnded } ?? false }

    /// The span's name; empty when it is not recorded.
    public var operationName: String {
        get { recorder?.read { $0.name } ?? "" }
        nonmutating set { recorder?.change { $0.name = newValue } }
    }

    /// What is known about the span; empty when it is not recorded.
    public var attributes: SpanAttributes {
        get {
            let all = recorder?.read { $0.attributes } ?? []
            return SpanAttributes(Dictionary(all.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }))
        }
        nonmutating set {
            recorder?.change { span in
                (span.attributes, span.droppedAttributes) = ([], 0)
                var all: [(key: String, value: SpanAttribute)] = []
                all.reserveCapacity(newValue.count)
                newValue.forEach { all.append(($0, $1)) }
                span.add(all)
            }
        }
    }

    /// Whether it went well. A later call wins, but for an error after `ok`, as OpenTelemetry has it.
    public func setStatus(_ status: SpanStatus) {
        recorder?.change { span in
            if span.status?.code != .ok { span.status = status }
        }
    }

    /// Something that happened at one moment.
    public func addEvent(_ event: SpanEvent) {
        recorder?.change { span in
            if span.events.count < FinishedSpan.limit { span.events.append(event) } else { span.droppedEvents += 1 }
        }
    }

    /// An error, as an event called `exception`.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard recorder != nil else { return }
        var all: SpanAttributes = [
            "exception.type": .string(String(reflecting: type(of: error))),
            "exception.message": .string(String(describing: error)),
        ]
        all.merge(attributes)
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: all))
    }

    /// Another span that this one has to do with, without being a part of it.
    public func addLink(_ link: SpanLink) {
        recorder?.change { span in
            if span.links.count < FinishedSpan.limit { span.links.append(link) } else { span.droppedLinks += 1 }
        }
    }

    /// The end, which counts once; nothing changes the span afterwards.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        recorder?.end(at: instant().nanosecondsSinceEpoch)
    }
}

extension FinishedSpan {
    fileprivate mutating func add(_ more: [(key: String, value: SpanAttribute)]) {
        if attributes.isEmpty, more.count <= Self.limit {
            attributes = more
        } else {
            let room = max(Self.limit - attributes.count, 0)
            attributes += more.prefix(room)
            droppedAttributes += max(more.count - room, 0)
        }
    }
}

/// The recorded side of a span, until it ends.
final class SpanRecorder: Sendable {
    private let span: Mutex<FinishedSpan?>
    private let queue: SpanQueue

    init(_ span: FinishedSpan, _ queue: SpanQueue) {
        self.span = Mutex(span)
        self.queue = queue
    }

    var hasEnded: Bool { span.withLock { $0 == nil } }

    func read<Value: Sendable>(_ body: (FinishedSpan) -> Value) -> Value? { span.withLock { $0.map(body) } }

    func change(_ body: (inout FinishedSpan) -> Void) {
        span.withLock { span in
            if span != nil { body(&span!) }
        }
    }

    func end(at moment: UInt64) {
        let ended: FinishedSpan? = span.withLock { span in
            guard var ended = span.take() else { return nil }
            ended.end = max(ended.start, moment)
            return ended
        }
        if let ended { queue.append(ended) }
    }
}
