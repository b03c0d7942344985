import Determinism
import Storage

/// What a session is to be like, checked already.
package struct SessionRequest: Sendable {
    package var subject: String
    package var role: Role
    /// A JSON object.
    package var attributes: String?
    /// When the credential ends that asks for it; nil for one that does not. A session ends no later than the one that
    /// made it, or whoever got hold of one could go on for ever.
    package var latestEnd: Timestamp?

    package init(subject: String, role: Role, attributes: String?, latestEnd: Timestamp?) {
        (self.subject, self.role, self.attributes, self.latestEnd) = (subject, role, attributes, latestEnd)
    }
}

struct CreateSession: AnsweringCommand {
    let caller: Caller
    let request: SessionRequest
    let seed: UInt64
    let bits: [UInt8]
    let seal: FleetSeal

    func needs(_ loaded: WorkingSet) -> [Need] { [] }
    func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        let number = caller.tenant.organization
        var mint = IdentifierMint(seed: seed, slot: Slot.of(organization: number))
        let secret = SessionSecret(id: mint.next(at: now), organization: number, bits: bits)
        let usual = now + SessionRecord.lifetime
        let record = SessionRecord(
            secret: secret, subject: request.subject, role: request.role, attributes: request.attributes, now: now,
            expiresAt: max(now, min(usual, request.latestEnd ?? usual)))
        work.insert(record)
        // The answer holds the token in clear, so what is kept for a replay is sealed.
        let document = record.document(of: caller.organizationID, secret: secret.text)
        return .answer(Answer(kind: .created, document: seal.seal(document, for: .answer)))
    }
}

/// Ends a session. Done twice, or of one that is forgotten already, it is done as well: who is known by a copy of some
/// seconds ago need not be told that somebody else was faster.
struct EndSession: AnsweringCommand {
    let organization: Int64
    let id: SessionID

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(SessionRecord.key(organization, id))] }
    func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        if var session = work[SessionRecord.key(organization, id)], session.endedAt == nil {
            session.endedAt = now
            work.put(session)
        }
        return .answer(Answer(kind: .noContent, document: ""))
    }
}
