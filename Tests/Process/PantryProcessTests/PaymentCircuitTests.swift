import PantryTestKit
import ProcessTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// A payment provider that fails, the circuit that opens, and everybody who hears of it.
    @Suite("The payments' circuit")
    struct PaymentCircuitTests {
        private let catalog = Catalog([Catalog.Item("TEA", price: 250, stocked: 1_000)])

        /// Opens by ten failures out of ten calls, and is tried again after longer than a saga waits in its place, and
        /// than a busy machine needs for what the tests do while it is open.
        private static func settings(_ alerts: RequestRecorder) -> InstallationSettings {
            var settings = InstallationSettings()
            settings["payments", "errorThreshold"] = "30"
            settings["payments", "resetTimeout"] = "8s"
            settings["alerts", "webhook"] = "\"\(alerts.base)/alerts\""
            return settings
        }

        private func circuit(_ installation: Installation, _ process: PantryProcess) async throws -> JSONObject {
            let outcome = await (try process.client()).get("/ops/breakers", key: installation.operatorToken)
            let circuits = outcome.json?.object?["data"]?.array?.compactMap(\.object) ?? []
            return try #require(circuits.first { $0["name"]?.string == "payments" }, "\(outcome)")
        }

        private func order(
            _ shop: Shop, _ process: PantryProcess, _ key: String, fail: Bool = false
        ) async throws
            -> Outcome
        {
            var body = TenantSession.orderBody([(sku: "TEA", quantity: 1)], method: "pm_ok", key: key).object ?? [:]
            if fail { body["onPaymentUnavailable"] = "fail" }
            return await (try shop.session(on: process)).send("POST", "/v1/orders", .object(body), key: key)
        }

        @Test func openedCircuitParksOrdersTellsPeopleAndLetsThemThroughAgain() async throws {
            try await RequestRecorder.with { alerts in
                try await Installation.with(Self.settings(alerts)) { installation in
                    let process = try await installation.start()
                    let shop = try await Shop.open(catalog, in: installation, on: process)
                    let session = try shop.session(on: process)
                    // Each first call of this method fails, and each second one succeeds.
                    let first = await (0..<12).concurrentMap(limit: 12) {
                        await session.order([(sku: "TEA", quantity: 1)], method: "pm_flaky", key: "flaky-\($0)")
                    }
                    #expect(first.allSatisfy { $0.status == 201 || $0.status == 202 }, "\(first)")
                    #expect(try await circuit(installation, process)["state"] == "open")

                    let parked = try await order(shop, process, "parked")
                    #expect(parked.status == 202, "\(parked)")
                    let payment = try #require(parked.json?.object?["payment"]?.object)
                    #expect(payment["status"] == "queued")
                    #expect(payment["message"] == "Payment will be processed shortly")
                    let unwilling = try await order(shop, process, "unwilling", fail: true)
                    #expect(
                        unwilling.status == 503 && unwilling.json?.object?["code"] == "payment-unavailable",
                        "\(unwilling)")

                    try await expectAlert(alerts, "circuit:opened")
                    let page = await session.client.get("/metrics").answer.map {
                        String(decoding: $0.body, as: UTF8.self)
                    }
                    let rejected = #"pantry_circuit_calls_total{circuit="payments",outcome="rejected"}"#
                    #expect(page?.contains(rejected) == true)

                    let id = try #require(parked.json?.object?["id"]?.string)
                    try await Poll.untilTrue("the parked order is charged", within: .seconds(60)) {
                        let read = await session.client.get("/v1/orders/\(id)", key: shop.tenant.apiKey)
                        return read.json?.object?["status"] == "confirmed"
                    }
                    try await Poll.untilTrue("the others are as well", within: .seconds(60)) {
                        let orders = try await session.client.all("/v1/orders?status=pending", key: shop.tenant.apiKey)
                        return orders.isEmpty
                    }
                    #expect(try await circuit(installation, process)["state"] == "closed")
                    try await expectAlert(alerts, "circuit:closed")
                    try await shop.expectNoViolations(on: process)
                    let stock = await session.client.get("/v1/stock/TEA", key: shop.tenant.apiKey).json?.object
                    #expect(stock?["available"] == .integer(1_000 - 13), "what was not willing to wait is back")
                }
            }
        }

        private func expectAlert(_ alerts: RequestRecorder, _ type: String) async throws {
            let alert = try await Poll.until("the alert \(type)") {
                alerts.requests.first { $0.json?["type"]?.string == type }
            }
            #expect(alert.path == "/alerts" && alert.method == "POST")
            #expect(alert.json?["subject"] == "payments" && alert.json?["specversion"] == "1.0")
        }

        @Test func anOperatorHasTheLastWord() async throws {
            try await RequestRecorder.with { alerts in
                try await Installation.with(Self.settings(alerts)) { installation in
                    let process = try await installation.start()
                    let shop = try await Shop.open(catalog, in: installation, on: process)
                    let client = try process.client()
                    func direct(_ action: JSONValue, _ name: String = "payments") async -> Outcome {
                        await client.send(
                            "POST", "/ops/breakers/\(name)", ["action": action], key: installation.operatorToken)
                    }
                    let forced = await direct("forceOpen")
                    #expect(forced.status == 200 && forced.json?.object?["mode"] == "forcedOpen", "\(forced)")
                    let refused = try await order(shop, process, "refused", fail: true)
                    #expect(refused.status == 503, "\(refused)")
                    #expect(await direct("automatic").status == 200)
                    #expect(try await order(shop, process, "served").status == 201)
                    #expect(await direct("close", "nothing").status == 404)
                    let unknown = await direct("explode")
                    #expect(unknown.status == 422 && "\(unknown)".contains("forceOpen"), "\(unknown)")
                    #expect(await client.get("/ops/breakers", key: shop.tenant.apiKey).status == 403)
                }
            }
        }
    }
}
