import Determinism
import Storage

/// What a credential may do. Each includes those before it.
package enum Role: String, Sendable, CaseIterable {
    case read
    case write
    case admin

    /// Whether it includes the other one.
    package func includes(_ other: Role) -> Bool {
        switch (self, other) {
        case (.admin, _), (.write, .write), (_, .read): true
        case (.read, _), (.write, .admin): false
        }
    }
}

/// An API key, in the control database. The secret itself is stored nowhere.
package struct APIKeyRecord: Record, Hashable {
    package static let table = Table(
        "api_keys", rank: 30, key: [.id("id")],
        fixed: ["organization", "role", "digest", "created_at"], mutable: ["revoked_at"])

    package let id: APIKeyID
    package let organization: Int64
    package let role: Role
    /// SHA-256 of the secret, in hexadecimal. The secret has 256 random bits, so a slow hash would add nothing.
    package let digest: String
    package let createdAt: Timestamp
    package var revokedAt: Timestamp?

    package init(id: APIKeyID, organization: Int64, role: Role, digest: String, now: Timestamp) {
        (self.id, self.organization, self.role, self.digest) = (id, organization, role, digest)
        (createdAt, revokedAt) = (now, nil)
    }
    package static func key(_ id: APIKeyID) -> Key<APIKeyRecord> { Key(id: id.uuid) }
    package var key: Key<APIKeyRecord> { Self.key(id) }

    package init(from row: any ColumnReader) throws {
        id = APIKeyID(try row.uuid())
        organization = try row.integer()
        role = try row.value()
        digest = try row.text()
        createdAt = try row.timestamp()
        revokedAt = try row.optionalTimestamp()
    }
    package func write(to row: any ColumnWriter) {
        row.uuid(id.uuid)
        row.integer(organization)
        row.value(role)
        row.text(digest)
        row.timestamp(createdAt)
        row.timestamp(revokedAt)
    }
}
