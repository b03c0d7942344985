import Determinism
import Storage
import StrictJSON

/// A session: an organization's user, whoever that is to the organization, and what may be done in the user's name. In
/// the tenant's shard. The secret itself is stored nowhere.
package struct SessionRecord: Record, Hashable {
    package static let table = Table(
        "sessions", rank: 50, key: [.organization, .id("id")],
        fixed: ["subject", "role", "attributes", "digest", "created_at", "expires_at"], mutable: ["ended_at"])
    /// How long a session lasts.
    package static let lifetime: Duration = .seconds(24 * 3_600)

    package let organization: Int64
    package let id: SessionID
    /// The organization's own name for its user.
    package let subject: String
    package let role: Role
    /// A JSON object; nil where there are none.
    package let attributes: String?
    /// SHA-256 of the secret, in hexadecimal. The secret has 256 random bits, so a slow hash would add nothing.
    package let digest: String
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    /// When it was ended before its time. The row goes with those that have expired.
    package var endedAt: Timestamp?

    package init(
        secret: SessionSecret, subject: String, role: Role, attributes: String?, now: Timestamp, expiresAt: Timestamp
    ) {
        (organization, id, digest) = (secret.organization, secret.id, secret.digest)
        (self.subject, self.role, self.attributes) = (subject, role, attributes)
        (createdAt, self.expiresAt, endedAt) = (now, expiresAt, nil)
    }
    package static func key(_ organization: Int64, _ id: SessionID) -> Key<SessionRecord> {
        Key(organization: organization, id: id.uuid)
    }
    package var key: Key<SessionRecord> { Self.key(organization, id) }
    package var reference: SessionReference {
        SessionReference(organization: organization, id: id, expiresAt: expiresAt)
    }

    package init(from row: any ColumnReader) throws {
        organization = try row.integer()
        id = SessionID(try row.uuid())
        subject = try row.text()
        role = try row.value()
        attributes = try row.optionalText()
        digest = try row.text()
        createdAt = try row.timestamp()
        expiresAt = try row.timestamp()
        endedAt = try row.optionalTimestamp()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(id.uuid)
        row.text(subject)
        row.value(role)
        row.text(attributes)
        row.text(digest)
        row.timestamp(createdAt)
        row.timestamp(expiresAt)
        row.timestamp(endedAt)
    }

    /// - Parameter secret: the text to show, once.
    package func document(of organization: OrganizationID, secret: String? = nil) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("id", id.description)
            json.member("organizationId", organization.description)
            json.member("subject", subject)
            json.member("attributes", raw: attributes ?? "{}")
            json.member("role", role.rawValue)
            json.member("createdAt", createdAt.rfc3339)
            json.member("expiresAt", expiresAt.rfc3339)
            if let secret { json.member("token", secret) }
        }
        return json.string()
    }
}

/// Which session a request comes in, without what is known of it.
package struct SessionReference: Sendable, Hashable {
    package let organization: Int64
    package let id: SessionID
    package let expiresAt: Timestamp

    package init(organization: Int64, id: SessionID, expiresAt: Timestamp) {
        (self.organization, self.id, self.expiresAt) = (organization, id, expiresAt)
    }
}

/// The table of ``SessionRecord``.
package enum SessionSchema {
    package static let tables = [
        """
        CREATE TABLE sessions (
          organization {int} NOT NULL, id {id} NOT NULL, subject TEXT NOT NULL,
          role TEXT NOT NULL CHECK (role = 'read' OR role = 'write' OR role = 'admin'), attributes TEXT,
          digest TEXT NOT NULL, created_at {int} NOT NULL,
          expires_at {int} NOT NULL CHECK (expires_at >= created_at), ended_at {int}, version {int} NOT NULL,
          PRIMARY KEY (organization, id)
        ) {table}
        """,
        // For forgetting those that have expired.
        "CREATE INDEX sessions_expiry ON sessions (expires_at)",
    ]

    /// Forgets sessions that expired before a moment, in small transactions, because commands wait meanwhile.
    /// - Returns: how many were forgotten; 0 when there are no more.
    package static func forget(
        expiredBefore moment: Timestamp, limit: Int, in database: any Database
    ) async throws -> Int {
        // Looked for first: a commit with nothing in it would still be a sync of the disk.
        let old = try await database.read(
            SQLStatement("SELECT 1 FROM sessions WHERE expires_at < $1 LIMIT 1", [.integer(moment.microseconds)]),
            .strong)
        if old.isEmpty { return 0 }
        return try await database.write { transaction in
            try await transaction.execute(
                SQLStatement(
                    """
                    DELETE FROM sessions WHERE (organization, id) IN (
                      SELECT organization, id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)
                    RETURNING expires_at
                    """, [.integer(moment.microseconds), .integer(Int64(limit))])
            ).count
        }
    }
}

/// What a new session's document says of it. A repeated request has nothing but the first one's document.
struct NewSession {
    let id: SessionID
    let expiresAt: Timestamp

    init?(document: String) {
        guard let members = (try? JSONReader.parse(document))?.object,
            let id = members["id"]?.string.flatMap({ SessionID($0) }),
            let expiresAt = members["expiresAt"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        (self.id, self.expiresAt) = (id, expiresAt)
    }
}
