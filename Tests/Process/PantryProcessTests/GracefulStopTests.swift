import Foundation
import PantryTestKit
import Testing

extension ProcessTests {
    @Suite("Graceful stop")
    struct GracefulStopTests {
        private func settings(drain: String, shutdownTimeout: String) -> InstallationSettings {
            var settings = InstallationSettings()
            settings["server", "drain"] = drain
            settings["server", "shutdownTimeout"] = shutdownTimeout
            return settings
        }

        private let catalog = Catalog(count: 1, stocked: 100)

        @Test func ordersAreServedWhileNobodyIsSentHereAnyMore() async throws {
            // On a busy machine all of this has to come about while it drains.
            try await Installation.with(settings(drain: "10s", shutdownTimeout: "20s")) { installation in
                var process = try await installation.start()
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let session = try shop.session(on: process)
                process.terminate()
                try await Poll.untilTrue("/readyz to say 503", within: .milliseconds(8_500)) {
                    await session.client.get("/readyz").status == 503
                }
                #expect(await session.client.get("/livez").status == 200)
                let order = await session.order([(sku: "SKU-0001", quantity: 1)], key: "while-draining")
                #expect(order.status == 201, "\(order)")
                #expect(try await process.ended(within: .seconds(21)) == .status(0))
                #expect(await session.client.get("/readyz").answer == nil)

                process = try await installation.start()
                try await shop.expectNoViolations(on: process)
            }
        }

        @Test func anOrderInFlightEndsOrIsRecovered() async throws {
            // Three seconds less than is asked for below: the machine may be busy.
            try await Installation.with(settings(drain: "0s", shutdownTimeout: "2s")) { installation in
                var process = try await installation.start()
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let session = try shop.session(on: process)
                // The provider takes five seconds for it, longer than the stop may take.
                async let slow = session.order([(sku: "SKU-0001", quantity: 1)], method: "pm_slow", key: "slow")
                try await Poll.untilTrue("the order to be under way") {
                    try await shop.orders(key: "slow", on: process).count == 1
                }
                process.terminate()
                #expect(try await process.ended(within: .seconds(5)) == .status(0))
                _ = await slow

                process = try await installation.start()
                try await shop.expectNoViolations(on: process)
                #expect(try await shop.orders(key: "slow", on: process).map(\.status) == ["confirmed"])
                #expect(try await shop.books().entries.map(\.kind) == ["captured"])
            }
        }

        @Test func aClientThatStopsHalfwayHoldsNothingUp() async throws {
            try await Installation.with(settings(drain: "0s", shutdownTimeout: "2s")) { installation in
                let process = try await installation.start()
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let port = try #require(process.port)
                let idle = try RawConnection(port: port)
                let halfway = try RawConnection(port: port)
                let head = [
                    "POST /v1/orders HTTP/1.1", "Host: localhost", "Authorization: Bearer \(shop.tenant.apiKey)",
                    "Idempotency-Key: half", "Content-Type: application/json", "Content-Length: 1000", "", "",
                ]
                halfway.send(head.joined(separator: "\r\n") + "{\"items\": [")
                // An answer to a later request: the server has met both connections.
                #expect(await (try shop.session(on: process)).client.get("/livez").status == 200)
                process.terminate()
                #expect(try await process.ended(within: .seconds(5)) == .status(0))
                try await Poll.untilTrue("both connections to be closed") {
                    idle.receive() == nil && halfway.receive() == nil
                }
            }
        }

        @Test func whatIsDoneUnderLoadIsAnswered() async throws {
            try await Installation.with(settings(drain: "500ms", shutdownTimeout: "8s")) { installation in
                var process = try await installation.start()
                let catalog = Catalog(count: 6, stocked: 100_000)
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let driver = LoadDriver(
                    LoadPlan(name: "stop", seed: 21), catalog: catalog, sessions: [try shop.session(on: process)])
                async let load: Void = driver.run()
                try await Poll.untilTrue("the load to be under way") { shop.history.answers > 100 }
                process.terminate()
                #expect(try await process.ended(within: .seconds(9)) == .status(0))
                await load

                // Whoever comes when the doors are closed is turned away; but what was done was answered. A key that
                // was answered before may be turned away when it is sent once more.
                let answered = Set(shop.history.all.filter { $0.answer != nil }.compactMap(\.idempotencyKey))
                let unanswered = Set(shop.history.all.filter { $0.answer == nil }.compactMap(\.idempotencyKey))
                    .subtracting(answered)
                process = try await installation.start()
                let orders = try await process.client().all("/v1/orders", key: shop.tenant.apiKey)
                let keys = orders.compactMap { Evidence.Order(organization: shop.tenant.id, json: $0).key }
                #expect(unanswered.intersection(keys).isEmpty)
                try await shop.expectNoViolations(on: process)
            }
        }
    }
}
