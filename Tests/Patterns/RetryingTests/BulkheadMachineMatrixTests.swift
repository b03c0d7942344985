import Testing

@testable import Retrying

/// Every event in every state of a bulkhead with room for two, and for two who wait.
@Suite("Bulkheads: every event in every state")
struct BulkheadMachineMatrixTests {
    enum State: CaseIterable {
        case empty, half, full, queued, queueFull
        /// The queue was full, and the first of it is in.
        case served
    }
    /// Those who give up are the first two who ever waited, and one who never did.
    enum Event: CaseIterable { case enter, leave, abandonFirst, abandonSecond, abandonStranger }
    struct Outcome: Equatable {
        var running: Int
        var waiting = 0
        var refusals: UInt64 = 0
        var result = ""
    }

    private static func machine(_ state: State) -> BulkheadMachine {
        var machine = BulkheadMachine(limit: 2, queueLimit: 2)
        let entries =
            switch state {
            case .empty: 0
            case .half: 1
            case .full: 2
            case .queued: 3
            case .queueFull, .served: 4
            }
        for _ in 0..<entries { _ = machine.enter() }
        if state == .served { _ = machine.leave() }
        return machine
    }

    private static func happen(_ event: Event, _ machine: inout BulkheadMachine) -> String {
        switch event {
        case .enter:
            switch machine.enter() {
            case .entered: "entered"
            case .queued(let number): "queued \(number)"
            case .refused: "refused"
            }
        case .leave: machine.leave().map { "\($0) is in" } ?? ""
        case .abandonFirst: machine.abandon(0) ? "out" : ""
        case .abandonSecond: machine.abandon(1) ? "out" : ""
        case .abandonStranger: machine.abandon(.max) ? "out" : ""
        }
    }

    @Test("has its effect and no other", arguments: State.allCases, Event.allCases)
    func pair(state: State, event: Event) {
        var machine = Self.machine(state)
        let before = Self.before(state)
        #expect(machine.running == before.running && machine.waiting == before.waiting, "the set-up")
        let result = Self.happen(event, &machine)
        let outcome = Outcome(
            running: machine.running, waiting: machine.waiting, refusals: machine.refusals, result: result)
        #expect(outcome == Self.expected(event, state))
    }

    /// One who leaves without having been in made room for one too many, for good.
    @Test func whoWasNotInMakesNoRoom() {
        var machine = BulkheadMachine(limit: 1, queueLimit: 0)
        let next = machine.leave()
        #expect(next == nil && machine.running == 0)
        let entries = [machine.enter(), machine.enter()]
        #expect(entries == [.entered, .refused])
    }

    private static func before(_ state: State) -> Outcome {
        switch state {
        case .empty: Outcome(running: 0)
        case .half: Outcome(running: 1)
        case .full: Outcome(running: 2)
        case .queued, .served: Outcome(running: 2, waiting: 1)
        case .queueFull: Outcome(running: 2, waiting: 2)
        }
    }

    private static func expected(_ event: Event, _ state: State) -> Outcome {
        let before = before(state)
        return switch (event, state) {
        case (.enter, .empty): Outcome(running: 1, result: "entered")
        case (.enter, .half): Outcome(running: 2, result: "entered")
        case (.enter, .full): Outcome(running: 2, waiting: 1, result: "queued 0")
        case (.enter, .queued): Outcome(running: 2, waiting: 2, result: "queued 1")
        case (.enter, .served): Outcome(running: 2, waiting: 2, result: "queued 2")
        case (.enter, .queueFull): Outcome(running: 2, waiting: 2, refusals: 1, result: "refused")
        case (.leave, .empty), (.leave, .half): Outcome(running: 0)
        case (.leave, .full): Outcome(running: 1)
        case (.leave, .queued): Outcome(running: 2, result: "0 is in")
        case (.leave, .queueFull): Outcome(running: 2, waiting: 1, result: "0 is in")
        case (.leave, .served): Outcome(running: 2, result: "1 is in")
        case (.abandonFirst, .queued), (.abandonSecond, .served): Outcome(running: 2, result: "out")
        case (.abandonFirst, .queueFull), (.abandonSecond, .queueFull):
            Outcome(running: 2, waiting: 1, result: "out")
        case (.abandonFirst, .empty), (.abandonFirst, .half), (.abandonFirst, .full), (.abandonFirst, .served): before
        case (.abandonSecond, .empty), (.abandonSecond, .half), (.abandonSecond, .full), (.abandonSecond, .queued):
            before
        case (.abandonStranger, _): before
        }
    }
}
