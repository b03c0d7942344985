import Determinism
import Storage

/// A semantic lock: what a saga has half done is nobody else's to touch until it ends (Richardson, "Microservices
/// Patterns", section 4.3; the countermeasure against reading what a compensation will take back).
///
/// The row is there while somebody holds the lock. Those who wait stand in line in the order in which they asked; a
/// release hands the lock to the first of them in the same commit, so that nobody can come in between.
public struct SagaLockRecord: Record, Hashable {
    /// The most sagas that wait for one lock.
    public static let lineLimit = 256
    /// Locked after the sagas.
    public static let table = Table(
        "saga_locks", rank: 15, key: [.organization, .text("resource")], mutable: ["holder", "since", "waiting"],
        locksAbsentRows: true)

    /// The organization's number.
    public let organization: Int64
    /// What is locked, in words of the definition.
    public let resource: String
    /// Who holds it.
    public internal(set) var holder: SagaID
    /// Since when.
    public internal(set) var since: Timestamp
    /// Who waits, the first in line first.
    public internal(set) var waiting: [SagaID]

    init(organization: Int64, resource: String, holder: SagaID, since: Timestamp) {
        (self.organization, self.resource) = (organization, resource)
        (self.holder, self.since, waiting) = (holder, since, [])
    }
    /// The row's key.
    public static func key(_ organization: Int64, _ resource: String) -> Key<SagaLockRecord> {
        Key(organization: organization, text: resource)
    }
    /// The row's key.
    public var key: Key<SagaLockRecord> { Self.key(organization, resource) }

    /// Reads the row.
    public init(from row: any ColumnReader) throws {
        organization = try row.integer()
        resource = try row.text()
        holder = SagaID(try row.uuid())
        since = try row.timestamp()
        let line = try row.text()
        waiting = try line.split(separator: " ").map { part in
            guard let id = SagaID(String(part)) else { throw StorageError.corrupt("“\(part)” is not a saga's id") }
            return id
        }
    }
    /// Writes the row.
    public func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(resource)
        row.uuid(holder.uuid)
        row.timestamp(since)
        row.text(waiting.map(\.description).joined(separator: " "))
    }
}
