import Determinism

/// The durable life of one saga, without I/O: what its row may say next.
///
/// A saga runs forward until it has succeeded or must be undone, and is undone until it is compensated; it may be
/// parked on the way to try again later, and an operator may take one that is stuck back to work. The vocabulary is
/// that of Garcia-Molina & Salem, "Sagas" (SIGMOD 1987). Deviations: steps are not replayed from code, the row says
/// where it stands; and giving up is a state that people see (`stuck`), not an endless retry.
///
/// Every event in every state gives an ``Action``. What does not belong is ignored with a reason, never trapped: a late
/// worker is an ordinary thing.
public struct SagaStateMachine: Sendable, Hashable {
    /// Where the saga stands.
    public enum State: String, Sendable, CaseIterable {
        /// Going forward. → `running` (taken over), `parked`, `compensating`, `succeeded`, `compensated`, `stuck`
        case running
        /// Going forward, but not before its due time. → `running`, `parked` (again later), `compensating`,
        /// `compensated`, `stuck`
        case parked
        /// Being undone. → `compensating` (again later), `succeeded` (the effect stood after all), `compensated`,
        /// `stuck`
        case compensating
        /// Ended: every step's effect stands.
        case succeeded
        /// Ended: no step's effect stands.
        case compensated
        /// Waits for an operator. → `running`, `compensating`
        case stuck

        /// Whether nothing will happen any more by itself or by an operator.
        public var isEnded: Bool { self == .succeeded || self == .compensated }
        /// Whether a worker should pick it up when it is due.
        public var isUnfinished: Bool { self == .running || self == .parked || self == .compensating }
    }
    /// What happened to the saga.
    public enum Event: Sendable, Hashable, CaseIterable {
        /// The last step's effect is durable.
        case succeed
        /// Undoing is needed, and takes an external step of its own.
        case compensate
        /// Nothing is left to undo, or all of it is undone.
        case undone
        /// To be tried again later.
        case park
        /// The due time came, or an operator asked for another try.
        case resume
        /// The retry budget is spent.
        case giveUp
    }
    /// What the shell does with the row.
    public enum Action: Sendable, Hashable {
        /// Store the new state.
        case store(State)
        /// Leave the row as it is, for this reason.
        case ignore(String)
    }

    /// The present state.
    public private(set) var state: State

    /// A saga in that state.
    public init(_ state: State) { self.state = state }

    /// Takes an event.
    public mutating func handle(_ event: Event) -> Action {
        let next: State? =
            switch (state, event) {
            case (.running, .succeed), (.compensating, .succeed): .succeeded
            case (.running, .compensate), (.parked, .compensate), (.compensating, .compensate), (.stuck, .compensate):
                .compensating
            case (.running, .undone), (.parked, .undone), (.compensating, .undone): .compensated
            case (.running, .park), (.parked, .park): .parked
            case (.compensating, .park): .compensating  // stays on its way back, with a later due time
            case (.running, .resume), (.parked, .resume), (.stuck, .resume): .running
            case (.compensating, .resume): .compensating
            case (.running, .giveUp), (.parked, .giveUp), (.compensating, .giveUp): .stuck
            case (.parked, .succeed), (.succeeded, _), (.compensated, _), (.stuck, _): nil
            }
        guard let next else { return .ignore("a saga that is \(state.rawValue) does not take “\(event)”") }
        state = next
        return .store(next)
    }
}
