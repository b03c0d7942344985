import Synchronization
import Tracing

/// A place in a trace whose span is recorded: both are one object, because every recorded span has a place.
///
/// It lives and dies where its request does. What is known of it when it ends is copied into the queue's ``SpanBatch``,
/// and of its parent it keeps the id alone: no span that waits to be sent keeps another one in memory.
final class RecordedSpan: SpanContext, @unchecked Sendable {  // as SpanContext is
    private struct State {
        var details: SpanDetails
        /// Where it goes when it ends; nil once it has.
        var queue: SpanQueue?
    }
    /// Where it stands, apart from its context.
    struct Origin: Sendable {
        /// The span that it is a part of; nil at the root of a trace.
        var parent: SpanID?
        /// Whether that one is another process's.
        var hasRemoteParent = false
        /// On which side of a call it stands.
        var kind = SpanKind.internal
        /// Nanoseconds since 1970.
        var start: UInt64 = 0
    }
    private let origin: Origin
    private let state: Mutex<State>

    init(
        _ traceParent: TraceParent, _ traceState: TraceState?, _ origin: Origin, _ queue: SpanQueue,
        _ describe: (inout SpanDetails) -> Void
    ) {
        self.origin = origin
        var details = SpanDetails()
        describe(&details)
        state = Mutex(State(details: details, queue: queue))
        super.init(traceParent, traceState: traceState, isRemote: false)
    }

    var hasEnded: Bool { state.withLock { $0.queue == nil } }

    /// - Returns: nil once the span has ended.
    func read<Value: Sendable>(_ body: (SpanDetails) -> Value) -> Value? {
        state.withLock { $0.queue == nil ? nil : body($0.details) }
    }

    func change(_ body: (inout SpanDetails) -> Void) {
        state.withLock { state in
            if state.queue != nil { body(&state.details) }
        }
    }

    func end(at moment: UInt64, _ body: (inout SpanDetails) -> Void) {
        state.withLock { state in
            guard let queue = state.queue.take() else { return }
            body(&state.details)
            queue.append(self, origin, end: max(origin.start, moment), state.details)
            state.details = SpanDetails()
        }
    }
}
