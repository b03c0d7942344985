import Determinism

/// A step of a saga, or a compensation, that somebody else carries out.
///
/// Its intent is durable before the call, with a key that stays the same in all attempts. A call without an answer is
/// unknown, not failed: it is asked for, or made again under its key, and if it is given up its compensation runs,
/// whether or not the effect was ever there.
public protocol ExternalAction<State>: Sendable {
    /// The saga's state.
    associatedtype State: SagaState
    /// What a successful call answers.
    associatedtype Receipt: Sendable
    /// Makes the call, with ``StepContext/key`` as its idempotency key and ``StepContext/epoch`` as its fencing token.
    func call(_ state: State, _ context: StepContext) async -> ExternalCallMachine<Receipt>.CallResult
    /// Asks what became of the call with this key; nil when the other side cannot be asked: then the call is made again
    /// under the same key, which the other side must take as one.
    func ask(_ state: State, _ context: StepContext) async -> ExternalCallMachine<Receipt>.AskResult?
    /// Takes the receipt into the state that is stored with the step's end.
    func record(_ receipt: Receipt, in state: inout State, _ context: StepContext)
    /// Takes a refusal into the state, for the compensations that follow and for those who are told.
    func recordRefusal(code: String, reason: String, in state: inout State, _ context: StepContext)
}

extension ExternalAction {
    /// The reason is in the saga's history.
    public func recordRefusal(code: String, reason: String, in state: inout State, _ context: StepContext) {}
}

extension ExternalAction {
    /// The other side cannot be asked.
    public func ask(_ state: State, _ context: StepContext) async -> ExternalCallMachine<Receipt>.AskResult? { nil }
}

extension ExternalAction where Receipt == Void {
    /// There is nothing to take.
    public func record(_ receipt: Void, in state: inout State, _ context: StepContext) {}
}

/// An ``ExternalAction`` made of a closure: it returns when the effect is there.
public struct ExternalStep<State: SagaState>: ExternalAction {
    private let body: @Sendable (State, StepContext) async -> ExternalCallMachine<Void>.CallResult

    /// A call whose answer has nothing to keep.
    public init(_ body: @escaping @Sendable (State, StepContext) async -> ExternalCallMachine<Void>.CallResult) {
        self.body = body
    }
    /// Makes the call.
    public func call(_ state: State, _ context: StepContext) async -> ExternalCallMachine<Void>.CallResult {
        await body(state, context)
    }
}

/// What an external step came to, with the change that it makes to the state.
enum ExternalOutcome<State: SagaState>: Sendable {
    case done(@Sendable (inout State) -> Void)
    case refused(String, @Sendable (inout State) -> Void)
    /// The other side knows nothing of it; `wasSent` when a call was made that may still be on its way.
    case absent(String, wasSent: Bool, retryAfter: Duration? = nil)
    /// Nobody knows.
    case unknown(String, retryAfter: Duration? = nil)
}

/// What surrounds one attempt at an external step.
struct ExternalAttempt: Sendable {
    let calls: ExternalCallConfiguration
    /// Whether the call may have been made before, by whomever.
    let mayHaveBeenCalled: Bool
    /// Whether the step was let go of, known to have had no effect, and nothing was sent since.
    let isResumed: Bool
    /// What each call and each question of the step is bounded by.
    let limit: TimeLimit?
    let time: any TimeSource
    let interposer: (any SagaInterposer)?

    /// - Returns: nil where the time was up first.
    func bounded<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value? {
        guard let limit else { return await body() }
        switch await limit.run(body) {
        case .finished(let value): return value
        case .deadlinePassed: return nil
        }
    }

    var overdue: String { "no answer within \(calls.timeout ?? .zero)" }
}

/// An external action without its receipt's type.
struct AnyExternalAction<State: SagaState>: Sendable {
    typealias Run =
        @Sendable (_ state: State, _ context: StepContext, _ attempt: ExternalAttempt) async throws
        -> ExternalOutcome<State>
    let run: Run

    init<Action: ExternalAction>(_ action: Action) where Action.State == State {
        run = { state, context, attempt in
            var machine = ExternalCallMachine<Action.Receipt>(
                attempt.calls, mayHaveBeenCalled: attempt.mayHaveBeenCalled)
            var (canBeAsked, wasSent) = (true, attempt.mayHaveBeenCalled)
            var next = machine.begin()
            var isUntried = attempt.isResumed
            while true {
                try Task.checkCancellation()
                switch next {
                case .call:
                    isUntried = false
                    let result = await Self.call(action, state, context, attempt)
                    if case .unknown = result { wasSent = true }
                    next = machine.handle(.called(result))
                case .ask:
                    let answer = await Self.ask(action, state, context, attempt)
                    canBeAsked = answer != nil
                    // Nobody was asked, and nothing was sent: it is where it was when it was let go of.
                    if isUntried, case .unavailable(let reason, let pause) = answer {
                        return .absent(reason, wasSent: wasSent, retryAfter: pause)
                    }
                    isUntried = false
                    // One that cannot be asked is called again under its key: for the machine, as if it were unheard
                    // of.
                    next = machine.handle(.asked(answer ?? .absent))
                case .rest(let pause):
                    try await attempt.time.sleep(for: pause)
                    next = machine.handle(.rested)
                case .end(.done(let receipt)): return .done { action.record(receipt, in: &$0, context) }
                case .end(.refused(let code, let reason)):
                    return .refused("\(code): \(reason)") {
                        action.recordRefusal(code: code, reason: reason, in: &$0, context)
                    }
                case .end(.absent(let reason, let pause)):
                    // What was never sent needs nobody who can be asked.
                    return canBeAsked || !wasSent
                        ? .absent(reason, wasSent: wasSent, retryAfter: pause) : .unknown(reason, retryAfter: pause)
                case .end(.unknown(let reason, let pause)): return .unknown(reason, retryAfter: pause)
                }
            }
        }
    }

    private static func call<Action: ExternalAction>(
        _ action: Action, _ state: State, _ context: StepContext, _ attempt: ExternalAttempt
    ) async -> ExternalCallMachine<Action.Receipt>.CallResult where Action.State == State {
        func make() async -> ExternalCallMachine<Action.Receipt>.CallResult {
            // One that was cut off may have arrived, or still be on its way.
            await attempt.bounded { await action.call(state, context) } ?? .unknown(attempt.overdue)
        }
        guard let interposer = attempt.interposer else { return await make() }
        switch await interposer.fate(of: context) {
        case .made: return await make()
        case .repeated:
            let first = await make()
            let second = await make()
            // The first one may still be on its way, whatever is known of the second.
            if case .unknown = first {
                switch second {
                case .notSent(let reason), .unavailable(let reason, _): return .unknown(reason)
                case .done, .refused, .unknown: break
                }
            }
            return second
        case .answerLost:
            _ = await make()
            return .unknown("the answer was lost")
        case .lost: return .unknown("the call was lost")
        case .notSent: return .notSent("the call was not sent")
        }
    }

    private static func ask<Action: ExternalAction>(
        _ action: Action, _ state: State, _ context: StepContext, _ attempt: ExternalAttempt
    ) async -> ExternalCallMachine<Action.Receipt>.AskResult? where Action.State == State {
        await attempt.bounded { await action.ask(state, context) } ?? .unknown(attempt.overdue)
    }
}
