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

    func read(
        _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
    ) async throws(StorageError) -> ReadResult {
        let began = time.instant()
        defer { duration.recordNanoseconds((time.instant() - began).inNanoseconds) }
        guard let tracer, let place = SpanContext.current else {
            return try await database.read(statements, consistency, for: organization)
        }
        let span = tracer.startSpan(below: place, ofKind: .client) { details in
            details.name = "SELECT " + name
            details.add("db.system.name", system)
            details.add("db.namespace", name)
            details.add("db.operation.name", "SELECT")
            if statements.count == 1 {
                // The text has places for values, never values.
                details.add("db.query.text", statements[0].text)
            } else {
                details.add("db.operation.batch.size", statements.count)
            }
        }
        defer { span.end() }
        do { return try await database.read(statements, consistency, for: organization) } catch {
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
