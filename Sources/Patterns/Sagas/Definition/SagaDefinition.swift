import Determinism
import Storage

/// A saga: named steps over a state, each with what undoes it.
///
///     let booking = Saga(Trip.self, "book-trip", version: 1)
///         .compensatable("hold-seat", .local(HoldSeat()), undo: .local(FreeSeat()))
///         .compensatable("pay", .external(Charge()), undo: .external(Refund()))
///         .pivot("issue-ticket", .local(IssueTicket()))
///         .retriable("mail", .external(SendMail()))
///         .definition
///
/// The order of classes is the compiler's business: before the pivot every step with an effect names its compensation,
/// after it a step that would need one does not compile. (Garcia-Molina & Salem, "Sagas", SIGMOD 1987; Mehrotra et al.,
/// "A transaction model for multidatabase systems", ICDCS 1992.)
///
/// A definition is a value that is interpreted from the saga's row. Nothing is replayed, so its code may be as
/// undeterministic as it likes; what must not change under a running instance is the outline, and that is checked.
public struct SagaDefinition<State: SagaState>: Sendable {
    /// Its steps by name and kind.
    public let outline: SagaOutline
    /// How long an instance may take before it turns back, as long as it can; nil for no limit.
    public let deadline: Duration?
    let locking: SubjectNeeds
    let bodies: [StepBody<State>]
    /// The signals that steps wait for.
    let signals: [(step: Int, name: String)]
    /// How instances that a worker written by hand has begun are taken over; nil where there are none.
    var adoption: (@Sendable (SagaRecord) -> SagaAdoption<State>?)?
    /// Looks ahead for a worker that takes an instance up.
    var foresight: SagaForesight?

    /// The saga's name.
    public var name: String { outline.name }
    /// The definition's version.
    public var version: Int64 { outline.version }
}

/// Where an instance stands that was begun by a worker written by hand, in terms of the definition that takes it over.
public struct SagaAdoption<State: SagaState>: Sendable {
    /// What the saga knows.
    public var state: State
    /// The steps that are done, in their order.
    public var done: [String]
    /// The external step whose intent is durable, if there is one. It is asked for before it is called.
    public var intended: String?

    /// Where it stands.
    public init(_ state: State, done: [String], intended: String?) {
        (self.state, self.done, self.intended) = (state, done, intended)
    }
}

extension SagaDefinition {
    /// The same definition, which also takes over instances of its name and version that a worker written by hand has
    /// begun.
    public func adopting(_ adoption: @escaping @Sendable (SagaRecord) -> SagaAdoption<State>?) -> SagaDefinition {
        var copy = self
        copy.adoption = adoption
        return copy
    }

    /// The same definition, which tells a worker that takes an instance up what the steps' commits may need, so that
    /// they ask for it at once. For lanes whose loads are trips; see ``Storage/LaneEngine/loadsAreRemote``.
    public func foreseeing(_ foresight: @escaping SagaForesight) -> SagaDefinition {
        var copy = self
        copy.foresight = foresight
        return copy
    }
}

/// Rows that everybody locks before the saga's own, named by the organization and the saga's subject: such as the row
/// that the saga is about. They are loaded together with the saga, in the order of their ranks.
public typealias SubjectNeeds = @Sendable (_ organization: Int64, _ subject: UUIDv7) -> [Need]

/// Reads, outside any commit, which rows the steps of an instance may need. It decides nothing: what it does not name
/// is asked for when the saga's row is loaded, and what it names in vain is loaded in vain.
public typealias SagaForesight =
    @Sendable (_ organization: Int64, _ saga: SagaID, _ subject: UUIDv7) async -> [Need]

/// A saga's steps may still be undone.
public enum BeforePivot {}
/// A saga has passed its pivot: every further step must succeed in the end.
public enum AfterPivot {}

/// Builds a ``SagaDefinition`` step by step.
public struct Saga<State: SagaState, Phase>: Sendable {
    private var outline: SagaOutline
    private var bodies: [StepBody<State>] = []
    private let deadline: Duration?
    private let locking: SubjectNeeds

    /// The definition, with all steps so far.
    public var definition: SagaDefinition<State> {
        precondition(!outline.steps.isEmpty, "the saga “\(outline.name)” has no step")
        let signals = bodies.enumerated().compactMap { step, body -> (step: Int, name: String)? in
            guard case .awaiting(let wait) = body.forward, let signal = wait.signal else { return nil }
            return (step, signal)
        }
        return SagaDefinition(
            outline: outline, deadline: deadline, locking: locking, bodies: bodies, signals: signals, adoption: nil,
            foresight: nil)
    }

    private init(
        _ outline: SagaOutline, _ bodies: [StepBody<State>], _ deadline: Duration?, _ locking: @escaping SubjectNeeds
    ) {
        (self.outline, self.bodies, self.deadline, self.locking) = (outline, bodies, deadline, locking)
    }

    private func adding<Next>(
        _ name: String, _ category: SagaOutline.Class, _ forward: StepBody<State>.Forward,
        undo: SagaAction<State>? = nil, _ policy: StepPolicy, locks: (@Sendable (State) -> [String])? = nil
    ) -> Saga<State, Next> {
        var next = Saga<State, Next>(outline, bodies, deadline, locking)
        next.append(name, category, forward, undo: undo, policy, locks)
        next.outline.stages.append(.step(next.outline.steps.count - 1))
        return next
    }

    fileprivate mutating func append(
        _ name: String, _ category: SagaOutline.Class, _ forward: StepBody<State>.Forward, undo: SagaAction<State>?,
        _ policy: StepPolicy, _ locks: (@Sendable (State) -> [String])?
    ) {
        let kind: SagaOutline.Kind =
            switch forward {
            case .action(let action): action.kind
            case .awaiting: .awaiting
            }
        _ = outline.add(
            SagaOutline.Step(name, kind, category, compensation: undo?.kind, policy: policy))
        bodies.append(StepBody(forward: forward, compensation: undo, locks: locks))
    }
}

extension Saga where Phase == BeforePivot {
    /// A saga without steps.
    /// - Parameters:
    ///   - name: unique among the definitions of an engine.
    ///   - version: raise it with every change of the outline; definitions of several versions may be served together.
    ///   - deadline: how long an instance may take before it turns back.
    ///   - locking: rows that are locked before the saga's.
    public init(
        _: State.Type, _ name: String, version: Int64, deadline: Duration? = nil,
        locking: @escaping SubjectNeeds = { _, _ in [] }
    ) {
        self.init(SagaOutline(name: name, version: version), [], deadline, locking)
    }

    /// A step that can be undone.
    /// - Parameters:
    ///   - undo: takes the effect back; for an external step it also runs where nobody knows whether the effect was
    ///  there.  - locks: names of semantic locks that are taken before the step and kept until the saga ends: what is
    ///     half done is then nobody else's to touch.
    public func compensatable(
        _ name: String, _ action: SagaAction<State>, undo: SagaAction<State>, policy: StepPolicy = StepPolicy(),
        locks: (@Sendable (State) -> [String])? = nil
    ) -> Saga<State, BeforePivot> {
        adding(name, .compensatable, .action(action), undo: undo, policy, locks: locks)
    }

    /// A step that leaves nothing behind, such as a check; it needs no compensation.
    public func effectless(
        _ name: String, _ action: SagaAction<State>, policy: StepPolicy = StepPolicy(),
        locks: (@Sendable (State) -> [String])? = nil
    ) -> Saga<State, BeforePivot> {
        adding(name, .effectless, .action(action), policy, locks: locks)
    }

    /// Waits for a signal or a time.
    public func awaiting(_ name: String, _ wait: SagaAwait<State>) -> Saga<State, BeforePivot> {
        adding(name, .effectless, .awaiting(wait), StepPolicy())
    }

    /// Branches that are worked on side by side, and undone side by side.
    public func parallel(_ branches: SagaBranch<State, BeforePivot>...) -> Saga<State, BeforePivot> {
        adding(branches)
    }

    /// The step after which there is no way back. An external one that is given up while nobody knows its outcome
    /// leaves the saga `stuck`; one that is known to have had no effect turns it back.
    public func pivot(
        _ name: String, _ action: SagaAction<State>, policy: StepPolicy = StepPolicy(),
        locks: (@Sendable (State) -> [String])? = nil
    ) -> Saga<State, AfterPivot> {
        adding(name, .pivot, .action(action), policy, locks: locks)
    }
}

extension Saga where Phase == AfterPivot {
    /// A step that is tried until it succeeds.
    public func retriable(
        _ name: String, _ action: SagaAction<State>, policy: StepPolicy = StepPolicy(),
        locks: (@Sendable (State) -> [String])? = nil
    ) -> Saga<State, AfterPivot> {
        adding(name, .retriable, .action(action), policy, locks: locks)
    }

    /// Waits for a signal or a time.
    public func awaiting(_ name: String, _ wait: SagaAwait<State>) -> Saga<State, AfterPivot> {
        adding(name, .retriable, .awaiting(wait), StepPolicy())
    }

    /// Branches that are worked on side by side.
    public func parallel(_ branches: SagaBranch<State, AfterPivot>...) -> Saga<State, AfterPivot> {
        adding(branches)
    }
}

extension Saga {
    fileprivate func adding(_ branches: [SagaBranch<State, Phase>]) -> Saga<State, Phase> {
        var next = self
        var positions: [[Int]] = []
        for branch in branches {
            let first = next.outline.steps.count
            for step in branch.steps {
                next.append(step.name, step.category, step.forward, undo: step.undo, step.policy, step.locks)
            }
            if !branch.steps.isEmpty { positions.append(Array(first..<next.outline.steps.count)) }
        }
        precondition(!positions.isEmpty, "the saga “\(outline.name)” has a parallel part without branches")
        next.outline.stages.append(.parallel(positions))
        return next
    }
}
