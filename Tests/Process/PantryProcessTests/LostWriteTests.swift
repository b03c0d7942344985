import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// A failover under asynchronous replication, to a replica that does not have what was acknowledged last.
    @Suite("On PostgreSQL with a replica that is behind")
    struct LostWriteTests {
        /// How long after the promotion an order that has waited over it is charged: its pause of 5 s, the next one of
        /// 10 s if the first was over too early, and a slow machine.
        private static let sagasAreBack = Duration.seconds(20)

        @Test func aLostWriteIsToldAndWhatIsLeftGoesOn() async throws {
            try await FleetHome.withAsynchronousReplica { home, link in
                try await Installation.with(home.settings) { installation in
                    let process = try await installation.start()
                    let shop = try await Shop.open(Catalog(count: 2, stocked: 1_000), in: installation, on: process)
                    let session = try shop.session(on: process)
                    let kept = try await Acknowledged(session.order(Self.lines, key: "kept"), 201)
                    // From here on no order is charged: the provider's books outlive the primary, and would have what
                    // is lost.
                    try await direct("forceOpen", installation, process)
                    let queued = try await Acknowledged(session.order(Self.lines, key: "queued"), 202)
                    try await home.servers[1].waitForReplay(of: home.servers[0])
                    link.refuse()
                    let lost = try await LostWrites(session, after: kept)
                    try await expectOrder(session, lost.order, "pending")
                    try await expectOrder(session, lost.fulfillment, "fulfilled")
                    try await home.servers[0].kill9()
                    try await direct("automatic", installation, process)

                    // Asked all the time from before the promotion on.
                    async let order = answer(session, lost.order.id, lost.order.token)
                    async let fulfillment = answer(session, lost.fulfillment.id, lost.fulfillment.token)
                    try await home.servers[1].promote()
                    let promoted = ContinuousClock.now
                    try await Customers(shop: shop, session: session).expectService("back", since: promoted)
                    expectLost(try await order, "the order")
                    expectLost(try await fulfillment, "the fulfillment")
                    // What was not lost can be told from what was.
                    try await expectOrder(session, kept, "confirmed")
                    #expect(try await answer(session, lost.order.id).answer?.code == "not-found")
                    #expect(try await answer(session, kept.id).answer?["status"]?.string == "confirmed")

                    try await sendAgain(lost, session, kept)
                    // The log is longer now than it was when the order was lost.
                    expectLost(try await answer(session, lost.order.id, lost.order.token), "the order, later")
                    try await expectCharge(of: queued, session, since: promoted)
                    try await shop.expectNoViolations(on: process)
                }
            }
        }

        fileprivate static let lines = [(sku: "SKU-0001", quantity: Int64(1))]

        private func direct(_ action: String, _ installation: Installation, _ process: PantryProcess) async throws {
            let outcome = await (try process.client()).send(
                "POST", "/ops/breakers/payments", ["action": .string(action)], key: installation.operatorToken)
            #expect(outcome.status == 200, "\(outcome)")
        }

        /// The first answer to a read of an order that is not “come back later”.
        private func answer(_ session: TenantSession, _ order: String, _ token: String? = nil) async throws -> Outcome {
            let request = PantryRequest(
                "GET", "/v1/orders/\(order)", credential: session.tenant.apiKey,
                headers: token.map { ["Pantry-Consistency-Token": $0] } ?? [:])
            return try await Poll.until("an answer about \(order)", within: .seconds(30)) {
                let outcome = await session.client.send(request)
                return outcome.status == 503 ? nil : outcome
            }
        }

        private func expectLost(
            _ outcome: Outcome, _ what: String, sourceLocation here: SourceLocation = #_sourceLocation
        ) {
            let problem = outcome.answer
            #expect(outcome.status == 409 && problem?.code == "write-lost", "\(what): \(outcome)", sourceLocation: here)
            #expect(problem?["type"]?.string == "https://pantry.dev/problems/write-lost", sourceLocation: here)
            #expect(problem?["retryable"]?.bool == false, sourceLocation: here)
            let type = problem?.header("Content-Type") ?? ""
            #expect(type.hasPrefix("application/problem+json"), sourceLocation: here)
        }

        private func expectOrder(
            _ session: TenantSession, _ order: Acknowledged, _ status: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let outcome = try await answer(session, order.id, order.token)
            #expect(
                outcome.status == 200 && outcome.answer?["status"]?.string == status, "\(outcome)",
                sourceLocation: sourceLocation)
        }

        /// As the answer says: the same writes with their keys, which went with them. What they make is new, and its
        /// tokens are good.
        private func sendAgain(_ lost: LostWrites, _ session: TenantSession, _ kept: Acknowledged) async throws {
            let ordered = await session.order(Self.lines, key: "lost")
            let order = try Acknowledged(ordered, 201)
            #expect(order.id != lost.order.id)
            #expect(ordered.answer?.header("Idempotent-Replayed") == nil)
            try await expectOrder(session, order, "confirmed")
            let fulfilled = await session.fulfill(kept.id, key: "lost-fulfillment")
            try await expectOrder(session, try Acknowledged(fulfilled, 200), "fulfilled")
        }

        /// Nobody asks for it: a worker of the shard's sagas finds that its pause is over, on the new primary.
        private func expectCharge(
            of order: Acknowledged, _ session: TenantSession, since promoted: ContinuousClock.Instant
        ) async throws {
            let left = Self.sagasAreBack - promoted.duration(to: .now)
            try await Poll.untilTrue("the order that waited to be charged", within: left, every: .milliseconds(100)) {
                let outcome = await session.client.get(
                    "/v1/orders/\(order.id)?consistency=strong", key: session.tenant.apiKey)
                return outcome.answer?["status"]?.string == "confirmed"
            }
        }
    }
}

/// What a client knows of a write that was acknowledged.
private struct Acknowledged: Sendable {
    /// The order's id.
    let id: String
    let token: String

    init(_ outcome: Outcome, _ status: Int, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(outcome.status == status, "\(outcome)", sourceLocation: sourceLocation)
        id = try #require(outcome.answer?["id"]?.string, sourceLocation: sourceLocation)
        token = try #require(
            outcome.answer?.header("Pantry-Consistency-Token"), sourceLocation: sourceLocation)
    }
}

/// Writes that were acknowledged, and that no replica has: an order, and a change of one that replicas have.
private struct LostWrites: Sendable {
    let order: Acknowledged
    let fulfillment: Acknowledged

    /// They stand in no history: nobody is to be held to what is meant to be lost.
    init(_ session: TenantSession, after kept: Acknowledged) async throws {
        let session = TenantSession(session.tenant, session.client, History())
        let ordered = await session.order(ProcessTests.LostWriteTests.lines, key: "lost")
        order = try Acknowledged(ordered, 202)
        let fulfilled = await session.fulfill(kept.id, key: "lost-fulfillment")
        fulfillment = try Acknowledged(fulfilled, 200)
    }
}
