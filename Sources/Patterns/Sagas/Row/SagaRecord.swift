import Determinism
import Storage

/// The kind of a saga's id, `saga_…`.
public enum SagaKind: IdentifierKind {
    /// `saga`
    public static let prefix = "saga"
}
/// A saga's id.
public typealias SagaID = Identifier<SagaKind>

/// The kind of a worker's id.
public enum SagaWorkerKind: IdentifierKind {
    /// `worker`
    public static let prefix = "worker"
}
/// One run of one process that works on sagas: a new id at each start, so that two never share one.
public typealias SagaWorkerID = Identifier<SagaWorkerKind>

/// A saga's row: where it stands, and who may move it.
///
/// Whoever works on a saga holds a lease and an epoch. Claiming raises the epoch; every local step checks it in its own
/// transaction, so a worker that was paused past its lease changes nothing afterwards.
public struct SagaRecord: Record, Hashable {
    /// Locked after orders and payments, before stock.
    public static let table = Table(
        "sagas", rank: 14, key: [.organization, .id("id")],
        fixed: ["definition", "definition_version", "outline", "subject", "created_at", "deadline", "input"],
        mutable: [
            "state", "step", "epoch", "owner", "lease_until", "due_at", "attempts", "entries", "reason", "progress",
            "data", "updated_at",
        ],
        cacheBytes: 1 << 20)

    /// The organization's number.
    public let organization: Int64
    /// The saga's id.
    public let id: SagaID
    /// Which saga it is, such as `checkout`.
    public let definition: String
    /// The version of the definition that began it.
    public let definitionVersion: Int64
    /// The fingerprint of the definition's outline; nil where a worker written by hand knows the steps.
    public let outline: Int64?
    /// What it is about: an order's id.
    public let subject: UUIDv7
    /// When it began.
    public let createdAt: Timestamp
    /// When it turns back, if it still can; nil for never.
    public let deadline: Timestamp?
    /// What it needs beside the subject: JSON.
    public let input: String
    /// Where it stands.
    public internal(set) var state: SagaStateMachine.State
    /// The step that it stands at.
    public var step: String
    /// Raised by each claim.
    public internal(set) var epoch: Int64
    /// The worker that holds it, whose own lease counts; nil when nobody does, or when ``leaseUntil`` alone counts.
    public var owner: SagaWorkerID?
    /// Until when the present worker may be trusted to be at work, whatever its own lease says.
    public var leaseUntil: Timestamp
    /// When it should be picked up, if nobody works on it.
    public var dueAt: Timestamp
    /// How often it has been picked up without coming to an end.
    public var attempts: Int64
    /// How many log entries it has.
    public internal(set) var entries: Int64
    /// Why it is being undone, waits or is stuck.
    public var reason: String?
    /// How far each step has come; nil where a worker written by hand knows.
    public internal(set) var progress: String?
    /// The saga's state as text; nil where a worker written by hand keeps it elsewhere.
    public internal(set) var data: String?
    /// When the row last changed.
    public internal(set) var updatedAt: Timestamp

    /// A saga that begins now, claimed by the one who begins it, at epoch 1.
    public init(
        organization: Int64, id: SagaID, definition: String, version definitionVersion: Int64, subject: UUIDv7,
        input: String, step: String, now: Timestamp, lease: Duration
    ) {
        (self.organization, self.id, self.definition) = (organization, id, definition)
        (self.definitionVersion, self.subject, self.input) = (definitionVersion, subject, input)
        (createdAt, updatedAt, dueAt, leaseUntil) = (now, now, now, now + lease)
        (state, self.step, epoch, attempts, entries, reason) = (.running, step, 1, 0, 0, nil)
        (outline, deadline, owner, progress, data) = (nil, nil, nil, nil, nil)
    }

    /// A saga of a definition that begins now. Its lease is its owner's.
    init(
        organization: Int64, id: SagaID, outline: SagaOutline, subject: UUIDv7, deadline: Timestamp?,
        owner: SagaWorkerID, now: Timestamp
    ) {
        (self.organization, self.id, definition) = (organization, id, outline.name)
        (definitionVersion, self.outline, self.subject) = (outline.version, outline.fingerprint, subject)
        (self.deadline, input, self.owner) = (deadline, "{}", owner)
        (createdAt, updatedAt, dueAt, leaseUntil) = (now, now, now, now)
        (state, step, epoch, attempts, entries) = (.running, outline.steps[0].name, 1, 0, 0)
        (reason, progress, data) = (nil, nil, nil)
    }
    /// The row's key.
    public static func key(_ organization: Int64, _ id: SagaID) -> Key<SagaRecord> {
        Key(organization: organization, id: id.uuid)
    }
    /// The row's key.
    public var key: Key<SagaRecord> { Self.key(organization, id) }

    /// Reads the row.
    public init(from row: any ColumnReader) throws {
        organization = try row.integer()
        id = SagaID(try row.uuid())
        definition = try row.text()
        definitionVersion = try row.integer()
        outline = try row.optionalInteger()
        subject = try row.uuid()
        createdAt = try row.timestamp()
        deadline = try row.optionalTimestamp()
        input = try row.text()
        state = try row.value()
        step = try row.text()
        epoch = try row.integer()
        owner = try row.optionalUUID().map { SagaWorkerID($0) }
        leaseUntil = try row.timestamp()
        dueAt = try row.timestamp()
        attempts = try row.integer()
        entries = try row.integer()
        reason = try row.optionalText()
        progress = try row.optionalText()
        data = try row.optionalText()
        updatedAt = try row.timestamp()
    }
    /// Writes the row.
    public func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(id.uuid)
        row.text(definition)
        row.integer(definitionVersion)
        row.integer(outline)
        row.uuid(subject)
        row.timestamp(createdAt)
        row.timestamp(deadline)
        row.text(input)
        row.value(state)
        row.text(step)
        row.integer(epoch)
        row.uuid(owner?.uuid)
        row.timestamp(leaseUntil)
        row.timestamp(dueAt)
        row.integer(attempts)
        row.integer(entries)
        row.text(reason)
        row.text(progress)
        row.text(data)
        row.timestamp(updatedAt)
    }
}
