import Determinism
import Storage
import StrictJSON

/// Adds an organization in state `provisioning`, with its first key. Its shard learns of it next.
struct CreateOrganization: AnsweringCommand {
    let name: String
    let region: String?
    let plan: String
    let home: @Sendable (Int64) -> String
    let seed: UInt64
    let random: any RandomSource
    let secretOf: @Sendable (APIKeyID) -> APIKeySecret
    let seal: FleetSeal
    static let counter = "organizations"

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(CounterRecord.key(Self.counter))] }

    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        var counter = work[CounterRecord.key(Self.counter)] ?? CounterRecord(name: Self.counter, value: 0)
        let number = counter.value
        counter.value += 1
        work.put(counter)
        var mint = IdentifierMint(seed: seed, slot: Slot.of(organization: number))
        let record = OrganizationRecord(
            number: number, id: mint.next(at: now), name: name, region: region, plan: plan, shard: home(number),
            now: now)
        work.insert(record)
        let secret = secretOf(mint.next(at: now))
        work.insert(APIKeyRecord(id: secret.id, organization: number, role: .admin, digest: secret.digest, now: now))
        // The answer holds the key in clear, so what is kept for a replay is sealed.
        let document = record.document(apiKey: secret.text)
        return .answer(Answer(kind: .created, document: seal.seal(document, for: .answer)))
    }
}

/// The shard knows the organization: it is open for business.
struct ActivateOrganization: LaneCommand {
    let number: Int64
    func needs(_ loaded: WorkingSet) -> [Need] { [.row(OrganizationRecord.key(number))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
        guard var record = work[OrganizationRecord.key(number)], record.state == .provisioning else {
            return .discard(false)
        }
        record.state = .active
        work.put(record)
        return .commit(true)
    }
}

/// Lets a shard serve an organization. Done twice, it is done once.
struct RaiseFence: LaneCommand {
    let number: Int64
    let epoch: Int64
    func needs(_ loaded: WorkingSet) -> [Need] { [.row(FenceRecord.key(number))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
        if let fence = work[FenceRecord.key(number)], fence.epoch >= epoch { return .discard(false) }
        work.put(FenceRecord(organization: number, epoch: epoch, state: .active))
        return .commit(true)
    }
}

struct SetPlan: AnsweringCommand {
    let number: Int64
    let plan: String
    func needs(_ loaded: WorkingSet) -> [Need] { [.row(OrganizationRecord.key(number))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        guard var record = work[OrganizationRecord.key(number)] else {
            return .refuse(.notFound("there is no such organization"))
        }
        record.plan = plan
        work.put(record)
        return .answer(Answer(kind: .ok, document: record.document(apiKey: nil)))
    }
}

struct CreateAPIKey: AnsweringCommand {
    let organization: Int64
    let role: Role
    let seed: UInt64
    let secretOf: @Sendable (APIKeyID) -> APIKeySecret
    let seal: FleetSeal
    func needs(_ loaded: WorkingSet) -> [Need] { [.row(OrganizationRecord.key(organization))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        guard work[OrganizationRecord.key(organization)] != nil else {
            return .refuse(.notFound("there is no such organization"))
        }
        var mint = IdentifierMint(seed: seed, slot: Slot.of(organization: organization))
        let secret = secretOf(mint.next(at: now))
        let record = APIKeyRecord(
            id: secret.id, organization: organization, role: role, digest: secret.digest, now: now)
        work.insert(record)
        return .answer(
            Answer(kind: .created, document: seal.seal(record.document(secret: secret.text), for: .answer)))
    }
}

struct RevokeAPIKey: AnsweringCommand {
    let organization: Int64
    let id: APIKeyID
    func needs(_ loaded: WorkingSet) -> [Need] { [.row(APIKeyRecord.key(id))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        guard var record = work[APIKeyRecord.key(id)], record.organization == organization, record.revokedAt == nil
        else {
            return .refuse(.notFound("there is no key “\(id)”"))
        }
        record.revokedAt = now
        work.put(record)
        return .answer(Answer(kind: .noContent, document: ""))
    }
}

extension OrganizationRecord {
    func document(apiKey: String?) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("id", id.description)
            json.member("number", number)
            json.member("name", name)
            json.member("plan", plan)
            json.member("region", region)
            json.member("shard", shard)
            json.member("createdAt", createdAt.rfc3339)
            if let apiKey { json.member("apiKey", apiKey) }
        }
        return json.string()
    }
}

/// Where an organization was at home when it was written about: what a document of it says. A repeated request has
/// nothing but the first one's document.
package struct OrganizationHome: Sendable {
    package let number: Int64
    package let shard: String

    /// nil where the document is not one of an organization.
    package init?(document: String) {
        guard let members = (try? JSONReader.parse(document))?.object, let number = members["number"]?.integer,
            let shard = members["shard"]?.string
        else { return nil }
        (self.number, self.shard) = (number, shard)
    }
}

extension APIKeyRecord {
    func document(secret: String?) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("id", id.description)
            json.member("role", role.rawValue)
            json.member("createdAt", createdAt.rfc3339)
            json.member("revokedAt", revokedAt?.rfc3339)
            if let secret { json.member("apiKey", secret) }
        }
        return json.string()
    }
}
