import Determinism
import Storage

/// Hands a signal to a saga: durable before the sender hears of it, and taken once.
public struct SignalSaga: LaneCommand {
    /// What came of a signal.
    public enum Outcome: Sendable, Hashable {
        /// It waits for the saga. `wakes` when the saga had been put aside and is now due.
        case accepted(wakes: Bool)
        /// The same signal was there before.
        case repeated
        /// One of the same name has not been taken yet; nothing was kept of this one.
        case busy
        /// The saga has ended.
        case ended
        /// No step of the saga waits for a signal of this name.
        case unexpected
        /// There is no such saga.
        case unknown
    }
    let organization: Int64
    let saga: SagaID
    let name: String
    let token: String
    let payload: String
    let registry: SagaRegistry

    /// A signal.
    /// - Parameters:
    ///   - token: what makes it this signal: sent again with the same token it is taken once. It is remembered until
    ///     the next signal of its name.
    ///   - payload: what the saga is told.
    ///   - registry: knows what the saga's steps wait for.
    public init(
        organization: Int64, saga: SagaID, name: String, token: String, payload: String, registry: SagaRegistry
    ) {
        (self.organization, self.saga, self.name) = (organization, saga, name)
        (self.token, self.payload, self.registry) = (token, payload, registry)
    }
    /// The saga and the signal's place.
    public func needs(_ loaded: WorkingSet) -> [Need] {
        [.row(SagaRecord.key(organization, saga)), .row(SagaSignalRecord.key(organization, saga, name))]
    }
    /// Keeps the signal.
    public func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        guard var record = work[SagaRecord.key(organization, saga)] else { return .discard(.unknown) }
        if let before = work[SagaSignalRecord.key(organization, saga, name)] {
            if before.token == token { return .discard(.repeated) }
            if !before.isTaken { return .discard(record.state.isEnded ? .ended : .busy) }
        }
        if record.state.isEnded { return .discard(.ended) }
        let definition = registry.definition(
            record.definition, version: record.definitionVersion, outline: record.outline)
        guard definition?.signals.contains(name) == true else { return .discard(.unexpected) }
        work.put(
            SagaSignalRecord(
                organization: organization, saga: saga, name: name, token: token, payload: payload, at: now))
        // One that is at work looks for signals in its next commit; one that was put aside must be picked up.
        let wakes = record.owner == nil && record.dueAt > now
        if wakes {
            record.dueAt = now
            work.put(record)
        }
        return .commit(.accepted(wakes: wakes))
    }
}
