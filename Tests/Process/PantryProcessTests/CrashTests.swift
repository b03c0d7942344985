import Foundation
import PantryTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// SIGKILL just before and just after every commit: the order, its charge in the provider's books, the
    /// confirmation. After the next start the client repeats its request at once, and there must be one order and one
    /// charge.
    @Suite("Killed at every durable write")
    struct CrashTests {
        private static let settings: InstallationSettings = {
            var settings = InstallationSettings()
            settings["server", "shutdownTimeout"] = "5s"
            return settings
        }()

        @Test(arguments: CrashScenario.allCases)
        func killedAtEveryPoint(scenario: CrashScenario) async throws {
            let points = try await Installation.with(Self.settings) { installation in
                var process = try await installation.start()
                let shop = try await Shop.open(Catalog(count: 2, stocked: 1_000), in: installation, on: process)
                var round = CrashRound(scenario: scenario, shop: shop)
                while round.point < CrashRound.mostPoints {
                    try await round.prepare(on: process)
                    try await process.killAndWait()
                    let wasKilled = try await round.crash()
                    process = try await installation.start()
                    try await round.check(shop, on: process)
                    if !wasKilled { return round.point - 1 }
                }
                Issue.record("\(scenario.rawValue) goes on after \(CrashRound.mostPoints) points")
                return round.point
            }
            #expect(points >= scenario.fewestPoints, "was killed at \(points) points only")
        }

        /// The recovery from a crash writes as well, and may be cut short in its turn.
        @Test(.enabled(if: TestScale.isLong, "make test-long"), arguments: CrashScenario.allCases)
        func killedAgainDuringRecovery(scenario: CrashScenario) async throws {
            try await Installation.with(Self.settings) { installation in
                var process = try await installation.start()
                let shop = try await Shop.open(Catalog(count: 2, stocked: 1_000), in: installation, on: process)
                var round = CrashRound(scenario: scenario, shop: shop)
                var wasKilled = true
                var killedInRecovery = 0
                while wasKilled, round.point < CrashRound.mostPoints {
                    try await round.prepare(on: process)
                    try await process.killAndWait()
                    wasKilled = try await round.crash()
                    killedInRecovery += try await recoverInCopies(round, shop)
                    process = try await installation.start()
                    try await round.check(shop, on: process)
                }
                #expect(!wasKilled, "it goes on after \(CrashRound.mostPoints) points")
                #expect(killedInRecovery > 0, "no recovery was ever cut short")
            }
        }

        /// Recovers in a copy for each point of the recovery, killed there.
        /// - Returns: at how many.
        private func recoverInCopies(_ round: CrashRound, _ shop: Shop) async throws -> Int {
            for point in 1...CrashRound.mostPoints {
                let isReady = try await shop.installation.withCopy { copy in
                    let recovering = try copy.launch(.sinceStart(point))
                    let readiness = try await recovering.readiness()
                    try await recovering.killAndWait()
                    let process = try await copy.start()
                    try await round.check(shop.copied(to: copy), on: process)
                    return readiness == .ready
                }
                if isReady { return point - 1 }
            }
            Issue.record("recovery goes on after \(CrashRound.mostPoints) points")
            return CrashRound.mostPoints
        }
    }
}

/// One after the other, the points at which a scenario's server is killed.
struct CrashRound {
    static let mostPoints = 60

    let scenario: CrashScenario
    let shop: Shop
    /// The point, from 1, counted from the request on.
    private(set) var point: Int
    /// Whether another server might be at work on the same data: a saga that a crash left behind is then taken up only
    /// when its lease has passed, and a repeat is told so until then.
    private let isShared: Bool
    /// How many points a server passes by itself after it has started.
    private var pointsOfStart = 0
    private var order: String?

    init(scenario: CrashScenario, shop: Shop, after point: Int = 0, isShared: Bool = false) {
        (self.scenario, self.shop, self.point, self.isShared) = (scenario, shop, point, isShared)
    }

    private var name: String { "\(scenario.rawValue)-\(point)" }

    /// Goes on to the next point, on a server that lives.
    mutating func prepare(on process: PantryProcess) async throws {
        point += 1
        order = try await scenario.prepare(shop.session(on: process), name)
    }

    /// Sends the request to a server that dies at the point.
    /// - Returns: whether it did; otherwise the request passes fewer points.
    mutating func crash() async throws -> Bool {
        for attempt in 1...20 {
            if let wasKilled = try await crash(attempt) { return wasKilled }
        }
        throw PollTimeout(what: "the server to pass the same points after two starts", limit: .zero)
    }

    /// A server also writes for itself when it has started. Those points do not count: the request is sent once they
    /// are passed, and only if there were as many as before.
    /// - Returns: nil if there were not.
    private mutating func crash(_ attempt: Int) async throws -> Bool? {
        let log = shop.installation.folder.appendingPathComponent("points-\(name)-\(attempt).txt").path
        let process = try shop.installation.launch(.sinceReady(pointsOfStart + point), log: log)
        guard try await process.readiness() == .ready, let before = try await passed(process, log) else {
            pointsOfStart += 1
            return nil
        }
        guard before == pointsOfStart else {
            try await process.killAndWait()
            pointsOfStart = before
            return nil
        }
        let outcome = await scenario.send(try shop.session(on: process), order, name)
        // The answer may come before the last points are passed.
        let wasKilled = outcome.answer == nil ? true : try await passed(process, log) == nil
        if wasKilled {
            #expect(try await process.ended() == .signal(SIGKILL))
            #expect(PassedPoint.read(log).last?.number == pointsOfStart + point)
        }
        try await process.killAndWait()
        return wasKilled
    }

    /// How many points were passed when no more are for a while; nil if the server is gone.
    private func passed(_ process: PantryProcess, _ log: String) async throws -> Int? {
        let count = try await Poll.untilQuiet("points to be passed", for: .milliseconds(100)) {
            process.child.poll() == nil ? PassedPoint.read(log).count : -1
        }
        return count < 0 ? nil : count
    }

    /// Repeats the request with its key on a server that has just started, and looks at what there is.
    func check(_ shop: Shop, on process: PantryProcess) async throws {
        let place = "\(name), killed at point \(point)"
        let session = try shop.session(on: process)
        var repeated = await scenario.send(session, order, name)
        if isShared {
            repeated = try await Poll.until("the saga's lease to pass", within: .seconds(90)) {
                let outcome = await scenario.send(session, order, name)
                return outcome.answer?.code == "idempotency-in-progress" ? nil : outcome
            }
        }
        #expect(repeated.status == scenario.status, "\(place): \(repeated)")
        try await shop.expectNoViolations(on: process, place)

        let orders = try await scenario.expectEnd(of: name, in: shop, on: process, place)
        // An order that waits in the queue is tried again every now and then, which would disturb the next round's
        // points.
        if scenario == .error, let id = orders.first?.id {
            let canceled = await session.cancel(id, key: "\(name)-away")
            #expect(canceled.status == 200, "\(place): \(canceled)")
        }
    }
}
