import Determinism

/// How long and how often an external call is tried before its saga is parked.
public struct ExternalCallConfiguration: Sendable, Hashable {
    /// How many calls are made before the saga waits for a later time.
    public var callLimit = 3
    /// How often a provider is asked for an outcome before the saga waits for a later time.
    public var askLimit = 6
    /// The pause before the second call or question; it doubles each time.
    public var pause: Duration = .milliseconds(100)
    /// The longest pause.
    public var longestPause: Duration = .seconds(2)
    /// How long one call, or one question, may take. It is cancelled then, and nobody waits for it any longer, whether
    /// or not it heeds that; what it came to is unknown. nil where the calls bound themselves: then none has a task of
    /// its own.
    public var timeout: Duration? = .seconds(30)
    /// The defaults.
    public init() {}
}

/// Brings one external step to an outcome that is *known*, or says that it could not: a pure state machine.
///
/// A call that ends without an answer is unknown, not failed. It is asked for by its key, and called again (with the
/// same key) only once the provider says that it knows nothing of it. `absent` is therefore a statement of the
/// provider's, or of a call that was never sent; never a guess.
///
/// States: `ready` → `calling` → `asking` → `calling` …, with pauses between; ends in one of ``Outcome``.
public struct ExternalCallMachine<Value: Sendable>: Sendable {
    /// What a call came to.
    public enum CallResult: Sendable {
        /// It took effect.
        case done(Value)
        /// The provider refuses it for good, without effect; a code and a reason.
        case refused(code: String, reason: String)
        /// It was never sent: no effect.
        case notSent(String)
        /// It was never sent, and to make it again now is of no use: a circuit breaker is open, say. How long it takes
        /// until that may be over, if somebody knows.
        case unavailable(String, retryAfter: Duration?)
        /// It may or may not have taken effect. How long the other side asks to be left alone, if it does, is for
        /// whoever guards the calls, such as a circuit breaker; the machine asks what became of it as ever.
        case unknown(String, retryAfter: Duration? = nil)
    }
    /// What the provider says about a key.
    public enum AskResult: Sendable {
        /// It took effect.
        case done(Value)
        /// It was refused for good.
        case refused(code: String, reason: String)
        /// The provider is still at it.
        case pending
        /// The provider knows nothing of it.
        case absent
        /// No answer.
        case unknown(String)
        /// It was never asked, and to ask again now is of no use.
        case unavailable(String, retryAfter: Duration?)
    }
    /// What happened.
    public enum Event: Sendable {
        /// A call ended.
        case called(CallResult)
        /// A question was answered, or not.
        case asked(AskResult)
        /// The pause is over.
        case rested
    }
    /// What the step came to.
    public enum Outcome: Sendable {
        /// It took effect.
        case done(Value)
        /// It was refused for good.
        case refused(code: String, reason: String)
        /// It has no effect so far, and the provider could not be brought to do it now; it should be left alone for so
        /// long, if anybody knows.
        case absent(String, retryAfter: Duration? = nil)
        /// Nobody knows yet: the saga stays as it is and asks again later.
        case unknown(String, retryAfter: Duration? = nil)
    }
    /// What the shell does next.
    public enum Action: Sendable {
        /// Make the call, with the key that was stored before.
        case call
        /// Ask for the key's outcome.
        case ask
        /// Wait, then report ``Event/rested``.
        case rest(Duration)
        /// The end.
        case end(Outcome)
    }
    private enum State {
        case ready(mayHaveBeenCalled: Bool)
        case calling
        case asking(String)
        case restingToCall
        case restingToAsk(String)
        case ended
    }
    private let configuration: ExternalCallConfiguration
    private var state: State
    private var (calls, asks) = (0, 0)

    /// - Parameter mayHaveBeenCalled: true after a crash or an earlier attempt: then the first thing is to ask.
    public init(_ configuration: ExternalCallConfiguration, mayHaveBeenCalled: Bool) {
        self.configuration = configuration
        state = .ready(mayHaveBeenCalled: mayHaveBeenCalled)
    }

    /// The first action. A step that was begun before ends as unknown.
    public mutating func begin() -> Action {
        guard case .ready(let mayHaveBeenCalled) = state else { return end(.unknown("was already begun")) }
        return mayHaveBeenCalled ? ask("an earlier attempt may have been sent") : call()
    }

    /// Takes the next event. One that does not belong to the state ends the step as unknown, which asks again later.
    public mutating func handle(_ event: Event) -> Action {
        switch (state, event) {
        case (.calling, .called(let result)): return called(result)
        case (.asking(let why), .asked(let result)): return asked(result, why)
        case (.restingToCall, .rested): return call()
        case (.restingToAsk(let why), .rested): return ask(why)
        case (.ready, _), (.calling, _), (.asking, _), (.restingToCall, _), (.restingToAsk, _), (.ended, _):
            return end(.unknown("an event came out of turn"))
        }
    }

    private mutating func called(_ result: CallResult) -> Action {
        switch result {
        case .done(let value): return end(.done(value))
        case .refused(let code, let reason): return end(.refused(code: code, reason: reason))
        case .notSent(let reason): return callAgainLater(reason)
        case .unavailable(let reason, let pause): return end(.absent(reason, retryAfter: pause))
        case .unknown(let reason, _): return ask(reason)
        }
    }
    private mutating func asked(_ result: AskResult, _ why: String) -> Action {
        switch result {
        case .done(let value): return end(.done(value))
        case .refused(let code, let reason): return end(.refused(code: code, reason: reason))
        case .absent: return calls == 0 ? call() : callAgainLater(why)
        case .pending: return askAgainLater("the provider is still working on it")
        case .unknown(let reason): return askAgainLater(reason)
        case .unavailable(let reason, let pause): return end(.unknown(reason, retryAfter: pause))
        }
    }
    private mutating func call() -> Action {
        calls += 1
        state = .calling
        return .call
    }
    private mutating func ask(_ why: String) -> Action {
        asks += 1
        state = .asking(why)
        return .ask
    }
    private mutating func callAgainLater(_ reason: String) -> Action {
        if calls >= configuration.callLimit { return end(.absent(reason)) }
        state = .restingToCall
        return .rest(pause(after: calls))
    }
    private mutating func askAgainLater(_ reason: String) -> Action {
        if asks >= configuration.askLimit { return end(.unknown(reason)) }
        state = .restingToAsk(reason)
        return .rest(pause(after: asks))
    }
    private func pause(after count: Int) -> Duration {
        min(configuration.pause * (1 << min(count - 1, 16)), configuration.longestPause)
    }
    private mutating func end(_ outcome: Outcome) -> Action {
        state = .ended
        return .end(outcome)
    }
}
