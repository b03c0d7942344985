import Determinism
import PantryTestKit
import Testing

extension ProcessTests {
    @Suite("Killed at random moments under load")
    struct RandomKillTests {
        /// Installations with their seeds, and how often each is killed.
        static let seeds: [UInt64] = TestScale.isLong ? [11, 12, 13, 14, 15] : [11]
        private static let kills = TestScale.isLong ? 10 : 3

        @Test(arguments: seeds)
        func everythingAcknowledgedSurvives(seed: UInt64) async throws {
            try await Installation.with { installation in
                let random = SeededRandom(seed: seed)
                var process = try await installation.start()
                // Some products run out, so that there are losers as well.
                var catalog = Catalog(count: 12, stocked: 100_000)
                for index in 0..<4 { catalog.items[index].stocked = 40 }
                let shop = try await Shop.open(catalog, in: installation, on: process)

                for kill in 1...Self.kills {
                    let plan = LoadPlan(name: "kill-\(kill)", seed: random.next())
                    let driver = LoadDriver(plan, catalog: catalog, sessions: [try shop.session(on: process)])
                    let moment = Duration.milliseconds(random.next(in: 50...900))
                    try await driver.run(killing: process, after: moment)
                    process = try await installation.start()
                    try await shop.expectNoViolations(on: process, "seed \(seed), kill \(kill), after \(moment)")
                }
                let confirmed = shop.history.all.count { $0.kind == .order && $0.answer?.status == 201 }
                #expect(confirmed > Self.kills, "only \(confirmed) orders were confirmed: this was no load")
                let unanswered = shop.history.all.count { $0.answer == nil }
                #expect(unanswered > Self.kills, "only \(unanswered) requests went unanswered: nothing was under way")
            }
        }
    }
}
