import Determinism
import DeterminismTestKit
import OpenTelemetryTracing
import Storage
import StrictJSON
import Testing

@testable import PantryAssembly

/// What traces say of reads.
@Suite("Read spans", .timeLimit(.minutes(1)))
struct ReadSpanTests {
    /// A database that finds nothing, or fails.
    private struct Empty: Database {
        var failure: StorageError?
        /// Whose reads came here.
        let organizations = Notes<Int64?>()
        func read(
            _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
        ) async throws(StorageError) -> ReadResult {
            organizations.note(organization)
            if let failure { throw failure }
            return ReadResult(rows: statements.map { _ in [] }, servedBy: "shard-0/primary")
        }
        func write<Value: Sendable>(_ body: @Sendable (any Transaction) async throws -> Value) async throws -> Value {
            throw StorageError.unavailable("read only")
        }
    }

    /// The spans of what `body` reads within a request of a trace.
    private func spans(
        _ empty: Empty = Empty(), flags: String = "01", _ body: (MonitoredDatabase) async throws -> Void
    ) async throws -> [JSONObject] {
        let exported = ExportedSpans()
        let observation = try exported.observation()
        let request = ServerSpan(
            try #require(observation.tracer), method: "GET",
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\(flags)", tracestate: nil)
        let database = MonitoredDatabase(empty, "shard-0", "sqlite", observation)
        try await observation.whileExporting(grace: .seconds(10)) {
            try await request.run { try await body(database) }
        }
        let spans = try exported.all()
        for span in spans {
            #expect(span["name"]?.string == "SELECT shard-0" && span["kind"]?.integer == 3)
            #expect(span["traceId"]?.string == "4bf92f3577b34da6a3ce929d0e0e4736")
            #expect(request.traceparent.contains(span["parentSpanId"]?.string ?? "none"))
        }
        return spans
    }

    @Test("one statement is told by its text, without its values; several by their number")
    func statements() async throws {
        let one = SQLStatement("SELECT units FROM stock WHERE sku = $1", [.text("secret")])
        let spans = try await spans { database in
            _ = try await database.read([one], .strong)
            _ = try await database.read([one, one], .strong)
        }
        try #require(spans.count == 2)
        #expect(
            attributes(spans[0]) == [
                "db.system.name": "sqlite", "db.namespace": "shard-0", "db.operation.name": "SELECT",
                "db.query.text": "SELECT units FROM stock WHERE sku = $1",
            ])
        #expect(attributes(spans[1])["db.operation.batch.size"] == "2")
        #expect(attributes(spans[1])["db.query.text"] == nil)
    }

    @Test("a read that fails is an error, and fails for its caller")
    func failures() async throws {
        let spans = try await spans(Empty(failure: .unavailable("gone"))) { database in
            await #expect(throws: StorageError.unavailable("gone")) {
                try await database.read([SQLStatement("SELECT 1", [])], .strong)
            }
        }
        #expect(spans.count == 1 && spans[0]["status"]?.object?["code"]?.integer == 2)
    }

    @Test("a trace that is not sampled has none")
    func unsampled() async throws {
        #expect(try await spans(flags: "00") { _ = try await $0.read([SQLStatement("SELECT 1", [])], .strong) } == [])
    }

    @Test("whose read it is, is handed on, traced or not")
    func organizations() async throws {
        for flags in ["00", "01"] {
            let empty = Empty()
            _ = try await spans(empty, flags: flags) { database in
                _ = try await database.read([SQLStatement("SELECT 1", [])], .strong, for: 7)
                _ = try await database.read([SQLStatement("SELECT 1", [])], .strong)
                // A task of its own has no part in the request's trace.
                try await Task.detached {
                    _ = try await database.read([SQLStatement("SELECT 1", [])], .strong, for: 8)
                }.value
            }
            #expect(empty.organizations.all == [7, nil, 8])
        }
    }
}
