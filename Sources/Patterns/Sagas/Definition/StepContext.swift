import Determinism

/// What a step's code may know beside the saga's state.
public struct StepContext: Sendable {
    /// The organization's number.
    public let organization: Int64
    /// The saga.
    public let saga: SagaID
    /// What the saga is about.
    public let subject: UUIDv7
    /// The step's name.
    public let step: String
    /// Whether the step is being undone.
    public let isCompensation: Bool
    /// Whether the step's forward effect is known to be there; false for a compensation of something that may never
    /// have happened. True for every forward step.
    public let isCertain: Bool
    /// Which attempt this is, counted from 1.
    public let attempt: Int
    /// The claim under which the work is done: a fencing token. A participant that has seen a higher one of this saga
    /// must refuse a lower one.
    public let epoch: Int64
    /// The steps that were given up, or whose compensation was: what depends on them should not go on as if they were
    /// settled.
    public let stuck: [String]
    /// Why the step is put off, for what is decided with that; nil otherwise.
    public let trouble: String?
    /// The moment of the decision, or of the call.
    public let now: Timestamp
    /// A number by chance, for the ids that a decision makes: the same when it is decided again in the same commit.
    public let seed: UInt64

    /// The forward step's idempotency key: the same in each attempt, durable before the first one. A compensation that
    /// concerns the forward call names it by this.
    public var forwardKey: String { "\(saga)/\(step)" }
    /// The idempotency key of what is done here: the forward key, or that of the compensation.
    public var key: String { isCompensation ? "\(saga)/\(step)/undo" : forwardKey }

    init(
        _ record: SagaRecord, step: String, isCompensation: Bool, isCertain: Bool, attempt: Int,
        stuck: [String], trouble: String?, now: Timestamp, seed: UInt64
    ) {
        (organization, saga, subject) = (record.organization, record.id, record.subject)
        (self.step, self.isCompensation, self.isCertain) = (step, isCompensation, isCertain)
        (self.attempt, self.stuck, self.trouble, epoch) = (attempt, stuck, trouble, record.epoch)
        (self.now, self.seed) = (now, seed)
    }
}
