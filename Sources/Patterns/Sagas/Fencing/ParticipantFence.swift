import Determinism
import Storage

/// What a participant keeps of each call, so that every order and repetition of a call and its compensation ends alike.
///
/// A compensation may come before the call that it undoes (the call was delayed, or never sent): it leaves a tombstone,
/// and the late call is refused. Each is carried out once, however often it comes. A worker with an epoch that has been
/// overtaken is refused. Others call the two traps empty rollback and hanging (Seata, incubator-seata #6374, #7840);
/// the table is theirs, the epoch is not.
public struct ParticipantFence: Sendable, Hashable {
    /// What the participant is to do.
    public enum Admission: Sendable, Hashable {
        /// Carry it out, in this same commit.
        case proceed
        /// It was carried out before: answer as then.
        case repeated
        /// The compensation found nothing to undo, and has made sure that nothing comes late.
        case nothingToUndo
        /// The call comes after its compensation: refuse it.
        case late
        /// A worker with a higher epoch has been here: refuse it.
        case overtaken
    }
    let organization: Int64
    let key: String

    /// The fence of the call with this key; a compensation names the forward call's key.
    public init(organization: Int64, forwardKey key: String) { (self.organization, self.key) = (organization, key) }

    /// What to load.
    public var need: Need { .row(FenceEntryRecord.key(organization, key)) }

    /// Whether the call may be carried out; notes that it is.
    public func admitForward(epoch: Int64, in work: inout WorkingSet, at now: Timestamp) -> Admission {
        admit(epoch, &work, now) { state in
            switch state {
            case nil: (.proceed, .done)
            case .done: (.repeated, nil)
            case .compensated, .tombstone: (.late, nil)
            }
        }
    }

    /// Whether the compensation is to be carried out; notes that it is.
    public func admitCompensation(epoch: Int64, in work: inout WorkingSet, at now: Timestamp) -> Admission {
        admit(epoch, &work, now) { state in
            switch state {
            case nil: (.nothingToUndo, .tombstone)
            case .done: (.proceed, .compensated)
            case .compensated: (.repeated, nil)
            case .tombstone: (.nothingToUndo, nil)
            }
        }
    }

    private func admit(
        _ epoch: Int64, _ work: inout WorkingSet, _ now: Timestamp,
        _ decide: (FenceEntryRecord.State?) -> (Admission, FenceEntryRecord.State?)
    ) -> Admission {
        let before = work[FenceEntryRecord.key(organization, key)]
        if let before, before.epoch > epoch { return .overtaken }
        let (admission, next) = decide(before?.state)
        let state = next ?? before?.state ?? .done
        if state != before?.state || epoch != before?.epoch {
            work.put(FenceEntryRecord(organization: organization, text: key, state: state, epoch: epoch, at: now))
        }
        return admission
    }
}

/// The row of a ``ParticipantFence``.
public struct FenceEntryRecord: Record, Hashable {
    /// What has been carried out.
    public enum State: String, Sendable, CaseIterable {
        /// The call.
        case done
        /// The call, then its compensation.
        case compensated
        /// The compensation, and no call.
        case tombstone
    }
    /// Locked after the sagas.
    public static let table = Table(
        "saga_fences", rank: 17, key: [.organization, .text("key")], mutable: ["state", "epoch", "at"],
        locksAbsentRows: true)

    /// The organization's number.
    public let organization: Int64
    /// The forward call's key.
    public let text: String
    /// What has been carried out.
    public let state: State
    /// The highest epoch that was seen.
    public let epoch: Int64
    /// When the row last changed.
    public let at: Timestamp

    init(organization: Int64, text: String, state: State, epoch: Int64, at: Timestamp) {
        (self.organization, self.text, self.state) = (organization, text, state)
        (self.epoch, self.at) = (epoch, at)
    }
    /// The row's key.
    public static func key(_ organization: Int64, _ text: String) -> Key<FenceEntryRecord> {
        Key(organization: organization, text: text)
    }
    /// The row's key.
    public var key: Key<FenceEntryRecord> { Self.key(organization, text) }

    /// Reads the row.
    public init(from row: any ColumnReader) throws {
        organization = try row.integer()
        text = try row.text()
        state = try row.value()
        epoch = try row.integer()
        at = try row.timestamp()
    }
    /// Writes the row.
    public func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(text)
        row.value(state)
        row.integer(epoch)
        row.timestamp(at)
    }
}
