import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// Whatever a client sends: a clear answer, nothing changed, nothing leaked, and the server goes on as before.
struct BadInputTests {
    @Test func aBarrageOfBadRequestsChangesNothing() async throws {
        try await Installation.with { installation in
            let grocery = try await Grocery.open(installation)
            let barrage = try await Barrage.prepare(grocery)
            let before = try await Stored.dump(installation)
            // A first round fills caches and pools; what a second one takes on top is what a thousandth would.
            try await barrage.run()
            let calm = try await Footprint.settled(grocery.process)
            try await barrage.run()
            try await barrage.slowSenders()
            let after = try await Footprint.settled(grocery.process)
            #expect(after.descriptors <= calm.descriptors + 16, "open files: \(calm) → \(after)")
            #expect(after.kibibytes <= calm.kibibytes + 64 * 1_024, "memory: \(calm) → \(after)")
            #expect(try await Stored.dump(installation) == before)
            #expect(await grocery.client.get("/readyz").status == 200)
            _ = try await grocery.order("apple", as: grocery.owner, key: "after-all")
            try await installation.expectVerified()
            Self.expectCleanLog(grocery)
        }
    }

    /// One JSON object a line; no secret, no trace of the stack, no fault of ours.
    private static func expectCleanLog(_ grocery: Grocery) {
        let secrets = [grocery.owner.apiKey, grocery.stranger.apiKey, grocery.installation.operatorToken].flatMap {
            [$0] + $0.split(separator: ".").dropFirst().map(String.init)
        }
        let lines = grocery.installation.lines(of: grocery.process)
        #expect(lines.count > 100)
        for line in lines {
            let object = (try? JSONReader.parse(line))?.object
            #expect(object?["time"]?.string != nil && object?["message"]?.string != nil, "\(line.prefix(300))")
            #expect(!["error", "critical"].contains(object?["level"]?.string ?? ""), "\(line.prefix(500))")
            for secret in secrets where line.contains(secret) { Issue.record("a secret in the log") }
            for mark in ["Bearer ", "Fatal error", ".swift:", "not-a-secret-but-a-header"] {
                #expect(!line.contains(mark), "“\(mark)” in \(line.prefix(300))")
            }
        }
    }
}

/// What a process holds.
struct Footprint: Sendable, Hashable {
    var descriptors: Int
    var kibibytes: Int

    /// Once its connections are closed.
    static func settled(_ process: PantryProcess) async throws -> Footprint {
        _ = try await Poll.untilQuiet("open files", for: .milliseconds(200)) { now(process).descriptors }
        return now(process)
    }

    /// How long the processors have worked for it.
    static func processorTime(of process: PantryProcess) -> Duration {
        let stat = (try? String(contentsOfFile: "/proc/\(process.child.pid)/stat", encoding: .utf8)) ?? ""
        // Behind the name, which may hold anything: the state, and as the 12th and 13th field the ticks.
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].dropFirst().split(separator: " ")
        let ticks = fields.dropFirst(11).prefix(2).compactMap { Int($0) }.reduce(0, +)
        return Duration.seconds(1) * ticks / max(1, Int(sysconf(Int32(_SC_CLK_TCK))))
    }

    private static func now(_ process: PantryProcess) -> Footprint {
        let root = "/proc/\(process.child.pid)"
        let status = (try? String(contentsOfFile: "\(root)/status", encoding: .utf8)) ?? ""
        let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/fd"))?.count
        return Footprint(
            descriptors: open ?? 0, kibibytes: resident.flatMap { Int($0.filter(\.isNumber)) } ?? 0)
    }
}

/// The requests of the barrage and what must come of them.
struct Barrage: Sendable {
    let grocery: Grocery
    let order: String
    /// A list's cursor, and the same one tampered with.
    let cursor: String

    static func prepare(_ grocery: Grocery) async throws -> Barrage {
        try await Catalog([
            Catalog.Item("apple", price: 100, stocked: 1_000), Catalog.Item("pear", price: 250, stocked: 1_000),
            Catalog.Item("gold", price: 9_007_199_254_740, stocked: 1_000),
            Catalog.Item("planet", price: 9_007_199_254_740_991, stocked: 1_000),
        ]).install(for: grocery.owner, on: grocery.client)
        var euros = Catalog([Catalog.Item("euro", price: 10, stocked: 1_000)])
        euros.currency = "EUR"
        try await euros.install(for: grocery.owner, on: grocery.client)
        let order = try await grocery.order("apple", as: grocery.owner, key: "barrage")
        let page = await grocery.send("GET", "/v1/products?limit=2", as: grocery.owner)
        let cursor = try #require(page.answer?["page"]?.object?["nextCursor"]?.string, "\(page)")
        let barrage = Barrage(grocery: grocery, order: order, cursor: cursor)
        await barrage.expect(barrage.shortOfStock)
        return barrage
    }

    func run() async throws {
        for item in bodies + fields + numbers + [shortOfStock] { await expect(item) }
        for item in idempotency + queries + paths { await expect(item) }
        for item in raw { try await expect(item) }
        try await wrongMethods()
        await wellFormed()
    }

    /// A bad request, and what is expected of its answer.
    struct Case: Sendable {
        var name: String
        var request: PantryRequest
        var status: Int
        var code: String
        /// Of the only error, or of one of them.
        var pointer: String?
        /// Within the answer's text.
        var says: String?
    }

    func expect(_ item: Case) async {
        let time = ContinuousClock()
        var outcome = Outcome.noAnswer("not sent")
        let before = Footprint.processorTime(of: grocery.process)
        let took = await time.measure { outcome = await grocery.client.send(item.request) }
        let worked = Footprint.processorTime(of: grocery.process) - before
        #expect(outcome.status == item.status, "\(item.name): \(outcome)")
        #expect(outcome.answer?.code == item.code, "\(item.name): \(outcome)")
        #expect(outcome.answer?.header("Content-Type") == "application/problem+json", "\(item.name)")
        #expect(outcome.answer?["requestId"]?.string == outcome.answer?.header("X-Request-Id"), "\(item.name)")
        // Nothing here is work: much of it means that somebody goes through a hostile text again and again. The time
        // until the answer would be that of everything else on a busy machine.
        #expect(worked < .seconds(3), "\(item.name) took \(worked) of the processors")
        #expect(took < .seconds(10), "\(item.name) took \(took)")
        if let pointer = item.pointer {
            let pointers = (outcome.answer?["errors"]?.array ?? []).compactMap { $0.object?["pointer"]?.string }
            #expect(pointers.contains(pointer), "\(item.name): \(pointers)")
        }
        let text = String(decoding: outcome.answer?.body ?? [], as: UTF8.self)
        #expect(text.utf8.count < 300_000, "\(item.name): an answer of \(text.utf8.count) bytes")
        if let says = item.says { #expect(text.contains(says), "\(item.name): \(text.prefix(400))") }
        Installation.expectPlainWords(text)
    }
}
