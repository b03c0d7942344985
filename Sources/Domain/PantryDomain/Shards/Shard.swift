import Determinism
import Sagas
import Storage

/// A shard as the domain's services use it: where an organization's rows are read, and the lane that writes them.
package struct Shard: Sendable {
    package let name: String
    package let database: any Database
    package let lane: WriteLane
    package let sagas: OrderSagas

    package init(name: String, database: any Database, lane: WriteLane, sagas: OrderSagas) {
        (self.name, self.database, self.lane, self.sagas) = (name, database, lane, sagas)
    }
}

/// All shards of an installation, by name.
package struct ShardDirectory: Sendable {
    package let shards: [Shard]

    package init(_ shards: [Shard]) { self.shards = shards }

    /// - Throws: ``Refusal/shardUnavailable(_:)`` when no shard has that name.
    package func shard(_ name: String) throws(Refusal) -> Shard {
        guard let shard = shards.first(where: { $0.name == name }) else {
            throw .shardUnavailable("shard “\(name)” is not in this server's configuration")
        }
        return shard
    }
}

/// An organization's own corner: its shard, its fence, and the request it asks with.
package struct TenantContext: Sendable {
    package let shard: Shard
    package let caller: Caller
    /// When the request came.
    package let now: Timestamp
    /// How long the request may wait.
    package let deadline: Instant
    /// How far the shard had come in what the request has written.
    package let trail: CommitTrail

    package init(
        shard: Shard, caller: Caller, now: Timestamp, deadline: Instant, trail: CommitTrail = CommitTrail()
    ) {
        (self.shard, self.caller, self.now, self.deadline) = (shard, caller, now, deadline)
        self.trail = trail
    }
    package var number: Int64 { caller.tenant.organization }
}

extension Refusal {
    package init(_ failure: LaneFailure) {
        switch failure {
        case .overloaded: self = .overloaded("too many requests are waiting to be written")
        case .expired: self = .overloaded("the request waited too long to be written")
        case .fenced: self = .shardUnavailable("the organization is not served here at this moment")
        case .conflict: self = .overloaded("the request lost against others; it may be sent again")
        case .unavailable: self = .shardUnavailable("the shard takes no writes at this moment")
        case .unknown: self = .unknownOutcome("the request may have been carried out; the same key tells")
        }
    }
    package init(_ error: StorageError) {
        switch error {
        case .unknown: self = .unknownOutcome("the request may have been carried out; the same key tells")
        case .lost: self = .writeLost("what the token stands for was lost when the database failed over")
        default: self = .shardUnavailable("the shard cannot be read at this moment")
        }
    }
}

extension TenantContext {
    /// Runs a command in the tenant's lane.
    package func submit<C: LaneCommand>(_ command: C) async throws(Refusal) -> C.Outcome {
        do {
            return try await shard.lane.submit(command, tenant: caller.tenant, deadline: deadline, trail: trail)
        } catch { throw Refusal(error) }
    }

    /// Runs a command whose answer its key remembers.
    package func answer<C: AnsweringCommand>(_ command: C, key: RequestKey?) async throws(Refusal) -> KeyedAnswer {
        switch try await submit(IdempotentCommand(command, organization: number, request: key)) {
        case .answer(let answer, let isReplay): return KeyedAnswer(answer: answer, isReplay: isReplay)
        case .refused(let refusal): throw refusal
        }
    }

    /// Nothing, as long as what the position stands for is still there.
    /// - Throws: ``Refusal/writeLost(_:)`` when it was lost in a failover.
    package func confirm(_ position: CommitPosition) async throws(Refusal) {
        _ = try await read([SQLStatement("SELECT 1")], .atLeast(position))
    }

    /// Reads on behalf of the organization, which has its fair share where reads wait for each other.
    package func read(_ statements: [SQLStatement], _ consistency: ReadConsistency) async throws(Refusal) -> ReadResult
    {
        do { return try await shard.database.read(statements, consistency, for: number) } catch { throw Refusal(error) }
    }
}

/// An answer, and whether it was kept from an earlier request with the same key.
package struct KeyedAnswer: Sendable {
    package var answer: Answer
    package var isReplay: Bool
    package init(answer: Answer, isReplay: Bool) { (self.answer, self.isReplay) = (answer, isReplay) }
}

/// A page of a list: rendered items, and where the next page begins.
package struct Page: Sendable {
    package var items: [String]
    /// The position after the last item; nil when there are no more.
    package var next: String?
    package var servedBy: String
    package init(items: [String], next: String?, servedBy: String) {
        (self.items, self.next, self.servedBy) = (items, next, servedBy)
    }
}

/// A document and who served it.
package struct Served: Sendable {
    package var document: String
    package var servedBy: String
    package init(document: String, servedBy: String) { (self.document, self.servedBy) = (document, servedBy) }
}
