import Determinism
import HTTPTypes
import PantryDomain
import Storage

/// What the routes need of the rest of the process.
package struct PantryServices: Sendable {
    package var organizations: OrganizationService
    package var orders: OrderService
    /// Whether the database answers; for `/health`.
    package var health: @Sendable () async -> Bool
    package var time: any TimeSource
    package var random: any RandomSource
    /// How long an order's request waits for its saga.
    package var checkoutWait: Duration
    package var version: String
    /// What `paymentMethod` may be.
    package var paymentMethods: [String]
    /// The page of `/metrics`, in a form that this `Accept` header takes; nil where nothing is measured.
    package var metrics: (@Sendable (_ accept: String) -> (text: String, contentType: String))?

    package init(
        organizations: OrganizationService, orders: OrderService, health: @escaping @Sendable () async -> Bool,
        time: any TimeSource, random: any RandomSource, checkoutWait: Duration, version: String,
        paymentMethods: [String],
        metrics: (@Sendable (_ accept: String) -> (text: String, contentType: String))? = nil
    ) {
        (self.organizations, self.orders, self.health) = (organizations, orders, health)
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

    /// A token of what was written in this corner just now.
    func token(_ context: TenantContext) -> String {
        ConsistencyToken(
            organization: context.number, shard: context.shard.name, epoch: context.caller.tenant.epoch, at: time.now()
        ).sealed(organizations.seal)
    }

    /// How fresh a read must be: as `?consistency=` says, else strong with a token, else eventual.
    func consistency(_ call: Call, _ query: QueryReader) throws -> ReadConsistency {
        let wish: ConsistencyWish? = try query.choice("consistency", ConsistencyWish.allCases)
        let tokens = call.headers[values: .consistencyToken]
        if let text = tokens.first {
            let token = ConsistencyToken(text, organizations.seal)
            guard tokens.count == 1, let token, token.organization == (try call.organization().organizationNumber)
            else {
                throw Problem.malformedRequest(
                    "Pantry-Consistency-Token must be one that a write of this organization was answered with.")
            }
        }
        switch wish {
        case .strong: return .strong
        case .eventual: return .eventual
        case nil: return tokens.isEmpty ? .eventual : .strong
        }
    }

    /// Which list the call asks for.
    func scope(_ call: Call, owner: String, filters: [String] = []) -> ListScope {
        ListScope(call, owner: owner, filters: filters, seal: organizations.seal)
    }
}

private enum ConsistencyWish: String, CaseIterable {
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
