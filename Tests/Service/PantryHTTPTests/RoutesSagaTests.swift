import Determinism
import Foundation
import HTTPTypes
import PantryDomain
import Sagas
import StrictJSON
import Testing

@testable import PantryHTTP

@Suite("Routes: sagas for operators", .timeLimit(.minutes(2)))
struct RoutesSagaTests {

    /// A pantry whose provider answers nothing while `isSilent` says so, and whose sagas are given up at once.
    private func withSilence(
        _ isSilent: Box<Bool>, _ body: @Sendable (TestPantry, PantryClient) async throws -> Void
    ) async throws {
        try await withPantry(
            checkoutWait: .milliseconds(400), attemptLimit: 1,
            provider: { FadingProvider(inner: $0, isSilent: isSilent) }
        ) { pantry in try await body(pantry, try await pantry.shop()) }
    }

    private func saga(_ pantry: TestPantry, _ status: String) async throws -> JSONObject {
        try await eventuallySome { try await pantry.asOperator.get("/ops/sagas?status=\(status)").items.first?.object }
    }

    private func eventuallyStatus(_ status: String, _ place: String, _ shop: PantryClient) async throws {
        let _: Bool = try await eventuallySome { try await shop.get(place)["status"]?.string == status ? true : nil }
    }

    @Test("a stuck saga is listed, shown, and given back to its worker with a reason")
    func retried() async throws {
        let isSilent = Box(true)
        try await withSilence(isSilent) { pantry, shop in
            let placed = try await shop.order(key: "k")
            #expect(placed.status == 202)
            let place = try #require(placed.header("Location"))
            let stuck = try await saga(pantry, "stuck")
            #expect(stuck["definition"] == "checkout" && stuck["step"] == "charge")
            #expect(stuck["orderId"]?.string.map { "/v1/orders/\($0)" } == place)
            #expect(stuck["allowed"] == ["retry", "skip", "force"] && stuck["nextTryAt"]?.isNull == true)
            let path = "/ops/sagas/\(try #require(stuck["id"]?.string))"

            let shown = try await pantry.asOperator.get(path)
            #expect(shown.status == 200 && shown["direction"] == "backward" && shown["worker"]?.isNull == true)
            #expect(shown["locks"] == [])
            let steps = (shown["steps"]?.array ?? []).compactMap(\.object)
            #expect(steps.map { $0["step"] } == ["reserve", "charge", "confirm"])
            #expect(steps.map { $0["status"] } == ["stuck", "stuck", "pending"], "its stock waits for the charge")
            #expect(
                steps.map { $0["allowed"] } == [["retry"], ["retry", "skip", "force"], []], "it settles the order")
            let history = (shown["history"]?.array ?? []).compactMap { $0.object?["event"]?.string }
            #expect(
                history == ["began", "completed", "intended", "unknown", "intended", "stuck", "stuck", "stuck"])

            for verb in ["compensate", "cancel"] {
                let refused = try await pantry.asOperator.send("POST", "\(path)/\(verb)", #"{"reason":"x"}"#)
                #expect(refused.status == 409 && refused.code == "invalid-transition", "\(verb)")
                #expect(refused["from"] == "stuck" && refused["allowed"] == ["retry", "skip", "force"], "\(verb)")
            }
            for (body, fault) in [
                ("{}", "/reason required"), (#"{"reason":""}"#, "/reason too-short"),
                (#"{"reason":"x"}"#, "/step required"), (#"{"reason":"x","step":"confirm"}"#, "/step wrong-step"),
            ] {
                let refused = try await pantry.asOperator.send("POST", "\(path)/retry", body)
                #expect(refused.status == 422 && refused.faults == [fault], "\(refused.response.body)")
            }
            #expect(try await shop.send("POST", "\(path)/retry", #"{"reason":"x"}"#).status == 403)

            isSilent.set(false)
            let body = #"{"reason":"the provider is back","step":"charge"}"#
            let retried = try await pantry.asOperator.send("POST", "\(path)/retry", body, key: "r")
            #expect(retried.status == 200 && retried["status"] == "compensating")
            #expect(retried["nextTryAt"]?.isNull == false)
            let again = try await pantry.asOperator.send("POST", "\(path)/retry", body, key: "r")
            #expect(again.isReplay && again.response.body == retried.response.body)
            try await eventuallyStatus("expired", place, shop)
            let ended = try await pantry.asOperator.send("POST", "\(path)/retry", body)
            #expect(ended.status == 409 && ended["from"] == "compensated" && ended["allowed"] == [])

            let directed = (try await pantry.asOperator.get(path)["history"]?.array ?? []).compactMap(\.object)
                .first { $0["event"] == "directed" }
            #expect(directed?["detail"] == "retry by operator: the provider is back")
        }
    }

    @Test("a timeline shows what its organization may know, and no more")
    func timeline() async throws {
        let isSilent = Box(true)
        try await withSilence(isSilent) { pantry, shop in
            let place = try #require(try await shop.order(key: "k").header("Location"))
            let stuck = try await saga(pantry, "stuck")
            isSilent.set(false)
            let path = "/ops/sagas/\(try #require(stuck["id"]?.string))/retry"
            _ = try await pantry.asOperator.send("POST", path, #"{"reason":"between us: their fault","step":"charge"}"#)
            try await eventuallyStatus("expired", place, shop)
            let timeline = try await shop.get("\(place)/timeline")
            #expect(timeline["isComplete"] == true && timeline.header("Pantry-Served-By") == "shard-0/primary")
            let saga = try #require(timeline.items.first?.object)
            #expect(saga["state"] == "compensated" && saga["nextTryAt"]?.isNull == true)
            let steps = (saga["steps"]?.array ?? []).compactMap(\.object)
            #expect(
                steps.compactMap { $0["event"]?.string } == [
                    "began", "completed", "intended", "unknown", "intended", "stuck", "stuck", "stuck", "directed",
                    "compensated", "compensated", "ended",
                ])
            #expect(steps.first { $0["event"] == "directed" }?["detail"] == "retry")
            #expect(steps.first { $0["event"] == "intended" }?["detail"]?.isNull == true)
            for secret in ["between us", "/charge", "sandbox/", "taken over"] {
                #expect(!timeline.response.body.contains(secret), "\(secret)")
            }
            let open = try #require(try await shop.order(method: "pm_error", key: "q").header("Location"))
            let waiting = try await shop.get("\(open)/timeline")
            #expect(waiting.items.first?.object?["state"] == "parked")
            #expect(waiting.items.first?.object?["nextTryAt"]?.string != nil)
        }
    }

    @Test("a canceled order whose void got stuck is still being canceled after a retry")
    func retriedBackward() async throws {
        let isSilent = Box(false)
        try await withSilence(isSilent) { pantry, shop in
            let queued = try await shop.order(method: "pm_error", key: "k")
            let place = try #require(queued.header("Location"))
            #expect(queued["payment.status"] == "queued")
            isSilent.set(true)
            #expect(try await shop.send("POST", "\(place)/cancel").status == 202)
            let stuck = try await saga(pantry, "stuck")
            #expect(stuck["step"] == "charge")
            let path = "/ops/sagas/\(try #require(stuck["id"]?.string))"
            #expect(try await pantry.asOperator.get(path)["direction"] == "backward")
            isSilent.set(false)
            let retried = try await pantry.asOperator.send(
                "POST", "\(path)/retry", #"{"reason":"it is back","step":"charge"}"#)
            #expect(retried["status"] == "compensating")
            try await eventuallyStatus("canceled", place, shop)
            #expect(try await shop.balance() == [10, 0, 10])
        }
    }

    @Test("sagas are listed over organizations, by filters, page by page")
    func lists() async throws {
        try await withPantry { pantry in
            let (first, second) = (try await pantry.shop(), try await pantry.shop())
            for number in 0..<3 { _ = try await first.order(key: "k\(number)") }
            _ = try await second.order(key: "k")
            let place = try #require(try await second.order(key: "c").header("Location"))
            _ = try await second.send("POST", "\(place)/cancel")
            let asOperator = pantry.asOperator
            let all = try await asOperator.get("/ops/sagas").items.compactMap { $0.object?["id"]?.string }
            #expect(all.count == 6 && all == all.sorted(by: >), "youngest first")

            var (paged, cursor): ([String], String?) = ([], nil)
            repeat {
                let page = try await asOperator.get("/ops/sagas?limit=2" + (cursor.map { "&cursor=\($0)" } ?? ""))
                #expect(page.header("Pantry-Served-By") == nil)
                paged += page.items.compactMap { $0.object?["id"]?.string }
                cursor = page["page.nextCursor"]?.string
            } while cursor != nil
            #expect(paged == all)

            let own = try await first.get("/v1/organization").text("id")
            let ofFirst = try await asOperator.get("/ops/sagas?organization=\(own)&status=succeeded").items
            #expect(ofFirst.count == 3 && ofFirst.allSatisfy { $0.object?["organizationId"]?.string == own })
            let cancels = try await asOperator.get("/ops/sagas?definition=cancel").items
            #expect(cancels.map { $0.object?["definition"] } == ["cancel"])
            #expect(try await asOperator.get("/ops/sagas?status=stuck").items.isEmpty)
            for id in all { #expect(try await asOperator.get("/ops/sagas/\(id)").status == 200) }

            let next = try await asOperator.get("/ops/sagas?limit=2").text("page.nextCursor")
            let foreign = try await asOperator.get("/ops/sagas?status=stuck&cursor=\(next)")
            #expect(foreign.status == 400 && foreign.code == "invalid-cursor")
            for query in ["status=lost", "organization=x", "definition=a%20b", "state=stuck", "limit=0"] {
                #expect(try await asOperator.get("/ops/sagas?\(query)").status == 400, "\(query)")
            }
            #expect(try await asOperator.get("/ops/sagas?organization=org_01m86qprmrfpqs1ctaaj1wf9kd").status == 404)
            for id in ["saga_x", "ord_01m86qprmrfpqs1ctaaj1wf9kd", "saga_01m86qprmrfpqs1ctaaj1wf9kd"] {
                #expect(try await asOperator.get("/ops/sagas/\(id)").status == 404, "\(id)")
                let retry = try await asOperator.send("POST", "/ops/sagas/\(id)/retry", #"{"reason":"x"}"#)
                #expect(retry.status == 404, "\(id)")
            }
            #expect(try await first.get("/ops/sagas").status == 403)
        }
    }

    @Test("the database servers and pools of the process")
    func databases() async throws {
        try await withPantry { pantry in
            var services = pantry.services
            services.servers = {
                let pool = DatabaseServer.Pool(
                    limit: 20, size: 3, leased: 1, idle: 2, waiting: 0, tenants: 1, oldestWait: .milliseconds(7))
                return [
                    DatabaseServer(
                        database: "shard-0", name: "shard-0/replica-1", address: "db-2:5432", engine: "postgresql",
                        standing: "replica", detail: "is a replica", isPrimary: false, serves: true, timeline: 3,
                        lagBytes: 8, lag: .milliseconds(12), pool: pool),
                    DatabaseServer(
                        database: "control", name: "control/primary", address: "", engine: "sqlite",
                        standing: "primary", detail: "is the only one", isPrimary: true, serves: true, lag: .zero),
                ]
            }
            for (path, count) in [("/ops/replicas", 2), ("/ops/pools", 1)] {
                let route = try #require(DatabaseRoutes(services: services).all.first { $0.pattern == path })
                let reply = try await route.handler(
                    Call(
                        method: .get, path: path, pattern: path, requestID: "r", principal: .operator,
                        receivedAt: .now, baseLogger: LogBook().logger()))
                guard case .bytes(let bytes) = reply.body else {
                    Issue.record("the answer is not all there")
                    return
                }
                let data = try #require(try JSONReader.parse(bytes).object?["data"]?.array)
                #expect(data.count == count)
                #expect(data[0].object?["server"] == "shard-0/replica-1")
                #expect(data[0].object?["oldestWaitMilliseconds"] == (count == 1 ? 7 : nil))
                #expect(data[0].object?["lagMilliseconds"] == (count == 2 ? 12 : nil))
                #expect(try await pantry.asOperator.get(path).status == 200)
            }
        }
    }
}

/// The sandbox, or nobody: while it is silent, no call and no question gets an answer.
private struct FadingProvider: PaymentProvider {
    let inner: any PaymentProvider
    let isSilent: Box<Bool>

    private func call(_ body: () async -> CallResult) async -> CallResult {
        isSilent.value ? .unknown("the provider does not answer") : await body()
    }
    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult {
        await call { await inner.authorize(charge, capture: capture) }
    }
    func capture(_ charge: ProviderCharge) async -> CallResult { await call { await inner.capture(charge) } }
    func void(_ charge: ProviderCharge) async -> CallResult {
        await call { await inner.void(charge) }
    }
    func refund(_ refund: ProviderRefund) async -> CallResult { await call { await inner.refund(refund) } }
    func lookup(_ charge: ProviderCharge) async -> AskResult {
        isSilent.value ? .unknown("the provider does not answer") : await inner.lookup(charge)
    }
    func lookup(_ refund: ProviderRefund) async -> AskResult {
        isSilent.value ? .unknown("the provider does not answer") : await inner.lookup(refund)
    }
}
