import Foundation
import PantryTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// `pantry import baskets`.
    @Suite("Importing baskets")
    struct BasketImportTests {
        private static let baskets = "\(GroceryBaskets.exampleFolder())/baskets.csv"

        @Test func importingTwicePlacesNothingTwice() async throws {
            let grocery = try GroceryBaskets.read(GroceryBaskets.exampleFolder())
            let sums = grocery.sums(grocery.baskets)
            try await Installation.with(Self.settings()) { installation in
                let process = try await installation.start()
                let shop = try await Self.shop(grocery, in: installation, on: process)
                let organization = shop.tenant.id

                let first = try await report(installation, [Self.baskets, "--organization", organization])
                #expect(first.number("placed") == Int64(sums.orders) && first.number("replayed") == 0)
                #expect(first.number("units") == sums.units.values.reduce(0, +))
                #expect(first["money"] == [["amount": .integer(sums.cents), "currency": "USD"]])
                let before = try await digests(installation)
                let second = try await report(installation, [Self.baskets, "--organization", organization])
                #expect(second.number("placed") == 0 && second.number("replayed") == Int64(sums.orders))
                #expect(try await digests(installation) == before)
                try await expectOnlyTheShopsOwnKeyWorks(shop, installation, process)

                // And once more without a server: it opens the databases itself.
                process.terminate()
                #expect(try await process.ended(within: .seconds(20)) == .status(0))
                let third = try await report(installation, [Self.baskets, "--organization", organization])
                #expect(third.number("placed") == 0 && third.number("replayed") == Int64(sums.orders))
                #expect(try await digests(installation) == before)
                let other = try await report(
                    installation, [Self.baskets, "--organization", organization, "--key-prefix", "again-"])
                #expect(other.number("placed") == Int64(sums.orders) && other.number("replayed") == 0)
                let verified = try await installation.run("verify")
                #expect(verified.exit.isSuccess, "\(verified.text)")
            }
        }

        @Test func whatIsWrongIsSaidByRowAndTheRestIsOrdered() async throws {
            let grocery = GroceryBaskets(prices: ["TEA": 250, "RARE": 900], baskets: [])
            try await Installation.with(Self.settings()) { installation in
                let process = try await installation.start()
                let shop = try await Self.shop(grocery, in: installation, on: process, stocked: 10)
                let file = installation.folder.appendingPathComponent("baskets.csv")
                try Data(
                    """
                    basket_id,sku,quantity
                    good,TEA,2
                    good,RARE,1
                    unknown,NOT-SOLD,1
                    words,TEA,two
                    words,TEA,1
                    much,RARE,100
                    short,TEA
                    last,TEA,1

                    """.utf8
                ).write(to: file)
                let result = try await installation.run(
                    "import", "baskets", file.path, "--organization", shop.tenant.id, "--json")
                #expect(result.exit == .status(1), "\(result.errors)")
                let report = try #require(try JSONReader.parse(result.output).object)
                #expect(report["ok"] == false && report.number("placed") == 2 && report.number("failed") == 3)
                let errors = (report["errors"]?.array?.compactMap(\.object) ?? []).map {
                    "\($0.number("line")) \($0.text("basketId")) \($0.text("code"))"
                }
                // A row without an id may belong to the basket before it, which is then left out.
                #expect(errors.sorted() == ["4 unknown invalid", "5 words invalid", "8 much invalid"])
                let orders = try await process.client().all("/v1/orders", key: shop.tenant.apiKey)
                #expect(orders.count == 2)

                let nobody = try await installation.run(
                    "import", "baskets", file.path, "--organization", "org_00000000000000000000000000")
                #expect(nobody.exit == .status(1) && nobody.errors.contains("organization"), "\(nobody.errors)")
                let nothing = try await installation.run(
                    "import", "baskets", "/nowhere.csv", "--organization", shop.tenant.id)
                #expect(nothing.exit == .status(1) && nothing.errors.contains("/nowhere.csv"), "\(nothing.errors)")
            }
        }

        @Test func linesOfJSONAreBasketsToo() async throws {
            let grocery = GroceryBaskets(prices: ["TEA": 250], baskets: [])
            try await Installation.with(Self.settings()) { installation in
                let process = try await installation.start()
                let shop = try await Self.shop(grocery, in: installation, on: process, stocked: 10)
                let file = installation.folder.appendingPathComponent("baskets.ndjson")
                try Data(
                    """
                    {"basketId": 1, "storeId": "7", "items": [{"sku": "TEA", "quantity": 2}]}
                    {"basketId": "2", "items": [{"sku": "TEA", "quantity": 3}]}

                    """.utf8
                ).write(to: file)
                let report = try await report(installation, [file.path, "--organization", shop.tenant.id])
                #expect(report.number("placed") == 2 && report.number("units") == 5)
                let orders = try await process.client().all("/v1/orders", key: shop.tenant.apiKey)
                let metadata = orders.compactMap { $0.object?["metadata"] }
                #expect(metadata.contains(["basketId": "1", "storeId": "7"]) && metadata.contains(["basketId": "2"]))
            }
        }

        @Test func anInterruptedImportLeavesNoHalfBasketBehind() async throws {
            let grocery = GroceryBaskets(prices: ["TEA": 250], baskets: [])
            try await Installation.with(Self.settings()) { installation in
                let process = try await installation.start()
                let shop = try await Self.shop(grocery, in: installation, on: process, stocked: 10)
                let pipe = installation.folder.appendingPathComponent("pipe.csv").path
                try #require(mkfifo(pipe, 0o600) == 0)
                // Open for both, so that neither side waits for the other to open it.
                let descriptor = open(pipe, O_RDWR)
                try #require(descriptor >= 0)
                defer { close(descriptor) }
                let text = Array("basket_id,sku,quantity\nwhole,TEA,1\nhalf,TEA,1\n".utf8)
                try #require(write(descriptor, text, text.count) == text.count)

                let output = installation.folder.appendingPathComponent("import.json")
                let command = try RunFolder.shared.get().command([
                    try ProductLocation.pantry(), "import", "baskets", pipe, "--organization", shop.tenant.id, "--json",
                    "--config", installation.configurationFile.path,
                ])
                let child = try ChildProcess(
                    command[0], Array(command.dropFirst()), environment: Program.scrubbedEnvironment(),
                    output: output.path, errors: output.path + ".err")
                let client = try process.client()
                try await Poll.untilTrue("the whole basket's order", within: .seconds(30)) {
                    try await client.all("/v1/orders?status=confirmed", key: shop.tenant.apiKey).count == 1
                }
                child.send(SIGINT)
                #expect(try await child.ended(within: .seconds(20)) == .status(130))
                let report = try #require(try JSONReader.parse(Array(try Data(contentsOf: output))).object)
                #expect(report.number("placed") == 1 && report.number("baskets") == 1, "\(report)")
                #expect(try await client.all("/v1/orders", key: shop.tenant.apiKey).count == 1)
                try await expectOnlyTheShopsOwnKeyWorks(shop, installation, process)
            }
        }

        /// A port that the command can find: it is configured, and free.
        private static func settings() throws -> InstallationSettings {
            var settings = InstallationSettings()
            settings["server", "port"] = "\(try LoopbackPort.next())"
            return settings
        }

        /// An organization that has plenty of everything.
        private static func shop(
            _ grocery: GroceryBaskets, in installation: Installation, on process: PantryProcess,
            stocked: Int64 = 100_000
        ) async throws -> Shop {
            try await Shop.open(
                Catalog(
                    grocery.prices.sorted { $0.key < $1.key }.map {
                        Catalog.Item($0.key, price: $0.value, stocked: stocked)
                    }),
                in: installation, on: process)
        }

        private func report(_ installation: Installation, _ arguments: [String]) async throws -> JSONObject {
            let result = try await Program.run(
                try ProductLocation.pantry(),
                ["import", "baskets"] + arguments + ["--json", "--config", installation.configurationFile.path],
                within: .seconds(120))
            #expect(result.exit.isSuccess, "\(result.exit): \(result.text) \(result.errors)")
            let report = try #require(try JSONReader.parse(result.output).object)
            #expect(report["ok"] == true && report["errors"] == [], "\(report)")
            return report
        }

        private func digests(_ installation: Installation) async throws -> [String: String] {
            let directory = installation.dataDirectory
            return try await StoredRows.digests(StoredRows.shard, in: directory)
                .merging(try await StoredRows.digests(StoredRows.provider, in: directory)) { $0 + $1 }
        }

        /// The keys that the imports made for themselves are gone.
        private func expectOnlyTheShopsOwnKeyWorks(
            _ shop: Shop, _ installation: Installation, _ process: PantryProcess
        ) async throws {
            let keys = try await process.client().all(
                "/ops/organizations/\(shop.tenant.id)/keys", key: installation.operatorToken
            ).compactMap(\.object)
            let live = keys.filter { $0["revokedAt"]?.string == nil }
            #expect(live.count == 1, "\(keys)")
        }
    }
}
