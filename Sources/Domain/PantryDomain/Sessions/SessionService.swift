import Determinism
import Storage

/// Sessions: made and ended in the shard of their organization, and known by what this server remembers of them.
package final class SessionService: Sendable {
    private let organizations: OrganizationService
    private let time: any TimeSource
    private let random: any RandomSource
    private let cache: SessionCache
    /// Reads of sessions that nobody has shown before; well below what a pool lets wait.
    private let reads = ReadGate(limit: 256)
    package let positions: any SessionPositions

    /// - Parameter random: of tokens too, so a secure one in production.
    package convenience init(
        organizations: OrganizationService, positions: any SessionPositions = NoSessionPositions(),
        time: any TimeSource, random: any RandomSource
    ) {
        self.init(
            organizations: organizations, positions: positions, cache: SessionCache(), time: time, random: random)
    }

    init(
        organizations: OrganizationService, positions: any SessionPositions, cache: SessionCache,
        time: any TimeSource, random: any RandomSource
    ) {
        (self.organizations, self.positions, self.cache) = (organizations, positions, cache)
        (self.time, self.random) = (time, random)
    }

    // MARK: writing

    /// A new session; its answer's document holds its token, also when it is a repeat's.
    package func create(
        _ request: SessionRequest, key: RequestKey?, in context: TenantContext
    ) async throws(Refusal) -> KeyedAnswer {
        let seal = organizations.seal
        let command = CreateSession(
            caller: context.caller, request: request, seed: random.next(), bits: SessionSecret.bits(random), seal: seal)
        let kept = try await context.answer(command, key: key)
        // A repeat may have been sealed by another server, with a secret that was not known here before.
        guard
            let document = seal.open(kept.answer.document, for: .answer)
                ?? organizations.seal.open(kept.answer.document, for: .answer)
        else { throw .shardUnavailable("the kept answer was sealed with a secret that is not known here") }
        return KeyedAnswer(answer: Answer(kind: kept.answer.kind, document: document), isReplay: kept.isReplay)
    }

    /// Ends a session, here at once, on other servers within the time that they remember it.
    package func end(
        _ session: SessionReference, key: RequestKey?, in context: TenantContext
    ) async throws(Refusal) -> KeyedAnswer {
        let kept = try await context.answer(
            EndSession(organization: session.organization, id: session.id), key: key)
        cache.end(SessionCache.Name(organization: session.organization, id: session.id), at: time.instant())
        return kept
    }

    /// The session that a document of a new one is about.
    package func reference(of document: String, _ organization: Int64) -> SessionReference? {
        NewSession(document: document).map {
            SessionReference(organization: organization, id: $0.id, expiresAt: $0.expiresAt)
        }
    }

    // MARK: knowing

    /// The session that a text belongs to; nil for one that is unknown, wrong, ended or expired.
    /// - Throws: when nothing is remembered that is fresh enough, and its shard cannot be asked.
    package func authenticate(_ text: String) async throws(Refusal) -> SessionRecord? {
        guard let secret = SessionSecret(text) else { return nil }
        let name = SessionCache.Name(organization: secret.organization, id: secret.id)
        guard let record = try await entry(name).record, secret.matches(record.digest), isOpen(record) else {
            return nil
        }
        return record
    }

    /// A session as it was at most some seconds ago, and how long ago; nil when it has ended.
    package func current(_ session: SessionReference) async throws(Refusal) -> (SessionRecord, age: Duration)? {
        let entry = try await entry(SessionCache.Name(organization: session.organization, id: session.id))
        guard let record = entry.record, isOpen(record) else { return nil }
        return (record, max(.zero, time.instant() - entry.readAt))
    }

    /// A session as its shard has it now, and who says so; nil when it has ended.
    package func stored(_ session: SessionReference) async throws(Refusal) -> (SessionRecord, servedBy: String)? {
        let name = SessionCache.Name(organization: session.organization, id: session.id)
        let (record, servedBy) = try await read(name)
        guard let record, record.endedAt == nil, isOpen(record) else { return nil }
        return (record, servedBy)
    }

    private func isOpen(_ record: SessionRecord) -> Bool { time.now() < record.expiresAt }

    private func entry(_ name: SessionCache.Name) async throws(Refusal) -> SessionCache.Entry {
        while true {
            let now = time.instant()
            switch cache.turn(name, at: now) {
            case .known(let entry): return entry
            case .asks(let flight):
                let outcome = await ask(name, at: now)
                cache.settle(flight, outcome, of: name)
                switch outcome {
                case .found(let entry): return entry
                case .refused(let refusal): throw refusal
                case .abandoned: throw .overloaded("the request was given up")
                }
            case .waits(let flight):
                switch await flight.outcome() {
                case .found(let entry): return entry
                case .refused(let refusal): throw refusal
                case .abandoned: continue
                }
            }
        }
    }

    private func ask(_ name: SessionCache.Name, at now: Instant) async -> SessionCache.Outcome {
        // Whoever makes tokens up must not take all of a shard from those who have one.
        let isNew = !cache.hasSeen(name)
        if isNew, !reads.enter() { return .refused(.overloaded("too many sessions are being looked up")) }
        defer { if isNew { reads.leave() } }
        do throws(Refusal) {
            let record = try await read(name).0
            return .found(SessionCache.Entry(record: record?.endedAt == nil ? record : nil, readAt: now))
        } catch {
            // It failed because its own client has left, which is not the others' affair.
            return Task.isCancelled ? .abandoned : .refused(error)
        }
    }

    /// Asks the primary: a replica may be as far behind as what is remembered here, and both together would be twice
    /// the time within which an end is heard of. A session that was just made elsewhere is found, too.
    private func read(_ name: SessionCache.Name) async throws(Refusal) -> (SessionRecord?, String) {
        let context: TenantContext
        do throws(Refusal) {
            context = try await organizations.context(
                for: name.organization, traceparent: nil, deadline: time.instant() + .seconds(5))
        } catch {
            // Made up.
            if case .notFound = error { return (nil, "") }
            throw error
        }
        let result = try await context.read(
            [
                SQLStatement(
                    "\(SessionRecord.table.selectAllText) WHERE organization = $1 AND id = $2",
                    [.integer(name.organization), .uuid(name.id.uuid)])
            ], .strong)
        do { return (try result.rows[0].first?.record(), result.servedBy) } catch {
            throw .shardUnavailable("the shard holds something unreadable")
        }
    }
}
