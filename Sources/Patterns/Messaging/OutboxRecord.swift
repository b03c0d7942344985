import Determinism
import Storage

/// The kind of an event's id, `evt_…`.
public enum EventKind: IdentifierKind {
    /// `evt`
    public static let prefix = "evt"
}
/// An event's id.
public typealias EventID = Identifier<EventKind>

/// An event that waits in its organization's outbox, in the same transaction as the change that it tells of.
///
/// Order: consumers order the events of a key by `sequence`, which is taken under the lock of the row that the key
/// names. `position` is stamped after the commit, see ``OutboxStamp``; streams and replays resume by it. No id is ever
/// used as a watermark, so a row that commits late is not skipped.
///
/// The shape is that of CloudEvents 1.0; `data` is its JSON.
public struct OutboxRecord: Record, Hashable {
    /// How many partitions an organization's events may be in.
    public static let partitions: Int64 = 64
    /// Append-only for commands; only ``OutboxStamp`` touches `position`.
    public static let table = Table(
        "outbox", rank: 90, key: [.organization, .text("key"), .number("sequence")],
        fixed: ["id", "type", "partition", "position", "time", "traceparent", "data"])

    /// The organization's number.
    public let organization: Int64
    /// What the event is ordered under: an order's id, a SKU.
    public let eventKey: String
    /// 1, 2, 3 … for each key.
    public let sequence: Int64
    /// The event's id.
    public let id: EventID
    /// `resource:verb`.
    public let type: String
    /// Under whose lock its organization's events get their positions.
    public let partition: Int64
    /// Given after the commit; nil until then.
    public let position: Int64?
    /// When it happened.
    public let time: Timestamp
    /// W3C trace context of the request that caused it.
    public let traceparent: String?
    /// JSON.
    public let data: String

    /// An event that has not been relayed.
    public init(
        organization: Int64, key: String, sequence: Int64, id: EventID, type: String, time: Timestamp,
        traceparent: String?, data: String
    ) {
        (self.organization, eventKey, self.sequence, self.id) = (organization, key, sequence, id)
        (self.type, self.time, self.traceparent, self.data) = (type, time, traceparent, data)
        partition = Self.partition(ofSlot: id.uuid.slot)
        position = nil
    }
    /// The partition of events whose ids carry that slot. All of an organization's ids carry the same one.
    public static func partition(ofSlot slot: UInt16) -> Int64 { Int64(slot) % partitions }
    /// The row's key.
    public var key: Key<OutboxRecord> { Key(organization: organization, text: eventKey, number: sequence) }

    /// Reads the row.
    public init(from row: any ColumnReader) throws {
        organization = try row.integer()
        eventKey = try row.text()
        sequence = try row.integer()
        id = EventID(try row.uuid())
        type = try row.text()
        partition = try row.integer()
        position = try row.optionalInteger()
        time = try row.timestamp()
        traceparent = try row.optionalText()
        data = try row.text()
    }
    /// Writes the row.
    public func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(eventKey)
        row.integer(sequence)
        row.uuid(id.uuid)
        row.text(type)
        row.integer(partition)
        row.integer(position)
        row.timestamp(time)
        row.text(traceparent)
        row.text(data)
    }
}
