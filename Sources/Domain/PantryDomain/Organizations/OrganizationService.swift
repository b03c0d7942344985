import Determinism
import Storage

/// Organizations and their keys, in the control database.
package final class OrganizationService: Sendable {
    private let database: any Database
    private let lane: WriteLane
    let shards: ShardDirectory
    private let plans: Set<String>
    private let time: any TimeSource
    private let random: any RandomSource
    private let cache = ControlCache()
    /// Reads of keys that nobody has shown before; well below what a pool lets wait.
    private let keyReads = ReadGate(limit: 256)
    package let secrets: FleetSecrets
    package var seal: FleetSeal { secrets.seal }
    /// How long a key or an organization is served from memory.
    private let freshness: Duration = .seconds(5)

    /// - Parameters:
    ///   - plans: the names of the configured plans.
    ///   - random: of API keys too, so a secure one in production.
    package init(
        database: any Database, lane: WriteLane, shards: ShardDirectory, plans: Set<String>, secrets: FleetSecrets,
        time: any TimeSource, random: any RandomSource
    ) {
        (self.database, self.lane, self.shards, self.plans) = (database, lane, shards, plans)
        (self.secrets, self.time, self.random) = (secrets, time, random)
    }

    // MARK: organizations

    /// - Parameters:
    ///   - plan: nil for the default plan.
    ///   - trail: told how far the organization's shard had come when it knew of it; not where that was done by
    ///     somebody else, or is still to be done.
    package func create(
        name: String, plan: String?, region: String?, key: RequestKey?, trail: CommitTrail = CommitTrail()
    ) async throws(Refusal) -> KeyedAnswer {
        let plan = try known(plan: plan ?? "standard")
        let (random, homes) = (random, shards.shards.map(\.name))
        let command = CreateOrganization(
            name: name, region: region, plan: plan, home: { homes[Int(Slot.of(organization: $0)) % homes.count] },
            seed: random.next(), random: random, secretOf: { APIKeySecret(id: $0, random: random) }, seal: seal)
        let kept = try opened(try await answer(command, organization: 0, key: key))
        var trails: [Int64: CommitTrail] = [:]
        if let home = OrganizationHome(document: kept.answer.document) { trails[home.number] = trail }
        // Its answer, which holds its only key, is not withheld when the shard is away: its first request heals that.
        try? await finishProvisioning(noting: trails)
        return kept
    }

    /// Tells shards of the organizations that they do not know yet: after a creation, and after a crash in one. Those
    /// of a shard that is away do not hold up the others.
    /// - Parameter trails: by the number of an organization, what is told how far its shard had come then.
    /// - Throws: why one of them could not be finished, after the others were.
    package func finishProvisioning(noting trails: [Int64: CommitTrail] = [:]) async throws(Refusal) {
        let rows = try await read(
            SQLStatement("\(OrganizationRecord.table.selectAllText) WHERE state = 'provisioning' ORDER BY number"))
        var failure: Refusal?
        var lostShards: Set<String> = []
        for row in rows.rows[0] {
            let record: OrganizationRecord = try decoded { try row.record() }
            if lostShards.contains(record.shard) { continue }
            do throws(Refusal) { try await provision(record, trails[record.number]) } catch {
                lostShards.insert(record.shard)
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    private func provision(_ record: OrganizationRecord, _ trail: CommitTrail? = nil) async throws(Refusal) {
        let shard = try shards.shard(record.shard)
        do {
            let deadline = time.instant() + .seconds(10)
            _ = try await shard.lane.submit(
                RaiseFence(number: record.number, epoch: record.epoch), tenant: nil, deadline: deadline, trail: trail)
            _ = try await lane.submit(ActivateOrganization(number: record.number), tenant: nil, deadline: deadline)
        } catch { throw Refusal(error) }
        cache.forget(record.number)
    }

    package func list(after: Int64?, limit: Int) async throws(Refusal) -> Page {
        let rows = try await read(
            SQLStatement(
                "\(OrganizationRecord.table.selectAllText) WHERE number > $1 ORDER BY number LIMIT $2",
                [.integer(after ?? -1), .integer(Int64(limit + 1))]))
        let records: [OrganizationRecord] = try decoded { try rows.rows[0].map { try $0.record() } }
        return Page(
            items: records.prefix(limit).map { $0.document(apiKey: nil) },
            next: records.count > limit ? String(records[limit - 1].number) : nil, servedBy: rows.servedBy)
    }

    package func show(_ id: OrganizationID) async throws(Refusal) -> Served {
        let (record, servedBy) = try await stored(id)
        return Served(document: record.document(apiKey: nil), servedBy: servedBy)
    }

    /// The number that an id stands for.
    package func number(of id: OrganizationID) async throws(Refusal) -> Int64 { try await stored(id).0.number }

    package func setPlan(_ id: OrganizationID, plan: String, key: RequestKey?) async throws(Refusal) -> KeyedAnswer {
        let plan = try known(plan: plan)
        let number = try await number(of: id)
        let kept = try await answer(SetPlan(number: number, plan: plan), organization: 0, key: key)
        cache.forget(number)
        return kept
    }

    /// The organization with that number, from memory if it was read a moment ago.
    package func organization(_ number: Int64) async throws(Refusal) -> OrganizationRecord {
        let now = time.instant()
        let cached = cache.organization(number)
        if let cached, cached.readAt + freshness > now { return cached.record }
        let generation = cache.generation
        do throws(Refusal) {
            let rows = try await read(
                SQLStatement("\(OrganizationRecord.table.selectAllText) WHERE number = $1", [.integer(number)]))
            guard let row = rows.rows[0].first else { throw Refusal.notFound("there is no such organization") }
            let record: OrganizationRecord = try decoded { try row.record() }
            cache.remember(record, at: now, since: generation)
            return record
        } catch {
            // The control database is away: go on serving what is known.
            if case .shardUnavailable = error, let cached { return cached.record }
            throw error
        }
    }

    /// The organizations that an id with this slot may belong to, each with its place.
    func organizations(inSlot slot: UInt16) async throws(Refusal) -> [OrganizationRecord] {
        let rows = try await read(SQLStatement("SELECT MAX(number) FROM organizations", []))
        let count: Int64 = try decoded { try rows.rows[0].first?.optionalInteger(0) ?? -1 } + 1
        var found: [OrganizationRecord] = []
        for number in 0..<count where Slot.of(organization: number) == slot {
            do throws(Refusal) { found.append(try await organization(number)) } catch {
                // A number that a failed creation has left out.
                guard case .notFound = error else { throw error }
            }
        }
        return found
    }

    /// Forgets what is known of an organization: somebody knows it better.
    package func forget(_ number: Int64) { cache.forget(number) }

    /// Where an organization's requests go.
    package func context(
        for number: Int64, traceparent: String?, deadline: Instant, trail: CommitTrail = CommitTrail()
    ) async throws(Refusal) -> TenantContext {
        var record = try await organization(number)
        if record.state == .provisioning {
            try await provision(record)
            record = try await organization(number)
        }
        guard record.state == .active else { throw .shardUnavailable("the organization is still being set up") }
        return TenantContext(
            shard: try shards.shard(record.shard),
            caller: Caller(tenant: record.tenant, organizationID: record.id, traceparent: traceparent), now: time.now(),
            deadline: deadline, trail: trail)
    }

    // MARK: keys

    package func createKey(organization: Int64, role: Role, key: RequestKey?) async throws(Refusal) -> KeyedAnswer {
        let random = random
        let command = CreateAPIKey(
            organization: organization, role: role, seed: random.next(),
            secretOf: { APIKeySecret(id: $0, random: random) }, seal: seal)
        return try opened(try await answer(command, organization: organization, key: key))
    }

    package func keys(organization: Int64, after: APIKeyID?, limit: Int) async throws(Refusal) -> Page {
        let rows = try await read(
            SQLStatement(
                "\(APIKeyRecord.table.selectAllText) WHERE organization = $1 AND id > $2 ORDER BY id LIMIT $3",
                [
                    .integer(organization), .uuid(after?.uuid ?? UUIDv7(high: 0, low: 0)), .integer(Int64(limit + 1)),
                ]))
        let records: [APIKeyRecord] = try decoded { try rows.rows[0].map { try $0.record() } }
        return Page(
            items: records.prefix(limit).map { $0.document(secret: nil) },
            next: records.count > limit ? records[limit - 1].id.description : nil, servedBy: rows.servedBy)
    }

    package func revokeKey(organization: Int64, id: APIKeyID, key: RequestKey?) async throws(Refusal) -> KeyedAnswer {
        let kept = try await answer(
            RevokeAPIKey(organization: organization, id: id), organization: organization, key: key)
        cache.forget(id)
        return kept
    }

    /// Who sent that key; nil for a key that is unknown, wrong or revoked.
    package func authenticate(_ text: String) async throws(Refusal) -> Credential? {
        guard let secret = APIKeySecret(text) else { return nil }
        let now = time.instant()
        var record = cache.key(secret.id).flatMap { $0.readAt + freshness > now ? $0.record : nil }
        if record == nil {
            let generation = cache.generation
            // Whoever makes keys up must not take all of the control database from those who have one.
            let isNew = cache.key(secret.id) == nil
            if isNew, !keyReads.enter() { throw .overloaded("too many keys are being looked up") }
            defer { if isNew { keyReads.leave() } }
            do throws(Refusal) {
                let rows = try await read(
                    SQLStatement("\(APIKeyRecord.table.selectAllText) WHERE id = $1", [.uuid(secret.id.uuid)]))
                record = try decoded { try rows.rows[0].first?.record() }
                // A key that does not exist is not remembered: anybody can make those up.
                if let record { cache.remember(record, at: now, since: generation) }
            } catch {
                guard case .shardUnavailable = error, let known = cache.key(secret.id) else { throw error }
                record = known.record
            }
        }
        guard let record, record.revokedAt == nil, secret.matches(record.digest) else { return nil }
        return Credential(organization: record.organization, role: record.role, key: record.id)
    }

    // MARK: the control database

    private func known(plan: String) throws(Refusal) -> String {
        guard plans.contains(plan) else {
            let known = plans.sorted().joined(separator: ", ")
            throw .invalid([FieldProblem("/plan", "unknown-plan", "there is no plan “\(plan)”; the plans are \(known)")]
            )
        }
        return plan
    }

    private func stored(_ id: OrganizationID) async throws(Refusal) -> (OrganizationRecord, String) {
        let rows = try await read(
            SQLStatement("\(OrganizationRecord.table.selectAllText) WHERE id = $1", [.uuid(id.uuid)]))
        guard let row = rows.rows[0].first else { throw .notFound("there is no organization “\(id)”") }
        return (try decoded { try row.record() }, rows.servedBy)
    }

    private func answer<C: AnsweringCommand>(
        _ command: C, organization: Int64, key: RequestKey?
    ) async throws(Refusal) -> KeyedAnswer {
        let outcome: KeyedOutcome
        do {
            outcome = try await lane.submit(
                IdempotentCommand(command, organization: organization, request: key), tenant: nil,
                deadline: time.instant() + .seconds(10))
        } catch { throw Refusal(error) }
        switch outcome {
        case .answer(let answer, let isReplay): return KeyedAnswer(answer: answer, isReplay: isReplay)
        case .refused(let refusal): throw refusal
        }
    }

    private func opened(_ kept: KeyedAnswer) throws(Refusal) -> KeyedAnswer {
        guard let document = seal.open(kept.answer.document, for: .answer) else {
            throw .shardUnavailable("the kept answer was sealed with a secret that is gone")
        }
        return KeyedAnswer(answer: Answer(kind: kept.answer.kind, document: document), isReplay: kept.isReplay)
    }

    private func read(_ statement: SQLStatement) async throws(Refusal) -> ReadResult {
        do { return try await database.read([statement], .strong) } catch { throw Refusal(error) }
    }

    private func decoded<Value>(_ body: () throws -> Value) throws(Refusal) -> Value {
        do { return try body() } catch { throw .shardUnavailable("the control database holds something unreadable") }
    }
}
