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
                        let lost = try await lose(point, scenario, shop, proxy, process)
                        #expect(lost >= scenario.fewestShardCommits, "only \(lost) commits were lost")
                    }
                }
            }
        }

        /// - Returns: how many commits there were to lose.
        private func lose(
            _ point: TCPProxy.CutPoint, _ scenario: CrashScenario, _ shop: Shop, _ proxy: TCPProxy,
            _ process: PantryProcess
        ) async throws -> Int {
            let session = try shop.session(on: process)
            for passes in 0..<CrashRound.mostPoints {
                let name = "\(scenario.rawValue)-\(passes)"
                let order = try await scenario.prepare(session, name)
                proxy.cutOnce(at: Array("COMMIT".utf8), point, after: passes)
                let first = await scenario.send(session, order, name)
                let wasLost = proxy.cutNoMore()
                // Whoever hears 503, or that nobody knows, asks again with the same key.
                let last = try await Poll.until("\(name): an answer in the end", within: .seconds(30)) {
                    let outcome = await scenario.send(session, order, name)
                    return outcome.status == scenario.status ? outcome : nil
                }
                #expect(last.status == scenario.status, "\(name): first \(first), then \(last)")
                try await shop.expectNoViolations(on: process, name)
                if !wasLost { return passes }
                if scenario == .error, let id = last.answer?["id"]?.string {
                    // It waits in the queue; what it still tries would be counted in the next round.
                    let canceled = await session.cancel(id, key: "\(name)-away")
                    #expect(canceled.status == 200, "\(name): \(canceled)")
                }
            }
            Issue.record("\(scenario.rawValue) goes on after \(CrashRound.mostPoints) commits")
            return CrashRound.mostPoints
        }
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
