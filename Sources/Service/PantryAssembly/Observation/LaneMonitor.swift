import CoreMetrics
import Determinism
import OpenTelemetryTracing
import Storage
import Synchronization
import Tracing

/// Measures one database's write lane, and traces the commands that come out of a trace.
final class LaneMonitor: LaneObserver {
    private final class Command: Sendable {
        let queued: Instant
        let span: OpenTelemetrySpan?
        init(queued: Instant, span: OpenTelemetrySpan?) { (self.queued, self.span) = (queued, span) }
    }
    private final class Batch: Sendable {
        let began: Instant
        /// Of a batch of several commands.
        let span: OpenTelemetrySpan?
        /// The command that is alone in its batch: its span tells of the batch as well.
        let lone: Command?
        let totals = Mutex(BatchReport(commands: 0, loads: 0, trips: 0, rows: 0, hasFailed: false))
        init(began: Instant, span: OpenTelemetrySpan?, lone: Command? = nil) {
            (self.began, self.span, self.lone) = (began, span, lone)
        }
    }

    private let (database, system): (String, String)
    private let batchName: String
    private let time: any TimeSource
    private let tracer: OpenTelemetryTracer?
    private let failures: CounterFamily<String>
    private let batchSize: Recorder
    private let queueWait: CoreMetrics.Timer
    private let batchDuration: CoreMetrics.Timer
    private let rows: Counter
    private let names = Mutex<[ObjectIdentifier: String]>([:])

    init(_ database: String, _ system: String, _ observation: Observation) {
        (self.database, self.system, batchName) = (database, system, "BATCH \(database)")
        (time, tracer) = (observation.time, observation.tracer)
        let (metrics, dimensions) = (observation.metrics, [("database", database)])
        failures = CounterFamily("pantry_lane_failures", metrics) { [("database", database), ("reason", $0)] }
        batchSize = Recorder(label: "pantry_lane_batch_commands", dimensions: dimensions, factory: metrics)
        queueWait = Timer(label: "pantry_lane_queue_wait", dimensions: dimensions, factory: metrics)
        batchDuration = Timer(label: "pantry_lane_batch_duration", dimensions: dimensions, factory: metrics)
        rows = Counter(label: "pantry_lane_rows", dimensions: dimensions, factory: metrics)
    }

    func commandQueued(_ command: Any.Type) -> Mark? {
        let queued = time.instant()
        guard let tracer, let place = SpanContext.current else { return Command(queued: queued, span: nil) }
        let span = tracer.startSpan(below: place, ofKind: .client) { details in
            details.name = name(of: command)
            details.add("db.namespace", database)
        }
        return Command(queued: queued, span: span.isRecording ? span : nil)
    }

    func commandEnded(_ mark: Mark, _ failure: LaneFailure?) {
        if let failure { failures.increment(failure.reason) }
        guard let span = (mark as? Command)?.span else { return }
        span.end { details in
            if let failure { details.set(SpanStatus(code: .error, message: failure.reason)) }
        }
    }

    func batchBegan(_ commands: [Mark?]) -> Mark? {
        let now = time.instant()
        batchSize.record(commands.count)
        if commands.count == 1, let command = commands[0] as? Command {
            queueWait.recordNanoseconds((now - command.queued).inNanoseconds)
            return Batch(began: now, span: nil, lone: command.span == nil ? nil : command)
        }
        var span: OpenTelemetrySpan?
        for case let command as Command in commands {
            queueWait.recordNanoseconds((now - command.queued).inNanoseconds)
            guard let tracer, let caller = command.span else { continue }
            // Below the first one, so that each trace is a tree; the others are told by links, and when it began.
            if let span {
                span.update { $0.add(SpanLink(context: caller.context, attributes: [:])) }
                caller.update { $0.add(SpanEvent(name: "batch began")) }
            } else {
                span = tracer.startSpan(below: caller.place, ofKind: .client) { $0.name = batchName }
            }
        }
        return Batch(began: now, span: span)
    }

    func batchSettled(_ mark: Mark, _ report: BatchReport) {
        guard let batch = mark as? Batch else { return }
        if !report.hasFailed { rows.increment(by: report.rows) }
        if let lone = batch.lone {
            // Put off, it comes again.
            if report.commands == 0 { return }
            // Before it is told what became of it, and ends its span.
            lone.span?.update { details in
                describe(report, in: &details)
                details.add("pantry.queue.wait_us", Int((batch.began - lone.queued).inNanoseconds / 1_000))
            }
            return
        }
        guard batch.span != nil else { return }
        batch.totals.withLock { totals in
            totals.commands += report.commands
            totals.loads += report.loads
            totals.trips += report.trips
            totals.rows += report.rows
            if report.hasFailed { totals.hasFailed = true }
        }
    }

    func batchEnded(_ mark: Mark) {
        guard let batch = mark as? Batch else { return }
        batchDuration.recordNanoseconds((time.instant() - batch.began).inNanoseconds)
        guard let span = batch.span else { return }
        let totals = batch.totals.withLock { $0 }
        span.end { details in
            details.add("db.namespace", database)
            describe(totals, in: &details)
            if totals.hasFailed { details.set(SpanStatus(code: .error)) }
        }
    }

    private func describe(_ report: BatchReport, in details: inout SpanDetails) {
        details.add("db.system.name", system)
        details.add("db.operation.name", "BATCH")
        details.add("db.operation.batch.size", report.loads + report.rows)
        details.add("pantry.batch.commands", report.commands)
        details.add("pantry.batch.loads", report.loads)
        details.add("pantry.batch.trips", report.trips)
        details.add("pantry.batch.rows", report.rows)
    }

    /// What a command's span is called. A type's name is dear to ask for.
    private func name(of type: Any.Type) -> String {
        names.withLock { names in
            if let name = names[ObjectIdentifier(type)] { return name }
            let name = "lane \(type)"
            names[ObjectIdentifier(type)] = name
            return name
        }
    }
}

extension LaneFailure {
    /// A word for a label, without what went wrong in particular.
    var reason: String {
        switch self {
        case .overloaded: "overloaded"
        case .expired: "expired"
        case .fenced: "fenced"
        case .conflict: "conflict"
        case .unavailable: "unavailable"
        case .unknown: "unknown"
        }
    }
}
