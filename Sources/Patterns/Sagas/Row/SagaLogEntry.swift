import Determinism

/// One line of a saga's history, what the timeline shows. Those of one commit are kept together
/// (``SagaLogRecord``).
public struct SagaLogEntry: Sendable, Hashable {
    /// What the entry tells of its step.
    public enum Kind: String, Sendable, CaseIterable {
        /// The saga began.
        case began
        /// An external call is about to be made; its key is durable.
        case intended
        /// The step's effect is known to be there.
        case completed
        /// The step was refused or has no effect.
        case failed
        /// The step's outcome is not known yet.
        case unknown
        /// The step's effect was taken back.
        case compensated
        /// The step waits for a signal, a time or a semantic lock.
        case waiting
        /// The saga waits.
        case parked
        /// An operator, or the saga's owner, has decided something.
        case directed
        /// A worker took the saga over.
        case claimed
        /// The saga ended.
        case ended
        /// The saga waits for an operator.
        case stuck
    }
    /// The organization's number.
    public let organization: Int64
    /// The saga.
    public let saga: SagaID
    /// 1, 2, 3 … for each saga.
    public let entry: Int64
    /// When.
    public let at: Timestamp
    /// Which step.
    public let step: String
    /// What happened to it.
    public let kind: Kind
    /// The worker's epoch.
    public let epoch: Int64
    /// Which attempt of the saga.
    public let attempt: Int64
    /// In words, or the key of an external call.
    public let detail: String?

    init(_ saga: SagaRecord, step: String, _ kind: Kind, _ detail: String?, at now: Timestamp) {
        (organization, self.saga, entry, at) = (saga.organization, saga.id, saga.entries, now)
        (self.step, self.kind, epoch, attempt, self.detail) = (step, kind, saga.epoch, saga.attempts, detail)
    }
}
