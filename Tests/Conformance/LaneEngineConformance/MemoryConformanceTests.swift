import Determinism
import Storage
import Testing

/// The lane's port, as the engine in memory implements it.
@Suite("LaneEngine in memory", .timeLimit(.minutes(1)))
struct MemoryConformanceTests {
    @Test func conforms() async throws {
        let engine = MemoryLaneEngine(time: SystemTime(), configuration: MemoryOutsider.configuration)
        try await LaneEngineConformance(
            first: engine, second: engine, outsider: MemoryOutsider(engine: engine)
        ).check()
    }
}
