import Determinism
import Storage

/// A signal to a saga: one of each name waits at a time, and may come before the saga waits for it.
public struct SagaSignalRecord: Record, Hashable {
    /// Locked after the sagas.
    public static let table = Table(
        "saga_signals", rank: 16, key: [.organization, .text("name"), .id("saga")],
        mutable: ["key", "payload", "at", "is_taken"], locksAbsentRows: true)

    /// The organization's number.
    public let organization: Int64
    /// The signal's name.
    public let name: String
    /// Whom it is for.
    public let saga: SagaID
    /// The sender's key: the same signal sent again is the same signal.
    public internal(set) var token: String
    /// What it says.
    public internal(set) var payload: String
    /// When it came.
    public internal(set) var at: Timestamp
    /// Whether the saga has taken it.
    public internal(set) var isTaken: Bool

    init(organization: Int64, saga: SagaID, name: String, token: String, payload: String, at: Timestamp) {
        (self.organization, self.saga, self.name) = (organization, saga, name)
        (self.token, self.payload, self.at, isTaken) = (token, payload, at, false)
    }
    /// The row's key.
    public static func key(_ organization: Int64, _ saga: SagaID, _ name: String) -> Key<SagaSignalRecord> {
        Key(organization: organization, text: name, id: saga.uuid)
    }
    /// The row's key.
    public var key: Key<SagaSignalRecord> { Self.key(organization, saga, name) }

    /// Reads the row.
    public init(from row: any ColumnReader) throws {
        organization = try row.integer()
        name = try row.text()
        saga = SagaID(try row.uuid())
        token = try row.text()
        payload = try row.text()
        at = try row.timestamp()
        isTaken = try row.integer() != 0
    }
    /// Writes the row.
    public func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(name)
        row.uuid(saga.uuid)
        row.text(token)
        row.text(payload)
        row.timestamp(at)
        row.integer(isTaken ? 1 : 0)
    }
}
