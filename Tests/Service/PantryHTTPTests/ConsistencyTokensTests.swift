import Determinism
import PantryDomain
import Storage
import Testing

@testable import PantryHTTP

@Suite("Consistency tokens")
struct ConsistencyTokensTests {
    /// The corner of an organization as `context` sees it, at another epoch or in another trail.
    private func corner(
        _ context: TenantContext, epoch: Int64? = nil, position: CommitPosition? = nil
    ) -> TenantContext {
        let (trail, tenant) = (CommitTrail(), context.caller.tenant)
        trail.note(position)
        return TenantContext(
            shard: context.shard,
            caller: Caller(
                tenant: Tenant(organization: tenant.organization, epoch: epoch ?? tenant.epoch),
                organizationID: context.caller.organizationID, traceparent: nil), now: context.now,
            deadline: context.deadline, trail: trail)
    }

    @Test(
        "a token asks for the position of its write, and for the primary where there is none or it is of another epoch")
    func requirements() async throws {
        try await withPantry { pantry in
            let services = pantry.services
            _ = try await pantry.shop()
            let context = try await services.organizations.context(
                for: 0, traceparent: nil, deadline: pantry.services.time.instant() + .seconds(5))
            let epoch = context.caller.tenant.epoch
            let position = CommitPosition(timeline: 3, offset: 4_711)
            let token = try services.tokens.token(corner(context, position: position))
            #expect(try services.tokens.consistency(token, in: context) == .atLeast(position))
            let later = corner(context, epoch: epoch + 1)
            #expect(try services.tokens.consistency(token, in: later) == .strong, "it was moved")
            #expect(throws: ConsistencyTokensError.mapOutdated) {
                try services.tokens.consistency(
                    try services.tokens.token(corner(context, epoch: epoch + 1, position: position)), in: context)
            }
            let unknown = try services.tokens.token(corner(context))
            #expect(try services.tokens.consistency(unknown, in: context) == .strong)
            #expect(try services.tokens.consistency(try services.tokens.tokenOfControl(0), in: context) == .eventual)
            for foreign in ["", "x", "1.AAAA", token + "A", try services.tokens.tokenOfControl(1)] {
                #expect(throws: ConsistencyTokensError.foreign) {
                    try services.tokens.consistency(foreign, in: context)
                }
            }
            // Of a secret that is not known here: it may be newer than what was read last, or long forgotten.
            #expect(try services.tokens.consistency("77\(token.drop { $0 != "." })", in: context) == .strong)
        }
    }
}
