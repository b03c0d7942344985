import Determinism

/// How far a saga has come: one entry for each step of its outline. A value that is stored with the saga's row.
public struct SagaProgress: Sendable, Hashable {
    /// Where a step stands.
    public enum Status: String, Sendable, CaseIterable {
        /// Nothing has been done.
        case pending
        /// Its intent is durable; its effect may be there.
        case intended
        /// Its effect is there.
        case done
        /// It is known to have no effect.
        case void
        /// An operator let the saga go on without it.
        case skipped
        /// Its compensation's intent is durable.
        case undoing
        /// Its effect is taken back.
        case undone
        /// It, or its compensation, was given up; an operator decides.
        case stuck
    }
    /// One step.
    public struct Entry: Sendable, Hashable {
        init() {}

        /// Where it stands.
        public internal(set) var status = Status.pending
        /// How often it was taken up without coming to an end, in its present direction.
        public internal(set) var attempts = 0
        /// 1 for the step that was done first, 2 for the next; 0 for one that is not done.
        public internal(set) var place = 0
        /// When it was first taken up, in its present direction.
        public internal(set) var since: Timestamp?
        /// Before when it is not tried again.
        public internal(set) var notBefore: Timestamp?
        /// Whether it is known to have had no effect so far, though it was intended: before it is tried again its
        /// intent is made durable once more.
        public internal(set) var isWithdrawn = false
        /// Whether no call of it has ever been sent: then there is nothing to undo once its intent is withdrawn.
        public internal(set) var isUnsent = true
        /// Whether it waits for semantic locks.
        public internal(set) var isBlocked = false
        /// Whether its forward effect was known to be there when its compensation began.
        public internal(set) var isCertain = true
    }
    /// Whether the saga is on its way back.
    public internal(set) var isBackward = false
    /// The steps, as in the outline.
    public internal(set) var entries: [Entry]
    /// The semantic locks that the saga holds, or stands in line for.
    public internal(set) var locks: [String] = []

    /// Nothing has been done.
    public init(_ outline: SagaOutline) { entries = outline.steps.map { _ in Entry() } }

    init(entries: [Entry]) { self.entries = entries }
}
