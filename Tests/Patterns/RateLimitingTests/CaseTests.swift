import Determinism
import RateLimiting
import RateLimitingTestKit
import Testing

@Suite("Cases, in memory")
struct CaseTests {
    @Test("tells the story", arguments: try RateLimitCase.all())
    func inMemory(aCase: RateLimitCase) async throws {
        let store = try InMemoryRateLimitStore(random: SeededRandom(seed: 1))
        let runner = RateLimitCaseRunner { request, microseconds in
            store.decision(for: request, at: Instant(nanoseconds: microseconds * 1_000))
        }
        let problems = try await runner.problems(of: aCase)
        #expect(problems == [])
    }

    @Test func thereAreCasesOfEachKind() throws {
        let cases = try RateLimitCase.all()
        #expect(cases.count >= 40)
        #expect(Set(cases.map(\.name)).count == cases.count)
    }
}
