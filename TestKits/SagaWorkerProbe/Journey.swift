import Sagas
import Storage

/// What a probe's sagas know.
struct Journey: SagaState, Codable {
    /// What is locked: a few rooms for many sagas.
    var room: Int
    var done: [String] = []
}

/// A saga of two local and three external steps, two of them side by side, of which one in five goes wrong.
enum JourneySaga {
    static func definition(_ participant: Participant) -> SagaDefinition<Journey> {
        let policy = StepPolicy {
            ($0.attemptLimit, $0.backoff) = (200, SagaBackoff(first: .milliseconds(10), longest: .milliseconds(300)))
            ($0.calls.pause, $0.calls.longestPause) = (.milliseconds(5), .milliseconds(50))
        }
        // Given up early, so that what nobody knows is undone too.
        var hasty = policy
        (hasty.attemptLimit, hasty.backoff.longest) = (12, .milliseconds(50))
        func branch(_ name: String) -> SagaBranch<Journey, BeforePivot> {
            SagaBranch().compensatable(
                name, .external { _, context in await participant.call(context, refusals: 4, silences: 4) },
                undo: .external { _, context in await participant.call(context) }, policy: hasty)
        }
        return Saga(Journey.self, "journey", version: 1)
            .compensatable(
                "reserve", .local(change(1, "reserved", refusals: 10, pauses: 10)),
                undo: .local(change(-1, "reserved", refusals: 0, pauses: 20)), policy: policy,
                locks: { ["room \($0.room)"] }
            )
            .parallel(branch("book"), branch("rent"))
            .pivot("confirm", .local(change(1, "confirmed", refusals: 10, pauses: 10)), policy: policy)
            .retriable("notify", .external { _, context in await participant.call(context) }, policy: policy)
            .definition
    }

    /// Adds to a tally; of a hundred attempts some are refused and some put off.
    private static func change(
        _ amount: Int64, _ name: String, refusals: UInt64, pauses: UInt64
    ) -> LocalStep<Journey> {
        LocalStep(needing: { _, _, context in [.row(Tally.key(context.organization, name))] }) {
            work, journey, context in
            let key = Tally.key(context.organization, name)
            var tally = work[key] ?? Tally(organization: context.organization, name: name, value: 0)
            tally.value += amount
            // Before the dice are thrown: what is refused must be taken back.
            work.put(tally)
            journey.done.append("\(amount < 0 ? "-" : "+")\(name)")
            switch context.seed % 100 {
            case ..<refusals: return .refused("by chance")
            case ..<(refusals + pauses): return .later("by chance")
            default: return .done
            }
        }
    }
}
