import ProcessTestKit
import Testing

/// The order of classes is the compiler's business: what must not compile does not. Each snippet is checked by the
/// compiler against the modules that these tests were built with.
@Suite("Saga, what does not compile", .serialized)
struct SagaClassOrderTests {
    /// What the snippets are put into.
    private static func source(_ steps: String) -> String {
        """
        import Sagas
        struct Trip: SagaState, Codable {}
        func saga(_ a: SagaAction<Trip>, _ w: SagaAwait<Trip>) -> SagaOutline {
            Saga(Trip.self, "trip", version: 1)\(steps).definition.outline
        }
        """
    }

    private func check(_ steps: String) async throws -> TypeChecker.Verdict {
        try await TypeChecker("Sagas").check(Self.source(steps))
    }

    /// The counterpart: if this did not compile, the others would prove nothing.
    @Test(arguments: [
        #".compensatable("a", a, undo: a).effectless("e", a).awaiting("w", w).pivot("p", a)"#,
        #".pivot("p", a).retriable("r", a).awaiting("x", w)"#,
        #".parallel(SagaBranch().compensatable("a", a, undo: a).awaiting("w", w), SagaBranch().effectless("e", a))"#,
        #".pivot("p", a).parallel(SagaBranch().retriable("r", a), SagaBranch().awaiting("w", w))"#,
        #".compensatable("a", a, undo: a)"#,
    ])
    func whatIsInOrderCompiles(steps: String) async throws {
        let checked = try await check(steps)
        #expect(checked.hasPassed, "\(checked.messages)")
    }

    /// The steps, and what the compiler says of them.
    @Test(arguments: [
        (#".pivot("p", a).compensatable("a", a, undo: a)"#, "'AfterPivot' and 'BeforePivot' be equivalent"),
        (#".pivot("p", a).effectless("e", a)"#, "'AfterPivot' and 'BeforePivot' be equivalent"),
        (#".pivot("p", a).pivot("q", a)"#, "'AfterPivot' and 'BeforePivot' be equivalent"),
        (#".retriable("r", a)"#, "'BeforePivot' and 'AfterPivot' be equivalent"),
        (#".compensatable("a", a)"#, "missing argument for parameter 'undo'"),
        (#".compensatable("a", a, undo: nil)"#, "'nil'"),
        (#".pivot("p", a, undo: a)"#, "extra argument 'undo'"),
        (#".pivot("p", a).retriable("r", a, undo: a)"#, "extra argument 'undo'"),
        (#".effectless("e", a, undo: a)"#, "extra argument 'undo'"),
        (#".parallel(SagaBranch().retriable("r", a))"#, "BeforePivot"),
        (#".pivot("p", a).parallel(SagaBranch().compensatable("a", a, undo: a))"#, "AfterPivot"),
        (#".pivot("p", a).parallel(SagaBranch().effectless("e", a))"#, "AfterPivot"),
        (#".parallel(SagaBranch().pivot("p", a))"#, "has no member 'pivot'"),
    ])
    func whatIsOutOfOrderDoesNotCompile(steps: String, message: String) async throws {
        let checked = try await check(steps)
        #expect(!checked.hasPassed, "it compiles")
        #expect(checked.errors.contains { $0.contains(message) }, "\(checked.messages)")
    }
}
