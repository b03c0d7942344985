import Determinism
import Foundation
import PostgresTestKit
import ProcessTestKit
import Testing

/// Three processes on one PostgreSQL server, stopped past their leases and killed at random while one step in five goes
/// wrong.
@Suite("Saga workers that are stopped and killed", .serialized, .timeLimit(.minutes(20)))
struct WorkerFleetTests {
    private static let isLong = ProcessInfo.processInfo.environment["PANTRY_TEST_LONG"] == "1"
    private static let total = isLong ? 2_000 : 120
    /// How many sagas end between two disturbances.
    private static let pace = isLong ? 5...30 as ClosedRange<UInt64> : 3...8

    @Test(arguments: (isLong ? [11, 12, 13] : [11]) as [UInt64])
    func allSagasEndAndNothingHappensTwice(seed: UInt64) async throws {
        // Clients die here, the server does not.
        let options = PostgresOptions(settings: ["fsync": "off", "deadlock_timeout": "200ms"])
        try await PostgresTestbed.withServer(options) { server in
            let fleet = WorkerFleet(server, seed: seed)
            try await fleet.start(3, sagas: Self.total)
            let (stops, kills) = try await torment(fleet, SeededRandom(seed: seed))
            #expect(stops > 0 && kills > 0, "\(stops) stops and \(kills) kills")
            try await fleet.end()
            try await WorkerFleetAudit(fleet: fleet, total: Self.total).check()
            let claims = try await fleet.number(
                "SELECT count(*) FROM \(WorkerFleetAudit.entries) l WHERE kind = 'claimed'")
            #expect(claims > 0, "nobody took anything over")
            let undone = try await fleet.number("SELECT count(*) FROM sagas WHERE state = 'compensated'")
            let refused = try await fleet.number("SELECT sum(overtaken) FROM effects", in: "participant")
            print(
                "seed \(seed): \(Self.total) sagas, \(undone) undone; \(stops) stops, \(kills) kills,",
                "\(claims) takeovers; \(refused) calls and \(fleet.fencedCount) commits refused by their epoch")
        }
    }

    /// A fleet whose sagas ended right after a worker was replaced told the new one to end before it listened.
    @Test
    func aWorkerThatHasJustBeenStartedEndsInOrder() async throws {
        try await PostgresTestbed.withServer(PostgresOptions(settings: ["fsync": "off"])) { server in
            let fleet = WorkerFleet(server, seed: 1)
            try await fleet.start(1, sagas: 0)
            try fleet.killAndReplace(0)
            try await fleet.end()
        }
    }

    /// Stops and kills until every saga has ended.
    private func torment(_ fleet: WorkerFleet, _ random: SeededRandom) async throws -> (stops: Int, kills: Int) {
        var (stops, kills, ended) = (0, 0, 0)
        while true {
            let width = Self.pace.upperBound - Self.pace.lowerBound + 1
            let target = min(ended + Int(Self.pace.lowerBound + random.next(below: width)), Self.total)
            ended = try await Poll.until("progress beyond \(ended)", within: .seconds(120), every: .milliseconds(50)) {
                let count = try await fleet.endedCount
                return count >= target ? count : nil
            }
            if ended == Self.total { return (stops, kills) }
            let victim = Int(random.next(below: UInt64(fleet.size)))
            // The first two times one of each, then by chance.
            if kills == 0 {
                try fleet.killAndReplace(1)
                kills += 1
            } else if stops == 0 {
                // This one is not aware of its lease: it comes back to sagas that are others'.
                try await fleet.whenAtWork(0)
                try await stop(0, of: fleet, waitsForOthers: true)
                try await fleet.whenFenced()
                stops += 1
            } else if random.next(below: 2) == 0 {
                try await stop(victim, of: fleet, waitsForOthers: random.next(below: 2) == 0)
                stops += 1
            } else {
                try fleet.killAndReplace(victim)
                kills += 1
            }
        }
    }

    private func stop(_ victim: Int, of fleet: WorkerFleet, waitsForOthers: Bool) async throws {
        let process = fleet.member(victim).process
        process.send(SIGSTOP)
        defer { process.send(SIGCONT) }
        try await fleet.whenLapsed(victim)
        // Or it wakes up in the middle of the others' taking over.
        if waitsForOthers { try await fleet.whenOvertaken(victim) }
    }
}
