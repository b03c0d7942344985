import Foundation
import PantryTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// Product imports through the real binary: many products, again, and killed in the middle.
    @Suite("Imports") struct ImportTests {
        private static let header = "sku,name,amount,currency,category,onHand\n"

        /// Rows `PREFIX-1` … with 10 units each.
        private func csv(_ prefix: String, _ count: Int) -> [UInt8] {
            let rows = (1...count).map {
                "\(prefix)-\($0),Product \($0) of many,\($0 % 997 + 1),USD,Shelf \($0 % 50),10\n"
            }
            return Array((Self.header + rows.joined()).utf8)
        }

        private func upload(
            _ bytes: [UInt8], _ tenant: Tenant, _ process: PantryProcess, key: String? = nil
        ) async throws -> Outcome {
            try await process.client().send(
                PantryRequest(
                    "POST", "/v1/product-imports", .bytes(bytes, type: "text/csv"), credential: tenant.apiKey,
                    idempotencyKey: key), within: .seconds(120))
        }

        private func dump(_ installation: Installation) async throws -> String {
            let path = installation.dataDirectory.appendingPathComponent("shard-0.db").path
            let result = try await Program.run("/usr/bin/env", ["sqlite3", "-readonly", path, ".dump"])
            #expect(result.exit.isSuccess, "sqlite3: \(result.errors)")
            return result.text
        }

        private func number(_ sql: String, _ installation: Installation) async throws -> Int64? {
            let path = installation.dataDirectory.appendingPathComponent("shard-0.db").path
            let result = try await Program.run("/usr/bin/env", ["sqlite3", "-readonly", path, sql])
            return Int64(result.text.trimmingCharacters(in: .whitespacesAndNewlines))
        }

        @Test func twentyThousandProductsAndTheSameAgain() async throws {
            try await Installation.with { installation in
                let process = try await installation.start()
                let client = try process.client()
                let tenant = try await Tenant.create("Many", on: client, operatorToken: installation.operatorToken)
                try await Catalog(count: 1, stocked: 1_000).install(for: tenant, on: client)
                let bytes = csv("P", 20_000)
                async let first = upload(bytes, tenant, process)
                // Orders find their place between the chunks.
                let session = TenantSession(tenant, client, History())
                for number in 1...20 {
                    let order = await session.order([(sku: "SKU-0001", quantity: 1)], key: "order-\(number)")
                    #expect(order.status == 201, "\(order)")
                }
                let imported = try await first
                #expect(imported.status == 200, "\(imported)")
                #expect(imported.answer?["imported"] == 20_000 && imported.answer?["failed"] == 0)
                let before = try await dump(installation)
                let again = try await upload(bytes, tenant, process)
                #expect(again.answer?["imported"] == 20_000, "\(again)")
                #expect(try await dump(installation) == before, "the same rows again write nothing")
                #expect(try await number("SELECT SUM(on_hand) FROM stock", installation) == 201_000)
                let verified = try await installation.run("verify")
                #expect(verified.exit.isSuccess, "\(verified.text)")
            }
        }

        /// SIGKILL before and after every commit of an import. The repeat with its key goes on behind the last row that
        /// is durable: what was sold of those since stays sold.
        @Test func killedAtEveryCommitAndRepeatedWithItsKey() async throws {
            try await Installation.with { installation in
                var process = try await installation.start()
                let tenant = try await Tenant.create(
                    "Killed", on: try process.client(), operatorToken: installation.operatorToken)
                try await process.killAndWait()
                let rows = TestScale.isLong ? 20_000 : 1_000
                let points = TestScale.isLong ? [1, 2, 3, 4, 80, 81, 120, 121, 161, 162] : Array(1...30)
                var sold: Int64 = 0
                var (kills, rounds): (Int, Int64) = (0, 0)
                for point in points {
                    let (prefix, key) = ("R\(point)", "import-\(point)")
                    process = try await installation.start(.sinceReady(point))
                    let cut = try await upload(csv(prefix, rows), tenant, process, key: key)
                    let wasKilled = cut.status == nil
                    try await process.killAndWait()
                    process = try await installation.start()
                    if try await sell("\(prefix)-1", tenant, process) { sold += 1 }
                    let repeated = try await upload(csv(prefix, rows), tenant, process, key: key)
                    #expect(repeated.status == 200, "point \(point): \(repeated)")
                    #expect(repeated.answer?["imported"] == .integer(Int64(rows)), "point \(point): \(repeated)")
                    rounds += 1
                    let units = try await number("SELECT SUM(on_hand) FROM stock", installation)
                    #expect(units == rounds * Int64(rows) * 10 - sold, "point \(point)")
                    try await process.killAndWait()
                    guard wasKilled else { break }
                    kills += 1
                }
                // The key's own commit, and one for each chunk but the last, which ends it.
                #expect(kills >= (TestScale.isLong ? 10 : 10), "was killed at \(kills) points only")
                #expect(sold > 0)
                let verified = try await installation.run("verify")
                #expect(verified.exit.isSuccess, "\(verified.text)")
            }
        }

        /// Takes a unit of a product off the shelf, if there is such a product already.
        private func sell(_ sku: String, _ tenant: Tenant, _ process: PantryProcess) async throws -> Bool {
            let outcome = try await process.client().send(
                "POST", "/v1/stock/\(sku)/adjustments", ["delta": -1, "reason": "sold"], key: tenant.apiKey,
                idempotencyKey: "sold-\(sku)")
            #expect([201, 404].contains(outcome.status), "\(outcome)")
            return outcome.status == 201
        }
    }
}
