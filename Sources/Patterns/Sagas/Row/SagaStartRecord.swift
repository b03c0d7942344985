import Determinism
import Storage

/// The key that a saga was begun with: begun again with the same key, it is the same saga.
public struct SagaStartRecord: Record, Hashable {
    /// Locked before the sagas: whoever begins one comes through its key.
    public static let table = Table(
        "saga_starts", rank: 6, key: [.organization, .text("key")], mutable: ["saga", "at"], locksAbsentRows: true)

    /// The organization's number.
    public let organization: Int64
    /// The definition's name and the caller's key.
    public let text: String
    /// The saga.
    public let saga: SagaID
    /// When it began.
    public let at: Timestamp

    init(organization: Int64, text: String, saga: SagaID, at: Timestamp) {
        (self.organization, self.text, self.saga, self.at) = (organization, text, saga, at)
    }
    /// The row's key.
    public static func key(_ organization: Int64, _ definition: String, _ key: String) -> Key<SagaStartRecord> {
        Key(organization: organization, text: "\(definition)/\(key)")
    }
    /// The row's key.
    public var key: Key<SagaStartRecord> { Key(organization: organization, text: text) }

    /// Reads the row.
    public init(from row: any ColumnReader) throws {
        organization = try row.integer()
        text = try row.text()
        saga = SagaID(try row.uuid())
        at = try row.timestamp()
    }
    /// Writes the row.
    public func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(text)
        row.uuid(saga.uuid)
        row.timestamp(at)
    }
}
