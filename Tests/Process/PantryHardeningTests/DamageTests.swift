import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// Database files that were damaged, lost, exchanged or made by another version: refused with a sentence, or answered
/// with 503, and never served as if all were well.
struct DamageTests {
    /// A stopped installation with some orders, its files without a WAL.
    private func withStoredOrders(_ body: (Installation, Grocery, [String]) async throws -> Void) async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            try await Catalog(count: 40, stocked: 100).install(for: grocery.owner, on: grocery.client)
            var orders: [String] = []
            for number in 1...40 {
                orders.append(try await grocery.order("SKU-0001", as: grocery.owner, key: "order-\(number)"))
            }
            grocery.process.terminate()
            #expect(try await grocery.process.ended().isSuccess)
            for file in Stored.files {
                try await Stored.run(installation, file, ["PRAGMA wal_checkpoint(TRUNCATE)"], isReadOnly: false)
            }
            try await body(installation, grocery, orders)
        }
    }

    private func change(_ installation: Installation, _ file: String, _ edit: (inout Data) -> Void) throws {
        let url = installation.dataDirectory.appendingPathComponent(file)
        var data = try Data(contentsOf: url)
        edit(&data)
        try data.write(to: url)
    }

    /// Bytes that are no page of a database, the same in every run.
    private static func noise(_ count: Int) -> Data {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        return Data(
            (0..<count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            })
    }

    @Test func aDamagedFileIsRefusedAtTheStart() async throws {
        try await withStoredOrders { installation, _, _ in
            for file in ["shard-0.db", "control.db"] {
                let edits: [(String, (inout Data) -> Void)] = [
                    ("header", { $0.replaceSubrange(0..<100, with: Self.noise(100)) }),
                    ("schema", { $0.replaceSubrange(100..<4_096, with: Self.noise(3_996)) }),
                    ("cut", { $0.removeLast($0.count - 8_192) }),
                    ("zeros", { $0.resetBytes(in: 0..<8_192) }),
                ]
                for (name, edit) in edits {
                    try await installation.withCopy { copy in
                        try change(copy, file, edit)
                        let text = try await copy.refusedStart()
                        #expect(text.contains("damaged") && text.contains(file), "\(name) of \(file): \(text)")
                        let verified = try await copy.run("verify")
                        #expect(verified.exit == .status(69), "\(verified.text)\(verified.errors)")
                    }
                }
            }
        }
    }

    /// An emptied file is a valid database without tables. Served, it would show nobody's orders, and a new control
    /// database would give the old organizations' numbers, and with them their rows, to new ones.
    @Test func aLostFileIsNotTakenForANewOne() async throws {
        try await withStoredOrders { installation, _, _ in
            for file in ["shard-0.db", "control.db"] {
                for isRemoved in [false, true] {
                    try await installation.withCopy { copy in
                        if isRemoved {
                            try FileManager.default.removeItem(at: copy.dataDirectory.appendingPathComponent(file))
                        } else {
                            try change(copy, file) { $0.removeAll() }
                        }
                        let text = try await copy.refusedStart()
                        #expect(text.contains("2 organizations") && text.contains("backup"), "\(file): \(text)")
                        let verified = try await copy.run("verify", "--json")
                        #expect(verified.exit == .status(1), "\(verified.text)")
                        #expect(verified.text.contains("\"placement\""), "\(verified.text)")
                    }
                }
            }
        }
    }

    /// A shard that was given another name in the configuration served nobody, and `verify` found all in order.
    @Test func aShardThatTheConfigurationLacksIsFound() async throws {
        try await withStoredOrders { installation, _, _ in
            var text = try String(contentsOf: installation.configurationFile, encoding: .utf8)
            let file = installation.dataDirectory.appendingPathComponent("shard-0.db").path
            text += "\nshards:\n  - { name: main, primary: 'sqlite:\(file)' }\n"
            try text.write(to: installation.configurationFile, atomically: true, encoding: .utf8)
            let verified = try await installation.run("verify", "--json")
            #expect(verified.exit == .status(1), "\(verified.text)\(verified.errors)")
            #expect(verified.text.contains("has no shard “shard-0”"), "\(verified.text)")
        }
    }

    @Test func aDamagedMiddleIsNeverServedAsData() async throws {
        try await withStoredOrders { installation, grocery, orders in
            // What an undamaged server says, to hold the answers of the damaged one against.
            let sound = try await installation.start()
            let truth = await answers(try sound.client(), grocery, orders)
            #expect(truth.allSatisfy { $0.status == 200 })
            try await sound.killAndWait()
            try await installation.withCopy { copy in
                // Tables that a start does not read, so that it succeeds.
                let text = try await Stored.run(
                    copy, "shard-0.db", ["SELECT pageno FROM dbstat WHERE name IN ('orders', 'stock', 'payments')"])
                let pages = text.split(separator: "\n").compactMap { Int($0) }
                #expect(pages.count > 3)
                try change(copy, "shard-0.db") { data in
                    for page in pages {
                        data.replaceSubrange((page - 1) * 4_096..<page * 4_096, with: Self.noise(4_096))
                    }
                }
                let process = try await copy.start()
                let client = try process.client()
                let damaged = await answers(client, grocery, orders)
                var refused = 0
                for (answer, right) in zip(damaged, truth) {
                    if answer.status == 503 {
                        refused += 1
                        #expect(answer.code == "shard-unavailable")
                    } else {
                        #expect(answer.status == 200 && answer.body == right.body, "\(Outcome.answered(answer))")
                    }
                }
                let order = await client.send(
                    "POST", "/v1/orders", Grocery.order("SKU-0002"), key: grocery.owner.apiKey, idempotencyKey: "new")
                if order.status != 201 { refused += 1 }
                #expect([201, 503].contains(order.status), "\(order)")
                #expect(refused > orders.count, "every order's page is noise")
                #expect(process.errorText.contains("the stored data is damaged"), "the log must say so")
                let verified = try await copy.run("verify")
                #expect(!verified.exit.isSuccess)
            }
        }
    }

    private func answers(_ client: PantryClient, _ grocery: Grocery, _ orders: [String]) async -> [PantryAnswer] {
        var answers: [PantryAnswer] = []
        let paths =
            orders.flatMap { ["/v1/orders/\($0)", "/v1/orders/\($0)/timeline"] } + ["/v1/orders?limit=100"]
            + (1...40).map { "/v1/stock/SKU-00\($0 < 10 ? "0" : "")\($0)" }
        for path in paths {
            let outcome = await client.get(path, key: grocery.owner.apiKey)
            if let answer = outcome.answer { answers.append(answer) } else { Issue.record("\(path): \(outcome)") }
        }
        return answers
    }

    @Test func anEditedMigrationIsRefused() async throws {
        try await withStoredOrders { installation, _, _ in
            for file in ["shard-0.db", "control.db"] {
                try await installation.withCopy { copy in
                    try await Stored.run(
                        copy, file, ["UPDATE schema_migrations SET checksum = 'edited' WHERE number = 1"],
                        isReadOnly: false)
                    for command in ["migrate", "serve"] {
                        let result = try await copy.run(command)
                        #expect(result.exit == .status(1), "\(command) \(result.exit)")
                        #expect(result.errors.contains("migration 1") && result.errors.contains("checksum edited"))
                        #expect(result.errors.contains("restore a backup"), "\(result.errors)")
                    }
                }
                try await installation.withCopy { copy in
                    try await Stored.run(
                        copy, file, ["UPDATE schema_migrations SET number = number + 6"], isReadOnly: false)
                    let text = try await copy.refusedStart()
                    let last = file == "control.db" ? 9 : 11
                    #expect(text.contains("is missing, though \(last) was applied"), "\(text)")
                }
            }
        }
    }

    /// `migrate` is safe while older servers run, so an older server starts on a newer schema.
    @Test func aNewerSchemaIsServed() async throws {
        try await withStoredOrders { installation, grocery, orders in
            try await Stored.run(
                installation, "shard-0.db",
                ["INSERT INTO schema_migrations SELECT 6, 'of tomorrow', 'x', max(applied_at) FROM schema_migrations"],
                isReadOnly: false)
            let process = try await installation.start()
            let client = try process.client()
            #expect(await client.get("/v1/orders/\(orders[0])", key: grocery.owner.apiKey).status == 200)
        }
    }
}
