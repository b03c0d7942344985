import Determinism
import Synchronization

/// What became of a batch that was sent.
public enum SpanDelivery: Sendable, Hashable {
    /// It is where it should be.
    case accepted
    /// Not now; the same batch may be sent again.
    case unavailable(String)
    /// Never; it is dropped.
    case refused(String)
}

/// How a ``SpanExporter`` works. The defaults are those of OpenTelemetry's batch processor, with a longer queue.
public struct SpanExporterConfiguration: Sendable {
    /// The most spans that wait; what is over is dropped and counted.
    public var queueLimit = 8_192
    /// The most spans in one request.
    public var batchLimit = 512
    /// How long a span may wait for its batch to fill.
    public var interval: Duration = .seconds(1)
    /// How long one request may take.
    public var timeout: Duration = .seconds(10)
    /// How often a batch is sent before it is dropped.
    public var attempts = 5
    /// The defaults.
    public init() {}
}

/// Sends finished spans in batches, in the background, as OTLP/JSON.
///
/// Where they go is a closure's matter. Nothing that goes wrong there is felt by those who end spans: a batch that
/// cannot be sent is tried again with growing pauses and then dropped, and so is what does not fit into the queue
/// meanwhile. ``Counts/dropped`` says how much that was.
public final class SpanExporter: Sendable {
    /// What has become of spans.
    public struct Counts: Sendable, Hashable {
        /// Those that arrived.
        public var exported: UInt64 = 0
        /// Those that did not, and never will.
        public var dropped: UInt64 = 0
        /// Those that wait.
        public var waiting = 0
    }
    /// Takes one ExportTraceServiceRequest.
    public typealias Send = @Sendable (_ request: [UInt8]) async -> SpanDelivery

    private struct Batch: Sendable {
        let request: [UInt8]
        let count: Int
        var attempts = 0
        var due: Instant?
    }
    let queue: SpanQueue
    private let configuration: SpanExporterConfiguration
    private let resource: TraceResource
    private let time: any TimeSource
    private let timer: CallTimer
    private let send: Send
    private let report: @Sendable (String) -> Void
    private let exported = Atomic<UInt64>(0)
    /// Taken by nobody but ``run()``.
    private let pending = Mutex<Batch?>(nil)
    private let isFailing = Atomic(false)

    /// - Parameters:
    ///   - report: told once when sending begins to fail and once when it works again, for the log.
    ///   - send: cancelled when it takes too long.
    public init(
        resource: TraceResource, configuration: SpanExporterConfiguration = SpanExporterConfiguration(),
        time: any TimeSource, report: @escaping @Sendable (String) -> Void, send: @escaping Send
    ) {
        (self.resource, self.configuration, self.time) = (resource, configuration, time)
        timer = CallTimer(time: time)
        (self.report, self.send) = (report, send)
        queue = SpanQueue(limit: configuration.queueLimit, batchLimit: configuration.batchLimit)
    }

    /// What has become of spans so far.
    public var counts: Counts {
        Counts(
            exported: exported.load(ordering: .relaxed), dropped: queue.dropped,
            waiting: queue.count + pending.withLock { $0?.count ?? 0 })
    }

    /// Sends until ``stop(within:)``, then what is left, and returns. Cancelling the task stops at once.
    public func run() async {
        await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.work() }
                group.addTask { await self.tick() }
                // Either all is sent, or the time to do so is over.
                await group.next()
                group.cancelAll()
            }
        } onCancel: {
            stop(within: .zero)
        }
        while true {
            let left = queue.take().count
            if left == 0 { break }
            queue.drop(left)
        }
    }

    /// Takes no further span; ``run()`` returns when the rest is sent, or after `duration`.
    public func stop(within duration: Duration) { queue.stop(by: time.instant() + duration) }

    // MARK: The two tasks

    /// Wakes the other one, and ends when the time to stop in has passed.
    private func tick() async {
        let step = min(configuration.interval, .milliseconds(100))
        var next = time.instant() + configuration.interval
        while (try? await time.sleep(for: step)) != nil {
            let now = time.instant()
            if let stopBy = queue.stopBy, stopBy <= now { return }
            if next <= now {
                next = now + configuration.interval
                queue.wake()
            }
        }
    }

    private static let lastPause = Duration.milliseconds(50)

    private func work() async {
        while true {
            await queue.wait()
            let isLast = queue.stopBy != nil
            while await sendOne() {}
            guard isLast || Task.isCancelled else { continue }
            // One refusal, by a connection that was closed while it was idle, say, is no reason to lose all the rest
            // while there is time.
            while pending.withLock({ $0 != nil }), (try? await time.sleep(for: Self.lastPause)) != nil {
                while await sendOne() {}
            }
            if let rest = pending.withLock({ $0.take() }) { queue.drop(rest.count) }
            return
        }
    }

    /// - Returns: whether another batch may be sent now.
    private func sendOne() async -> Bool {
        if Task.isCancelled { return false }
        if pending.withLock({ $0 == nil }) {
            var spans = queue.take()
            if spans.isEmpty { return false }
            let batch = Batch(request: TraceRequest.json(spans, resource), count: spans.count)
            pending.withLock { $0 = batch }
            queue.give(back: &spans)
        }
        guard var batch = pending.withLock({ $0 }) else { return false }
        let stopBy = queue.stopBy
        if stopBy == nil, let due = batch.due, time.instant() < due { return false }
        let deadline = min(time.instant() + configuration.timeout, stopBy ?? Instant(nanoseconds: .max))
        let (send, request) = (send, batch.request)
        switch await timer.run(until: deadline, { await send(request) }) {
        case .finished(.accepted):
            exported.wrappingAdd(UInt64(batch.count), ordering: .relaxed)
            if isFailing.exchange(false, ordering: .relaxed) { report("spans are being sent again") }
            pending.withLock { $0 = nil }
            return true
        case .finished(.refused(let reason)):
            failed(reason)
            drop(batch)
            return true
        case .finished(.unavailable(let reason)): failed(reason)
        case .deadlinePassed: failed("no answer within \(configuration.timeout)")
        }
        batch.attempts += 1
        if batch.attempts >= configuration.attempts {
            drop(batch)
            return true
        }
        batch.due = time.instant() + .seconds(1 << min(batch.attempts - 1, 6))
        pending.withLock { $0 = batch }
        return false
    }

    private func drop(_ batch: Batch) {
        pending.withLock { $0 = nil }
        queue.drop(batch.count)
    }

    private func failed(_ reason: String) {
        if !isFailing.exchange(true, ordering: .relaxed) { report("spans cannot be sent: \(reason)") }
    }
}
