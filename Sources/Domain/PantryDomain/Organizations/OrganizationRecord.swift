import Determinism
import Storage

/// A tenant, in the control database.
package struct OrganizationRecord: Record, Hashable {
    package enum State: String, Sendable {
        /// Its shard does not know it yet; any server may finish that.
        case provisioning
        case active
    }
    package static let table = Table(
        "organizations", rank: 20, key: [.number("number")],
        fixed: ["id", "name", "region", "created_at"], mutable: ["plan", "shard", "epoch", "state"])

    package let number: Int64
    package let id: OrganizationID
    package let name: String
    package let region: String?
    package let createdAt: Timestamp
    package var plan: String
    package var shard: String
    /// Of the shard map: raised when the organization moves.
    package var epoch: Int64
    /// What it begins with.
    package static let firstEpoch: Int64 = 1
    package var state: State

    package init(
        number: Int64, id: OrganizationID, name: String, region: String?, plan: String, shard: String, now: Timestamp
    ) {
        (self.number, self.id, self.name, self.region, createdAt) = (number, id, name, region, now)
        (self.plan, self.shard, epoch, state) = (plan, shard, Self.firstEpoch, .provisioning)
    }
    package static func key(_ number: Int64) -> Key<OrganizationRecord> { Key(number: number) }
    package var key: Key<OrganizationRecord> { Self.key(number) }
    package var tenant: Tenant { Tenant(organization: number, epoch: epoch) }

    package init(from row: any ColumnReader) throws {
        number = try row.integer()
        id = OrganizationID(try row.uuid())
        name = try row.text()
        region = try row.optionalText()
        createdAt = try row.timestamp()
        plan = try row.text()
        shard = try row.text()
        epoch = try row.integer()
        state = try row.value()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(number)
        row.uuid(id.uuid)
        row.text(name)
        row.text(region)
        row.timestamp(createdAt)
        row.text(plan)
        row.text(shard)
        row.integer(epoch)
        row.value(state)
    }
}
