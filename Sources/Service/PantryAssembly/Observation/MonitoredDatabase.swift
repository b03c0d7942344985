import CoreMetrics
import Determinism
import OpenTelemetryTracing
import Storage
import Tracing

/// Measures and traces the reads of a database. Writes go through the lane, which has an observer of its own.
struct MonitoredDatabase: Database {
    private let database: any Database
    private let (name, system): (String, String)
    private let duration: CoreMetrics.Timer
    private let tracer: OpenTelemetryTracer?
    private let time: any TimeSource

    init(_ database: any Database, _ name: String, _ system: String, _ observation: Observation) {
        (self.database, self.name, self.system) = (database, name, system)
        (tracer, time) = (observation.tracer, observation.time)
        duration = Timer(
            label: "pantry_read_duration", dimensions: [("database", name)], factory: observation.metrics)
    }

    func read(_ statements: [SQLStatement], _ consistency: ReadConsistency) async throws(StorageError) -> ReadResult {
        let began = time.instant()
        defer { duration.recordNanoseconds((time.instant() - began).inNanoseconds) }
        guard let tracer, let context = ServiceContext.current else {
            return try await database.read(statements, consistency)
        }
        let span = tracer.startSpan("SELECT \(name)", context: context, ofKind: .client)
        defer { span.end() }
        if span.isRecording {
            // The text has places for values, never values.
            let what =
                statements.count == 1
                ? KeyValue("db.query.text", .string(statements[0].text))
                : KeyValue("db.operation.batch.size", .int64(Int64(statements.count)))
            span.add([
                KeyValue("db.system.name", .string(system)), KeyValue("db.namespace", .string(name)),
                KeyValue("db.operation.name", "SELECT"),
                what,
            ])
        }
        do { return try await database.read(statements, consistency) } catch {
            span.setStatus(SpanStatus(code: .error))
            throw error
        }
    }

    func write<Value: Sendable>(
        _ body: @Sendable (any Transaction) async throws -> Value
    ) async throws -> Value {
        try await database.write(body)
    }
}
