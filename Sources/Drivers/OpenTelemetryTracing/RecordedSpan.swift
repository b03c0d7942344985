import Synchronization
import Tracing

/// A place in a trace whose span is recorded: both are one object, because every recorded span has a place. Once it has
/// ended it waits in the queue as it is.
///
/// Of its parent it keeps the id alone, so that a span that is exported late keeps none above it in memory.
final class RecordedSpan: SpanContext, @unchecked Sendable {  // what changes is in the mutex
    private struct State {
        var details: SpanDetails
        /// Where it goes when it ends; nil once it has.
        var queue: SpanQueue?
    }
    /// The span that it is a part of; nil at the root of a trace.
    let parent: SpanID?
    /// Whether that one is another process's.
    let hasRemoteParent: Bool
    /// On which side of a call it stands.
    let kind: SpanKind
    /// Nanoseconds since 1970.
    let start: UInt64
    private let state: Mutex<State>

    init(
        _ traceParent: TraceParent, below parent: SpanContext?, name: String, kind: SpanKind, start: UInt64,
        _ queue: SpanQueue
    ) {
        (self.parent, hasRemoteParent) = (parent?.traceParent.spanID, parent?.isRemote ?? false)
        (self.kind, self.start) = (kind, start)
        state = Mutex(State(details: SpanDetails(name: name, start: start), queue: queue))
        super.init(traceParent, traceState: parent?.traceState, isRemote: false)
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

    func end(at moment: UInt64) {
        let queue: SpanQueue? = state.withLock { state in
            guard let queue = state.queue.take() else { return nil }
            state.details.end = max(start, moment)
            return queue
        }
        queue?.append(self)
    }
}
