import Determinism
import Storage

/// The memory of a request that carried an `Idempotency-Key`: written in the transaction of the request's own effect,
/// so that either both are there or neither is.
package struct IdempotencyRecord: Record, Hashable {
    package enum State: String, Sendable {
        /// The first attempt is under way; `subject` and `saga` say where.
        case running
        /// Settled: `kind` and `document` are the answer.
        case settled
    }
    /// The first lock after the fence.
    package static let table = Table(
        "idempotency_keys", rank: 5, key: [.organization, .text("scope")],
        fixed: ["fingerprint", "created_at"], mutable: ["state", "kind", "document", "subject", "saga"],
        cacheBytes: 1 << 20, locksAbsentRows: true)

    package let organization: Int64
    /// The route and the key, as in `orders:create 4f1c…`.
    package let scope: String
    /// What the request said, so that the same key with another body is found out.
    package let fingerprint: String
    package let createdAt: Timestamp
    package var state: State
    package var kind: AnswerKind?
    package var document: String?
    package var subject: UUIDv7?
    package var saga: UUIDv7?

    package init(
        organization: Int64, request: RequestKey, now: Timestamp, state: State, answer: Answer?, subject: UUIDv7? = nil,
        saga: UUIDv7? = nil
    ) {
        (self.organization, scope, fingerprint) = (organization, request.scope, request.fingerprint)
        (createdAt, self.state, kind, document) = (now, state, answer?.kind, answer?.document)
        (self.subject, self.saga) = (subject, saga)
    }
    package static func key(_ organization: Int64, _ scope: String) -> Key<IdempotencyRecord> {
        Key(organization: organization, text: scope)
    }
    package var key: Key<IdempotencyRecord> { Self.key(organization, scope) }

    package init(from row: any ColumnReader) throws {
        organization = try row.integer()
        scope = try row.text()
        fingerprint = try row.text()
        createdAt = try row.timestamp()
        state = try row.value()
        kind = try row.optionalText().flatMap(AnswerKind.init(rawValue:))
        document = try row.optionalText()
        subject = try row.optionalUUID()
        saga = try row.optionalUUID()
    }
    package func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(scope)
        row.text(fingerprint)
        row.timestamp(createdAt)
        row.value(state)
        row.text(kind?.rawValue)
        row.text(document)
        row.uuid(subject)
        row.uuid(saga)
    }

    package var answer: Answer? {
        guard state == .settled, let kind, let document else { return nil }
        return Answer(kind: kind, document: document)
    }
}

/// What kind of answer a document is; the HTTP floor gives each its status.
package enum AnswerKind: String, Sendable {
    case ok
    case created
    /// An order that is not settled yet.
    case accepted
    case noContent
    /// `document` is `{"declineCode": …}`.
    case paymentDeclined
    /// `document` is the array of short lines.
    case outOfStock
}

/// An answer as it is kept for replay: JSON that goes out as it is.
package struct Answer: Sendable, Hashable {
    package var kind: AnswerKind
    package var document: String
    package init(kind: AnswerKind, document: String) { (self.kind, self.document) = (kind, document) }
}

/// The idempotency key of a request with its scope, and a fingerprint of what the request said.
package struct RequestKey: Sendable, Hashable {
    package let scope: String
    package let fingerprint: String
    /// - Parameters:
    ///   - route: the route's pattern; keys of different routes do not meet.
    ///   - fingerprint: a digest of path and canonical body.
    package init(route: String, key: String, fingerprint: String) {
        self.init(scope: "\(route) \(key)", fingerprint: fingerprint)
    }
    private init(scope: String, fingerprint: String) { (self.scope, self.fingerprint) = (scope, fingerprint) }

    /// The same key of a request that says this as well, though neither in its path nor in its body: who sends it.
    package func saying(_ detail: String) -> RequestKey {
        RequestKey(scope: scope, fingerprint: "\(fingerprint) \(detail)")
    }
}
