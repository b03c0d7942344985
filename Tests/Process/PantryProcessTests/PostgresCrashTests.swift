import Foundation
import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// Every durable write of every saga on PostgreSQL: the server dies around it, or lives and never hears that it was
    /// made.
    @Suite("On PostgreSQL, at every durable write")
    struct PostgresCrashTests {
        /// The short run takes one that ends forward and one that begins another saga.
        private static let scenarios: [CrashScenario] = TestScale.isLong ? CrashScenario.allCases : [.ok, .refund]

        @Test(arguments: scenarios)
        func killed(scenario: CrashScenario) async throws {
            try await PostgresHome.with { home in
                try await Installation.with(home.settings) { installation in
                    var process = try await installation.start()
                    let shop = try await Shop.open(Catalog(count: 2, stocked: 1_000), in: installation, on: process)
                    var round = CrashRound(scenario: scenario, shop: shop, isShared: true)
                    var wasKilled = true
                    while wasKilled, round.point < CrashRound.mostPoints {
                        try await round.prepare(on: process)
                        try await process.killAndWait()
                        wasKilled = try await round.crash()
                        try await home.endLeases()
                        process = try await installation.start()
                        try await round.check(shop, on: process)
                    }
                    #expect(!wasKilled, "\(scenario.rawValue) goes on after \(CrashRound.mostPoints) points")
                    let points = round.point - 1
                    #expect(points >= scenario.fewestPoints, "was killed at \(points) points only")
                }
            }
        }

        /// What the server left behind is taken up when its lease has passed, without anybody's help.
        @Test func killedAndTakenUpAfterTheLease() async throws {
            try await PostgresHome.with { home in
                try await Installation.with(home.settings) { installation in
                    var process = try await installation.start()
                    let shop = try await Shop.open(Catalog(count: 2, stocked: 1_000), in: installation, on: process)
                    // The order and its charge are stored, the confirmation is not.
                    var round = CrashRound(scenario: .ok, shop: shop, after: 3, isShared: true)
                    try await round.prepare(on: process)
                    try await process.killAndWait()
                    #expect(try await round.crash(), "not killed at point \(round.point)")
                    process = try await installation.start()
                    try await round.check(shop, on: process)
                }
            }
        }

        /// The connection is cut where the answer to a commit would come, at each commit in turn. The server goes on,
        /// and so does its client.
        @Test(arguments: scenarios)
        func commitsWhoseAnswersAreLost(scenario: CrashScenario) async throws {
            try await lose(.insteadOfPostgresReply, in: scenario)
        }

        /// The same with commits that never arrive.
        @Test(arguments: scenarios)
        func commitsThatAreLost(scenario: CrashScenario) async throws {
            try await lose(.beforeRequest, in: scenario)
        }

        private func lose(_ point: TCPProxy.CutPoint, in scenario: CrashScenario) async throws {
            try await PostgresTestbed.withServer { server in
                try await PostgresTestbed.with { testbed in
                    for database in ["control", "shard_0"] { try await server.psql("CREATE DATABASE \(database)") }
                    let proxy = try testbed.proxy(to: server.port)
                    // As through a pooler no statement is prepared, so that each COMMIT can be seen.
                    let shard = proxy.url(to: server, database: "shard_0", "sslmode=disable", "pooler=transaction")
                    let home = PostgresHome(server, shard: shard)
                    try await Installation.with(home.settings) { installation in
                        let process = try await installation.start()
                        let catalog = Catalog(count: 2, stocked: 1_000)
                        let shop = try await Shop.open(catalog, in: installation, on: process)
                        let round = LossRound(
                            point: point, scenario: scenario, server: server, proxy: proxy, shop: shop)
                        let lost = try await round.loseEach(on: process)
                        #expect(lost >= scenario.fewestShardCommits, "only \(lost) commits were lost")
                    }
                }
            }
        }
    }
}

/// One after the other, a scenario's commits in the shard, each lost with its request or with its answer.
///
/// What may be missing then:
/// - Where the request with the first commit is lost, all that was asked for: its effect and its key are one
///   transaction, which was never made. Nobody may have been told that it was.
/// - Where only the answer to the first commit is lost, nothing, though nobody knows so: the caller hears 503 of what
///   was done.
/// - Where a later commit is lost, nothing that was asked for either. The request is stored, and what is missing is a
///   step of its saga, which is made again by itself. The caller may have heard an answer or 503.
///
/// In the end, each scenario has come to what it comes to without a loss.
private struct LossRound {
    let point: TCPProxy.CutPoint
    let scenario: CrashScenario
    let server: PostgresServer
    let proxy: TCPProxy
    let shop: Shop

    /// - Returns: how many commits there were to lose.
    func loseEach(on process: PantryProcess) async throws -> Int {
        for passes in 0..<CrashRound.mostPoints {
            let wasLost = try await lose(after: passes, on: process)
            if !wasLost { return passes }
        }
        Issue.record("\(scenario.rawValue) goes on after \(CrashRound.mostPoints) commits")
        return CrashRound.mostPoints
    }

    /// - Returns: whether the scenario makes so many commits.
    private func lose(after passes: Int, on process: PantryProcess) async throws -> Bool {
        let name = "\(scenario.rawValue)-\(passes)"
        let session = try shop.session(on: process)
        let order = try await scenario.prepare(session, name)
        // A worker renews its lease whenever it is time: a commit, but none of the scenario's.
        proxy.cutOnce(at: Array("COMMIT".utf8), point, after: passes, unlessNear: Array("saga_workers".utf8))
        let first = await scenario.send(session, order, name)
        let wasLost = proxy.cutNoMore()
        let isStored = try await hasTakenEffect(name)
        let isFirst = wasLost && passes == 0
        #expect(isStored == !(isFirst && point == .beforeRequest), "\(name): stored is \(isStored), \(first)")
        let answers = isFirst ? [503] : wasLost ? [scenario.status, 202, 503] : [scenario.status]
        #expect(answers.contains(first.status ?? 0), "\(name): \(first)")

        // Whoever hears 503, or that it is not done yet, asks again with the same key.
        let last = try await Poll.until("\(name): an answer in the end", within: .seconds(30)) {
            let outcome = await scenario.send(session, order, name)
            return outcome.status == scenario.status ? outcome : nil
        }
        if first.status == scenario.status {
            #expect(last.answer?["id"] == first.answer?["id"], "\(name): first \(first), then \(last)")
        }
        try await shop.expectNoViolations(on: process, name)
        let orders = try await scenario.expectEnd(of: name, in: shop, on: process, name)
        if scenario == .error, let id = orders.first?.id {
            // It waits in the queue; what it still tries would be counted in the next round.
            let canceled = await session.cancel(id, key: "\(name)-away")
            #expect(canceled.status == 200, "\(name): \(canceled)")
        }
        return wasLost
    }

    /// Whether the request has taken effect: its key is stored in the transaction of its effect.
    private func hasTakenEffect(_ name: String) async throws -> Bool {
        let keys = "SELECT count(*) FROM idempotency_keys WHERE scope LIKE '% \(name)'"
        return try await server.psql(keys, database: "shard_0") == "1"
    }
}

extension CrashScenario {
    /// The commits in the shard alone at the least.
    var fewestShardCommits: Int { self == .fulfill || self == .error ? 1 : 2 }
}

extension PostgresHome {
    /// Ends the leases of all workers: for a test that knows that their processes are gone and has no time to wait.
    func endLeases() async throws {
        try await server.psql("UPDATE saga_workers SET lease_until = 0", database: "shard_0")
    }
}
