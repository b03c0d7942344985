import CircuitBreaking
import Determinism
import HTTPTypes
import PantryDomain
import Storage

/// What the routes need of the rest of the process.
package struct PantryServices: Sendable {
    package let organizations: OrganizationService
    package let sessions: SessionService
    let tokens: ConsistencyTokens
    package var orders: OrderService
    package var sagas: SagaOperations
    /// What happens, by organization.
    package var events: EventFeed
    /// The database servers behind this process as they are now.
    package var servers: @Sendable () -> [DatabaseServer]
    /// The circuit breakers of this process.
    package var circuits: @Sendable () -> [CircuitBreaker]
    /// The rate limits of this process; nil where there are none.
    package var limits: @Sendable () -> LimitsReport?
    /// Whether the database answers; for `/health`.
    package var health: @Sendable () async -> Bool
    /// Whether the cache answers; for `/health`. One in this process's memory always does.
    package var cacheHealth: @Sendable () async -> Bool
    /// For how long an answer of `/health` is given to those who ask again.
    package var healthLifetime: Duration = .seconds(1)
    package var time: any TimeSource
    package var random: any RandomSource
    /// How long an order's request waits for its saga.
    package var checkoutWait: Duration
    package var version: String
    /// What `paymentMethod` may be.
    package var paymentMethods: PaymentMethods
    /// Reads what a payment provider says: its signature and its body.
    package typealias Webhook =
        @Sendable (_ signature: String?, _ body: [UInt8]) throws(ProviderNoticeError) -> ProviderNotice?
    /// By the provider's name.
    package var webhooks: [String: Webhook]
    let notices: ProviderNotices
    /// The page of `/metrics`, in a form that this `Accept` header takes; nil where nothing is measured.
    package var metrics: (@Sendable (_ accept: String) -> (text: String, contentType: String))?

    package init(
        organizations: OrganizationService, orders: OrderService, events: EventFeed,
        health: @escaping @Sendable () async -> Bool,
        time: any TimeSource, random: any RandomSource, checkoutWait: Duration, version: String,
        paymentMethods: PaymentMethods, webhooks: [String: Webhook] = [:], sagas: SagaOperations? = nil,
        sessions: SessionService? = nil,
        servers: @escaping @Sendable () -> [DatabaseServer] = { [] },
        circuits: @escaping @Sendable () -> [CircuitBreaker] = { [] },
        limits: @escaping @Sendable () -> LimitsReport? = { nil },
        cacheHealth: @escaping @Sendable () async -> Bool = { true },
        metrics: (@Sendable (_ accept: String) -> (text: String, contentType: String))? = nil
    ) {
        (self.organizations, self.orders, self.events, self.health) = (organizations, orders, events, health)
        self.sagas = sagas ?? SagaOperations(organizations: organizations, time: time)
        self.sessions = sessions ?? SessionService(organizations: organizations, time: time, random: random)
        (self.servers, self.circuits, self.limits, self.cacheHealth) = (servers, circuits, limits, cacheHealth)
        self.webhooks = webhooks
        notices = ProviderNotices(organizations: organizations, time: time)
        tokens = ConsistencyTokens(organizations.secrets)
        (self.time, self.random, self.checkoutWait) = (time, random, checkoutWait)
        (self.version, self.paymentMethods, self.metrics) = (version, paymentMethods, metrics)
    }
}

extension PantryServices {
    /// The caller's own corner of its shard.
    func context(_ call: Call) async throws -> TenantContext {
        try await organizations.context(
            for: try call.organization().organizationNumber, traceparent: call.traceparent,
            deadline: time.instant() + checkoutWait + .seconds(5))
    }

    /// How fresh a read must be: as `?consistency=` says, else as the token says, else as the session's own writes ask,
    /// else eventual.
    func consistency(_ call: Call, _ query: QueryReader, _ context: TenantContext) async throws -> ReadConsistency {
        let wish = try wish(call, query)
        switch wish {
        case .strong: return .strong
        case .eventual: return .eventual
        case nil: break
        }
        guard let text = call.headers[.consistencyToken] else { return try await sessionConsistency(call, context) }
        return try consistency(of: text, in: context)
    }

    func consistency(of token: String, in context: TenantContext) throws -> ReadConsistency {
        do { return try tokens.consistency(token, in: context) } catch {
            switch error {
            case .foreign: throw Self.foreignToken
            case .mapOutdated:
                organizations.forget(context.number)
                throw Refusal.shardUnavailable("the organization is being moved; this server has just heard of it")
            }
        }
    }

    /// What the token of an operator's read of a shard asks for. The read itself has come from the primary, which has
    /// all that there is; what may be left to say is that the token's write is not among it, lost in a failover. That
    /// is asked behind the read, so that no failover comes in between unnoticed.
    func confirmToken(_ call: Call, of organization: OrganizationID) async throws {
        guard call.headers[.consistencyToken] != nil else { return }
        let number = try await organizations.number(of: organization)
        guard let text = try token(call, of: number) else { return }
        let context = try await organizations.context(
            for: number, traceparent: call.traceparent, deadline: time.instant() + .seconds(5))
        guard case .atLeast(let position) = try consistency(of: text, in: context) else { return }
        try await context.confirm(position)
    }

    /// The token that came with a request; nil without one.
    /// - Throws: ``Problem`` when it is not one of that organization.
    @discardableResult
    func token(_ call: Call, of organization: Int64) throws(Problem) -> String? {
        let texts = call.headers[values: .consistencyToken]
        guard let text = texts.first else { return nil }
        guard texts.count == 1, tokens.isKnown(text, of: organization) else { throw Self.foreignToken }
        return text
    }

    /// A token that comes with a list of all organizations' things may be anybody's. It asks nothing of the primaries
    /// that such lists come from.
    func checkAnyToken(_ call: Call) throws(Problem) {
        let texts = call.headers[values: .consistencyToken]
        guard texts.count <= 1, texts.allSatisfy({ tokens.isWellFormed($0) }) else {
            throw .malformedRequest("Pantry-Consistency-Token must be one that a write was answered with.")
        }
    }

    /// What the request asks for, with a token that is one if it has one: also where all reads are strong.
    @discardableResult
    func wish(_ call: Call, _ query: QueryReader) throws -> ConsistencyWish? {
        let wish: ConsistencyWish? = try query.choice("consistency", ConsistencyWish.allCases)
        try token(call, of: try call.organization().organizationNumber)
        return wish
    }

    private static let foreignToken = Problem.malformedRequest(
        "Pantry-Consistency-Token must be one that a write of this organization was answered with.")

    /// Which list the call asks for.
    func scope(_ call: Call, owner: String, filters: [String] = []) -> ListScope {
        ListScope(call, owner: owner, filters: filters, seal: organizations.seal)
    }
}

enum ConsistencyWish: String, CaseIterable {
    case strong
    case eventual
}

extension Route {
    /// A route whose handler may throw the domain's refusals.
    init(
        _ method: HTTPRequest.Method, _ pattern: String, _ access: Access,
        answering handler: @escaping @Sendable (Call) async throws -> Reply
    ) {
        self.init(method, pattern, access: access) { call in
            do { return try await handler(call) } catch let refusal as Refusal { throw Problem(refusal) }
        }
    }
}
