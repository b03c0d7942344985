import Synchronization
import Tracing

/// A place in a trace whose span is recorded: both are one object, because every recorded span has a place. Once it has
/// ended it waits in the queue as it is, and when it has been sent and nobody knows it any more, it becomes another one
/// (``SpanPool``).
///
/// Of its parent it keeps the id alone, so that a span that is exported late keeps none above it in memory.
final class RecordedSpan: SpanContext, @unchecked Sendable {  // as SpanContext is; the rest is in the mutex
    private struct State {
        var details = SpanDetails()
        /// Where it goes when it ends; nil once it has.
        var queue: SpanQueue?
    }
    /// Where it stands, apart from its context.
    struct Origin {
        /// The span that it is a part of; nil at the root of a trace.
        var parent: SpanID?
        /// Whether that one is another process's.
        var hasRemoteParent = false
        /// On which side of a call it stands.
        var kind = SpanKind.internal
        /// Nanoseconds since 1970.
        var start: UInt64 = 0
    }
    @exclusivity(unchecked)
    private(set) var origin = Origin()
    private let state = Mutex(State())

    init(_ traceParent: TraceParent) { super.init(traceParent, traceState: nil, isRemote: false) }

    /// Begins. Nobody else knows the object yet.
    func begin(
        _ traceParent: TraceParent, _ traceState: TraceState?, _ origin: Origin, _ queue: SpanQueue,
        _ describe: (inout SpanDetails) -> Void
    ) {
        (self.traceParent, self.traceState, self.origin) = (traceParent, traceState, origin)
        state.withLock { state in
            state.queue = queue
            state.details.end = origin.start
            describe(&state.details)
        }
    }

    /// Forgets everything. Nobody else knows the object any more.
    /// - Returns: whether it is worth keeping, and is of a usual size.
    func clear() -> Bool {
        traceState = nil
        return state.withLock { $0.details.clear() }
    }

    var hasEnded: Bool { state.withLock { $0.queue == nil } }

    /// What was recorded; nothing changes it once it has ended.
    var details: SpanDetails { state.withLock { $0.details } }

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
        let queue: SpanQueue? = state.withLock { state in
            guard let queue = state.queue.take() else { return nil }
            body(&state.details)
            state.details.end = max(origin.start, moment)
            return queue
        }
        queue?.append(self)
    }
}
