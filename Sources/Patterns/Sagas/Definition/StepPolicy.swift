/// Pauses that grow from one attempt to the next: `first`, doubled each time, never more than `longest`.
public struct SagaBackoff: Sendable, Hashable {
    /// The pause after the first attempt.
    public var first: Duration
    /// The longest pause.
    public var longest: Duration
    /// The part of each pause, in percent, that chance takes away, so that many sagas that failed together do not come
    /// back together. 0…100.
    public var jitter: Int

    /// Pauses from `first` to `longest`.
    public init(first: Duration = .milliseconds(200), longest: Duration = .seconds(60), jitter: Int = 20) {
        (self.first, self.longest, self.jitter) = (first, longest, jitter)
    }

    /// The pause after so many attempts.
    /// - Parameter chance: any number; the same one gives the same pause.
    public func pause(after attempts: Int, chance: UInt64) -> Duration {
        let whole = min(first * (1 << min(max(attempts - 1, 0), 24)), longest)
        let part = Int64(chance % 1_000) * Int64(min(max(jitter, 0), 100))
        return whole - whole * part / 100_000
    }
}

/// How often and how long a step is tried, forward or back.
public struct StepPolicy: Sendable, Hashable {
    /// How often a step is taken up before it is given up. What giving up means depends on the step: a compensatable
    /// one is compensated, with those before it; a pivot that is known to have no effect too; anything else is `stuck`
    /// and waits for an operator.
    public var attemptLimit = 20
    /// How often its compensation is taken up before it is given up: then an operator decides. More than for the step
    /// itself, which may be given up early.
    public var undoAttemptLimit = 100
    /// The pauses between attempts.
    public var backoff = SagaBackoff()
    /// How long the step may take from its first attempt on, retries included; nil for no limit.
    public var deadline: Duration?
    /// How long the step waits for its semantic locks before it is refused.
    public var lockPatience: Duration = .seconds(30)
    /// How the calls of one attempt are made, where the step is external.
    public var calls = ExternalCallConfiguration()

    /// The defaults.
    public init() {}

    /// The defaults with these changes.
    public init(_ change: (inout StepPolicy) -> Void) { change(&self) }
}
