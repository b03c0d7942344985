import Determinism
import Storage
import StrictJSON
import Testing

@testable import PantryAssembly

/// What traces say of the write lane.
@Suite("Lane spans", .timeLimit(.minutes(1)))
struct LaneSpanTests {
    private struct Place {}
    private struct Confirm {}

    /// The spans of what a lane tells its monitor within a request of a trace.
    private func spans(_ body: (LaneMonitor) throws -> Void) async throws -> [JSONObject] {
        let exported = ExportedSpans()
        let observation = try exported.observation()
        let request = ServerSpan(
            try #require(observation.tracer), method: "POST",
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: nil)
        let monitor = LaneMonitor("shard-0", "sqlite", observation)
        try await observation.whileExporting(grace: .seconds(10)) {
            try await request.run { try body(monitor) }
        }
        return try exported.all()
    }

    @Test("a command that is alone in its batch tells of it")
    func lone() async throws {
        let spans = try await spans { monitor in
            let command = try #require(monitor.commandQueued(Place.self))
            // Somebody else holds its row: it is put off, and comes again.
            let first = try #require(monitor.batchBegan([command]))
            monitor.batchSettled(first, BatchReport(commands: 0, loads: 9, trips: 1, rows: 0, hasFailed: false))
            monitor.batchEnded(first)
            let batch = try #require(monitor.batchBegan([command]))
            monitor.batchSettled(batch, BatchReport(commands: 1, loads: 9, trips: 1, rows: 13, hasFailed: false))
            monitor.commandEnded(command, nil)
            monitor.batchEnded(batch)
        }
        try #require(spans.count == 1)
        #expect(spans[0]["name"]?.string == "lane Place" && spans[0]["kind"]?.integer == 3)
        var attributes = attributes(spans[0])
        #expect(attributes.removeValue(forKey: "pantry.queue.wait_us") != nil)
        #expect(
            attributes == [
                "db.system.name": "sqlite", "db.namespace": "shard-0", "db.operation.name": "BATCH",
                "db.operation.batch.size": "22", "pantry.batch.commands": "1", "pantry.batch.loads": "9",
                "pantry.batch.trips": "1", "pantry.batch.rows": "13",
            ])
    }

    @Test("a batch of several is below the first of them that is traced, and linked to the others")
    func several() async throws {
        let spans = try await spans { monitor in
            let (first, second) = (monitor.commandQueued(Place.self), monitor.commandQueued(Confirm.self))
            let batch = try #require(monitor.batchBegan([nil, first, second]))
            // It failed, and each was tried by itself.
            for failed in [false, true, false] {
                monitor.batchSettled(batch, BatchReport(commands: 1, loads: 2, trips: 1, rows: 3, hasFailed: failed))
            }
            monitor.commandEnded(try #require(first), nil)
            monitor.commandEnded(try #require(second), .conflict("somebody was faster"))
            monitor.batchEnded(batch)
        }
        func named(_ name: String) throws -> JSONObject { try #require(spans.first { $0["name"]?.string == name }) }
        let (place, confirm, batch) = (try named("lane Place"), try named("lane Confirm"), try named("BATCH shard-0"))
        #expect(batch["parentSpanId"]?.string == place["spanId"]?.string)
        #expect(batch["links"]?.array?.map { $0.object?["spanId"]?.string } == [confirm["spanId"]?.string])
        #expect(attributes(batch)["pantry.batch.commands"] == "3" && attributes(batch)["pantry.batch.rows"] == "9")
        #expect(batch["status"]?.object?["code"]?.integer == 2)
        #expect(confirm["status"]?.object?["message"]?.string == "conflict")
        #expect(attributes(place)["pantry.batch.commands"] == nil)
    }

    @Test("a batch that is refused says so on its command's span")
    func refused() async throws {
        let spans = try await spans { monitor in
            let command = try #require(monitor.commandQueued(Place.self))
            let batch = try #require(monitor.batchBegan([command]))
            monitor.batchSettled(batch, BatchReport(commands: 1, loads: 1, trips: 1, rows: 0, hasFailed: true))
            monitor.commandEnded(command, .unavailable("gone"))
            monitor.batchEnded(batch)
        }
        try #require(spans.count == 1)
        #expect(spans[0]["status"]?.object?["code"]?.integer == 2)
        #expect(attributes(spans[0])["pantry.batch.trips"] == "1")
    }
}
