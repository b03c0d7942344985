import CoreMetrics
import Determinism
import Logging
import OpenTelemetryTracing
import PrometheusMetrics
import Storage

/// Everything by which Pantry is seen from outside: its metrics, and its spans where the environment says where they
/// go.
package struct Observation: Sendable {
    package let metrics: PrometheusMetricsFactory
    /// nil where nothing is traced.
    package let tracer: OpenTelemetryTracer?
    private let exporter: SpanExporter?
    let time: any TimeSource
    private let began: Instant

    /// The command has the HTTP client.
    let post: HTTPPost

    /// - Throws: ``AssemblyError`` when the file for spans cannot be opened.
    package init(
        _ tracing: TracingSettings?, version: String, time: any TimeSource, random: any RandomSource, logger: Logger,
        post: @escaping HTTPPost
    ) throws(AssemblyError) {
        var configuration = PrometheusConfiguration()
        configuration.descriptions = MetricDescriptions.all
        let metrics = PrometheusMetricsFactory(configuration)
        (self.metrics, self.time, began, self.post) = (metrics, time, time.instant(), post)
        metrics.addGauge(label: "pantry_build_info", dimensions: [("version", version)]) { 1 }
        guard let tracing else {
            (tracer, exporter) = (nil, nil)
            return
        }
        let send: SpanExporter.Send
        switch tracing.destination {
        case .file(let path):
            let file: TraceFile
            do { file = try TraceFile(path: path) } catch {
                throw AssemblyError("\(KnownVariables.traceFile): \(error.description)")
            }
            send = { file.append($0) }
        case .endpoint(let url, let headers):
            let type = (name: "Content-Type", value: "application/json")
            send = { SpanDelivery(await post(url, [type] + headers, $0)) }
        }
        var attributes = tracing.resourceAttributes
        attributes["service.version"] = attributes["service.version"] ?? version
        let exporter = SpanExporter(
            resource: TraceResource(attributes: attributes, scope: "pantry", scopeVersion: version), time: time,
            report: { logger.warning("tracing: \($0)") }, send: send)
        self.exporter = exporter
        // Ids are no secrets, and the system's generator is a system call for each.
        let ids = SeededRandom(seed: random.next())
        tracer = OpenTelemetryTracer(sampler: tracing.sampler, exporter: exporter, random: ids)
        for (state, count): (String, @Sendable (SpanExporter.Counts) -> Double) in [
            ("exported", { Double($0.exported) }), ("dropped", { Double($0.dropped) }),
            ("waiting", { Double($0.waiting) }),
        ] {
            metrics.addGauge(label: "pantry_trace_spans", dimensions: [("state", state)]) { count(exporter.counts) }
        }
    }

    /// The page of `/metrics`.
    package func page(accept: String) -> (text: String, contentType: String) {
        let format = ExpositionFormat(accept: accept)
        return (metrics.exposition(format), format.contentType)
    }

    /// Publishes whether the server is ready, and how long it took.
    /// - Returns: to be called once it is.
    package func readiness(_ isReady: @escaping @Sendable () -> Bool) -> @Sendable () -> Void {
        metrics.addGauge(label: "pantry_ready") { isReady() ? 1 : 0 }
        let startUp = Meter(label: "pantry_start_up_seconds", factory: metrics)
        startUp.set(0)
        return { [time, began] in startUp.set(Double((time.instant() - began).inNanoseconds) / 1e9) }
    }

    /// Publishes what is counted elsewhere, and never falls.
    package func publish(count label: String, _ read: @escaping @Sendable () -> Int) {
        metrics.addCounter(label: label) { UInt64(max(read(), 0)) }
    }

    /// Sends spans while `body` runs, and what is left of them within `grace` afterwards.
    package func whileExporting(grace: Duration, _ body: () async throws -> Void) async throws {
        guard let exporter else { return try await body() }
        // Also where the body fails: those are the spans that somebody will look for.
        let outcome: Result<Void, any Error> = await withTaskGroup(of: Void.self) { group in
            group.addTask { await exporter.run() }
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            exporter.stop(within: grace)
            await group.waitForAll()
            return outcome
        }
        try outcome.get()
    }
}

extension SpanDelivery {
    fileprivate init(_ outcome: PostOutcome) {
        switch outcome {
        case .accepted: self = .accepted
        case .unavailable(let reason): self = .unavailable(reason)
        case .refused(let reason, _): self = .refused(reason)
        }
    }
}

extension Observation {
    /// Hears how long each commit of a database takes.
    func commitDurationObserver(_ database: String) -> @Sendable (Duration) -> Void {
        let timer = Timer(label: "pantry_commit_duration", dimensions: [("database", database)], factory: metrics)
        return { timer.recordNanoseconds($0.inNanoseconds) }
    }
}
