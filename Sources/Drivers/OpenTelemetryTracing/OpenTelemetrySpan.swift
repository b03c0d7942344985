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

/// The recorded side of a span. Once that has ended it waits in the queue as it is, because a span is large to copy.
final class SpanRecorder: Sendable {
    private struct State {
        var span: FinishedSpan
        /// Where it goes when it ends; nil once it has.
        var queue: SpanQueue?
    }
    private let state: Mutex<State>

    init(_ span: FinishedSpan, _ queue: SpanQueue) { state = Mutex(State(span: span, queue: queue)) }

    var hasEnded: Bool { state.withLock { $0.queue == nil } }

    /// What was recorded; nothing changes it once it has ended.
    var span: FinishedSpan { state.withLock { $0.span } }

    /// - Returns: nil once the span has ended.
    func read<Value: Sendable>(_ body: (FinishedSpan) -> Value) -> Value? {
        state.withLock { $0.queue == nil ? nil : body($0.span) }
    }

    func change(_ body: (inout FinishedSpan) -> Void) {
        state.withLock { state in
            if state.queue != nil { body(&state.span) }
        }
    }

    func end(at moment: UInt64) {
        let queue: SpanQueue? = state.withLock { state in
            guard let queue = state.queue.take() else { return nil }
            state.span.end = max(state.span.start, moment)
            return queue
        }
        queue?.append(self)
    }
}
