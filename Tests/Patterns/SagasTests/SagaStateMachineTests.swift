import Determinism
import Sagas
import Testing

/// The durable states of a saga, against the table that the documentation of `State` gives.
@Suite("SagaStateMachine")
struct SagaStateMachineTests {
    private typealias State = SagaStateMachine.State
    private typealias Event = SagaStateMachine.Event

    /// What is not here is ignored.
    private static let table: [State: [Event: State]] = [
        .running: [
            .succeed: .succeeded, .compensate: .compensating, .undone: .compensated, .park: .parked,
            .resume: .running, .giveUp: .stuck,
        ],
        .parked: [
            .compensate: .compensating, .undone: .compensated, .park: .parked, .resume: .running, .giveUp: .stuck,
        ],
        .compensating: [
            .succeed: .succeeded, .compensate: .compensating, .undone: .compensated, .park: .compensating,
            .resume: .compensating, .giveUp: .stuck,
        ],
        .stuck: [.compensate: .compensating, .resume: .running],
    ]

    @Test(arguments: SagaStateMachine.State.allCases, SagaStateMachine.Event.allCases)
    func everyEventInEveryState(state: SagaStateMachine.State, event: SagaStateMachine.Event) {
        var machine = SagaStateMachine(state)
        let action = machine.handle(event)
        if let next = Self.table[state]?[event] {
            #expect(action == .store(next))
            #expect(machine.state == next)
        } else {
            #expect(action == .ignore("a saga that is \(state.rawValue) does not take “\(event)”"))
            #expect(machine.state == state)
        }
    }

    @Test func anEndIsForEver() {
        for ended in State.allCases where ended.isEnded {
            for event in Event.allCases {
                var machine = SagaStateMachine(ended)
                guard case .ignore = machine.handle(event) else {
                    Issue.record("\(ended) takes \(event)")
                    continue
                }
            }
        }
        #expect(State.allCases.filter(\.isEnded) == [.succeeded, .compensated])
        #expect(State.allCases.filter(\.isUnfinished) == [.running, .parked, .compensating])
    }

    @Test func everySagaCanEnd() {
        var canEnd: Set<State> = [.succeeded, .compensated]
        for _ in State.allCases {
            for state in State.allCases where !canEnd.isDisjoint(with: Self.reachable(from: state)) {
                canEnd.insert(state)
            }
        }
        #expect(canEnd == Set(State.allCases))
        #expect(
            State.allCases.map(\.rawValue).sorted() == [
                "compensated", "compensating", "parked", "running", "stuck", "succeeded",
            ], "what the schema's check allows")
    }

    private static func reachable(from state: State) -> Set<State> {
        Set(
            Event.allCases.map { event in
                var machine = SagaStateMachine(state)
                _ = machine.handle(event)
                return machine.state
            })
    }
}
