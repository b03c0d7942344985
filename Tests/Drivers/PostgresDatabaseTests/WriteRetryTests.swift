import CallPolicies
import ConnectionPooling
import Determinism
import PostgresTestKit
import ProcessTestKit
import ReplicaRouting
import Storage
import Synchronization
import Testing

@testable import PostgresDriver

/// Transactions that lose against others are run again, for a time.
@Suite("PostgresDatabase: transactions that lose", .timeLimit(.minutes(2)))
struct WriteRetryTests {
    // MARK: the decision

    private let start = Instant(nanoseconds: 7)
    private let error = StorageError.conflict("lost")

    private func fresh(_ attempts: Int, within timeout: Duration?, callers: Duration? = nil) -> WriteRetries {
        WriteRetries(attempts: attempts, within: timeout, callersDeadline: callers.map { start + $0 }, now: start)
    }

    @Test func noPauseEndsAtTheDeadlineOrBehindIt() {
        for seed in 0..<200 as Range<UInt64> {
            let random = SeededRandom(seed: seed)
            var (retries, now) = (fresh(1_000, within: .milliseconds(300)), start)
            while let pause = retries.lost(error, now: now, draw: random.next()) {
                now = now + pause
                #expect(retries.mayBegin(at: now))
                #expect(now < start + .milliseconds(300))
                // The attempt.
                now = now + .milliseconds(1)
            }
            #expect(retries.failures > 2, "there was time for several")
        }
    }

    @Test func anAttemptThatLosesAtTheDeadlineIsTheLast() {
        for (passed, isRunAgain) in [(9_989, true), (9_990, false), (10_000, false), (20_000, false)] {
            var retries = fresh(5, within: .seconds(10))
            let pause = retries.lost(error, now: start + .milliseconds(passed), draw: .max)
            #expect(pause == (isRunAgain ? .milliseconds(10) : nil), "after \(passed) ms")
            #expect(retries.latest == error)
        }
        #expect(!fresh(5, within: .seconds(10)).mayBegin(at: start + .seconds(10)))
    }

    @Test func theEarlierOfBothDeadlinesCounts() {
        for (own, callers, passed, isRunAgain) in [
            (10, 2, 1, true), (10, 2, 3, false), (2, 10, 1, true), (2, 10, 3, false), (nil, 2, 3, false),
            (nil, nil, 1_000, true), (2, nil, 3, false),
        ] as [(Int?, Int?, Int, Bool)] {
            var retries = fresh(
                5, within: own.map { .seconds($0) }, callers: callers.map { .seconds($0) })
            let pause = retries.lost(error, now: start + .seconds(passed), draw: 0)
            #expect((pause != nil) == isRunAgain, "own \(own as Any), the caller's \(callers as Any), \(passed) s")
        }
    }

    /// The pause was shifted by the number of attempts, and from the sixtieth or so there was no number left to draw.
    @Test func pausesGrowToASecondAndNoFurther() {
        var (retries, pauses) = (fresh(100, within: nil), [Duration]())
        while let pause = retries.lost(error, now: start, draw: .max) { pauses.append(pause) }
        #expect(pauses.count == 99)
        #expect(pauses.prefix(4) == [.milliseconds(10), .milliseconds(20), .milliseconds(40), .milliseconds(80)])
        #expect(pauses.max() == .seconds(1))
        #expect(retries.connectionDeadline == nil)
    }

    @Test func onlyTheFirstAttemptWaitsForAConnectionAsOthersDo() {
        var retries = fresh(5, within: .seconds(10))
        #expect(retries.connectionDeadline == nil)
        _ = retries.lost(error, now: start, draw: 0)
        #expect(retries.connectionDeadline == start + .seconds(10))
    }

    // MARK: on a server

    /// The machine's time, which a test puts forward. Whoever sleeps meanwhile wakes no earlier for it.
    private final class ForwardTime: TimeSource {
        private let system = SystemTime()
        private let ahead = Mutex(Duration.zero)

        func now() -> Timestamp { system.now() + ahead.withLock { $0 } }
        func instant() -> Instant { system.instant() + ahead.withLock { $0 } }
        func sleep(until deadline: Instant) async throws {
            let ahead = ahead.withLock { $0 }
            try await system.sleep(until: deadline + (Duration.zero - ahead))
        }
        func advance(by duration: Duration) { ahead.withLock { $0 += duration } }
    }

    private static let loss = SQLStatement(
        "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = 'serialization_failure'; END $$")

    /// A primary stays one, however far its clock is put forward.
    private static func settings(_ configuration: inout PostgresDatabaseConfiguration) {
        configuration.routing.primaryLease = .seconds(3_600)
    }

    /// Runs a transaction whose first attempt takes so long, by the database's clock, and loses.
    /// - Returns: how many attempts there were, and what the last one came to.
    private func loseOnce(
        after duration: Duration, _ running: RunningDatabase, _ clock: ForwardTime
    ) async throws -> (attempts: Int, failure: StorageError?) {
        let attempts = Tally()
        do {
            try await running.database.write { transaction in
                attempts.add("one")
                guard attempts.total == 1 else { return }
                clock.advance(by: duration)
                try await transaction.execute(Self.loss)
            }
            return (attempts.total, nil)
        } catch let error as StorageError {
            return (attempts.total, error)
        }
    }

    private func isLoss(_ failure: StorageError?) -> Bool {
        if case .conflict(let reason) = failure { return reason.contains("40001") }
        return false
    }

    @Test func aTransactionIsRunAgainUntilItsTimeIsUp() async throws {
        try await PostgresTestbed.withServer { server in
            let clock = ForwardTime()
            try await RunningDatabase.with(server.url(), clock: clock, Self.settings) { running in
                let early = try await loseOnce(after: .seconds(7), running, clock)
                #expect(early.attempts == 2 && early.failure == nil)
                let late = try await loseOnce(after: .seconds(11), running, clock)
                #expect(late.attempts == 1 && isLoss(late.failure), "\(late)")
            }
        }
    }

    @Test func aTransactionIsNotRunAgainBehindItsCallersDeadline() async throws {
        try await PostgresTestbed.withServer { server in
            let clock = ForwardTime()
            try await RunningDatabase.with(server.url(), clock: clock, Self.settings) { running in
                let late = try await CallDeadline.with(clock.instant() + .seconds(3)) {
                    try await loseOnce(after: .seconds(4), running, clock)
                }
                #expect(late.attempts == 1 && isLoss(late.failure), "\(late)")
                let early = try await CallDeadline.with(clock.instant() + .seconds(60)) {
                    try await loseOnce(after: .seconds(4), running, clock)
                }
                #expect(early.attempts == 2 && early.failure == nil)
            }
        }
    }

    @Test func aTransactionMayBeRunAgainForEver() async throws {
        try await PostgresTestbed.withServer { server in
            let clock = ForwardTime()
            let unlimited: (inout PostgresDatabaseConfiguration) -> Void = {
                Self.settings(&$0)
                $0.retryTimeout = nil
            }
            try await RunningDatabase.with(server.url(), clock: clock, unlimited) { running in
                let late = try await loseOnce(after: .seconds(600), running, clock)
                #expect(late.attempts == 2 && late.failure == nil)
            }
        }
    }

    /// It waits for the one connection, which somebody else has got meanwhile, and its time is up before that is free.
    @Test func anAttemptThatGetsNoConnectionInTimeIsNotMade() async throws {
        let scarce: (inout PostgresDatabaseConfiguration) -> Void = {
            ($0.pool.limit, $0.retryTimeout) = (1, .seconds(1))
        }
        try await PostgresTestbed.withServer { server in
            try await RunningDatabase.with(server.url(), scarce) { running in
                let (attempts, isOver) = (Tally(), Tally())
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask {
                        try await Poll.untilTrue("the first has the connection") { attempts.total > 0 }
                        try await running.database.write { _ in
                            try await Poll.untilTrue("the first is told", within: .seconds(20)) { isOver.total > 0 }
                        }
                    }
                    do {
                        try await running.database.write { transaction in
                            attempts.add("one")
                            try await Poll.untilTrue("the second waits for it") {
                                running.database.pools.contains { $0.pool.waiting > 0 }
                            }
                            try await transaction.execute(Self.loss)
                        }
                        Issue.record("it was committed")
                    } catch let error as StorageError {
                        #expect(isLoss(error), "\(error)")
                    }
                    isOver.add("told")
                }
                #expect(attempts.total == 1)
            }
        }
    }
}
