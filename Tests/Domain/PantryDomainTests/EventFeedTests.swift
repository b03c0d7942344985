import Determinism
import DeterminismTestKit
import SQLiteDriver
import Storage
import Synchronization
import Testing

@testable import PantryDomain

/// Reading and waiting for an organization's events, by a clock that the test moves.
@Suite("Events: reading and waiting", .timeLimit(.minutes(1)))
struct EventFeedTests {
    /// A shard's database that counts its reads, and may be away.
    private final class Counted: Database {
        let inner: SQLiteDatabase
        private let count = Atomic(0)
        private let away = Atomic(false)
        /// Told which read comes.
        private let hook = Mutex<(@Sendable (Int) async -> Void)?>(nil)
        var beforeRead: (@Sendable (Int) async -> Void)? {
            get { hook.withLock { $0 } }
            set { hook.withLock { $0 = newValue } }
        }

        init(_ inner: SQLiteDatabase) { self.inner = inner }
        var reads: Int { count.load(ordering: .acquiring) }
        var isAway: Bool {
            get { away.load(ordering: .acquiring) }
            set { away.store(newValue, ordering: .releasing) }
        }
        func read(
            _ statements: [SQLStatement], _ consistency: ReadConsistency, for organization: Int64?
        ) async throws(StorageError) -> ReadResult {
            let number = count.add(1, ordering: .acquiringAndReleasing).newValue
            if let beforeRead { await beforeRead(number) }
            if isAway { throw .unavailable("it is away") }
            return try await inner.read(statements, consistency, for: organization)
        }
        func write<Value: Sendable>(
            _ body: @Sendable (any Transaction) async throws -> Value
        ) async throws -> Value { try await inner.write(body) }
    }

    /// A shop with a product that nothing has happened to yet, and a feed of its events.
    private struct Stand: Sendable {
        let feed: EventFeed
        let database: Counted
        let shop: Shop
        let context: TenantContext
        var time: ManualTime { shop.store.time }

        static func with(_ body: (Stand) async throws -> Void) async throws {
            try await withStore { store in
                let shop = try await Shop.open(in: store)
                try await shop.product("a", stock: 0)
                let database = Counted(store.shard)
                let shard = Shard(name: "shard-0", database: database, lane: store.lane, sagas: store.nobody)
                let context = TenantContext(
                    shard: shard, caller: shop.caller, now: store.time.now(),
                    deadline: store.time.instant() + .seconds(20))
                let feed = EventFeed(time: store.time)
                try await body(Stand(feed: feed, database: database, shop: shop, context: context))
                #expect(feed.organizationCount == 0, "nothing is kept where nobody listens")
            }
        }
        /// Begins to wait, and returns when that many sleep.
        func listen(
            after position: Int64 = 0, for limit: Duration = .seconds(30), sleepers: Int = 1
        ) async -> Task<Bool, any Error> {
            let (feed, context, deadline) = (feed, context, time.instant() + limit)
            let task = Task { try await feed.wait(after: position, until: deadline, in: context) }
            await settled(sleepers: sleepers, reads: 0)
            return task
        }
        /// Lets the first look happen, that finds nothing.
        func look(sleepers: Int = 1) async {
            time.advance(by: .milliseconds(50))
            await settled(sleepers: sleepers, reads: 1)
        }
        func settled(sleepers: Int, reads: Int) async {
            await eventually("\(sleepers) sleep, \(reads) reads") {
                time.sleeperCount == sleepers && database.reads == reads
            }
        }
        func page(after position: Int64 = 0, limit: Int = 100) async throws -> EventPage {
            try await feed.page(after: position, limit: limit, in: context)
        }
    }

    @Test func aNudgeEndsTheWaitAtOnce() async throws {
        try await Stand.with { stand in
            let waiting = await stand.listen()
            await stand.look()
            stand.time.advance(by: .milliseconds(100))
            let now = stand.time.instant()
            try await stand.shop.adjust("a", by: 1)
            stand.feed.nudge(stand.shop.number + 1)
            #expect(stand.time.sleeperCount == 1, "another organization's events are no news")
            stand.feed.nudge(stand.shop.number)
            #expect(try await waiting.value)
            #expect(stand.time.instant() == now)
            let page = try await stand.page()
            #expect(page.events.map(\.type) == ["inventory:adjusted"] && !page.hasMore)
        }
    }

    @Test func whatAnotherServerHasWrittenIsFoundAtTheNextLook() async throws {
        try await Stand.with { stand in
            let waiting = await stand.listen()
            await stand.look()
            try await stand.shop.adjust("a", by: 1)
            stand.time.advance(by: .milliseconds(499))
            #expect(stand.time.sleeperCount == 1)
            stand.time.advance(by: .milliseconds(1))
            #expect(try await waiting.value)
        }
    }

    @Test func theWaitEndsAtItsDeadline() async throws {
        try await Stand.with { stand in
            let waiting = await stand.listen(for: .milliseconds(1_200))
            await stand.look()
            for reads in [2, 3] {
                stand.time.advance(by: .milliseconds(500))
                await stand.settled(sleepers: 1, reads: reads)
            }
            stand.time.advance(by: .milliseconds(150))
            let hasNews = try await waiting.value
            #expect(!hasNews && stand.database.reads == 3)
            let again = try await stand.feed.wait(after: 0, until: stand.time.instant(), in: stand.context)
            #expect(!again && stand.database.reads == 3, "there was no time for a look")
        }
    }

    @Test func aWaitIsCancelledAndAnotherOneTakesOver() async throws {
        try await Stand.with { stand in
            let first = await stand.listen()
            let second = await stand.listen(sleepers: 2)
            await stand.look(sleepers: 2)
            first.cancel()
            await #expect(throws: CancellationError.self) { try await first.value }
            await eventually("the other one looks at the next moment") {
                stand.time.earliestDeadline == Instant(nanoseconds: 0) + .milliseconds(550)
            }
            stand.time.advance(by: .milliseconds(500))
            await stand.settled(sleepers: 1, reads: 2)
            second.cancel()
            await #expect(throws: CancellationError.self) { try await second.value }
        }
    }

    @Test func allWhoWaitShareOneLook() async throws {
        try await Stand.with { stand in
            var waiting: [Task<Bool, any Error>] = []
            for number in 1...6 { waiting.append(await stand.listen(sleepers: number)) }
            await stand.look(sleepers: 6)
            stand.time.advance(by: .milliseconds(500))
            await stand.settled(sleepers: 6, reads: 2)
            try await stand.shop.adjust("a", by: 1)
            stand.time.advance(by: .milliseconds(500))
            for task in waiting { #expect(try await task.value) }
            // One that finds an event without a position, and one behind the transaction that gives it one.
            #expect(stand.database.reads == 4)
        }
    }

    @Test func whoIsBehindHearsSoAtOnce() async throws {
        try await Stand.with { stand in
            try await stand.shop.adjust("a", by: 1)
            let waiting = await stand.listen(after: 1)
            stand.time.advance(by: .milliseconds(50))
            await stand.settled(sleepers: 1, reads: 2)
            #expect(try await stand.feed.wait(after: 0, until: stand.time.instant() + .seconds(9), in: stand.context))
            #expect(stand.database.reads == 2, "without a look")
            waiting.cancel()
            _ = await waiting.result
        }
    }

    @Test func aLookThatFailsIsNoNews() async throws {
        try await Stand.with { stand in
            stand.database.isAway = true
            let waiting = await stand.listen()
            await stand.look()
            await #expect(throws: Refusal.self) { try await stand.page() }
            try await stand.shop.adjust("a", by: 1)
            stand.time.advance(by: .milliseconds(500))
            await stand.settled(sleepers: 1, reads: 3)
            stand.database.isAway = false
            stand.time.advance(by: .milliseconds(500))
            #expect(try await waiting.value)
        }
    }

    @Test func pagesGoThroughTheWholeStream() async throws {
        try await Stand.with { stand in
            let count = 1_100
            try await stand.shop.store.shard.write { transaction in
                for sequence in 1...Int64(count) {
                    try await transaction.execute(
                        SQLStatement(
                            """
                            INSERT INTO outbox (organization, key, sequence, id, type, partition, position, time,
                              traceparent, data)
                            VALUES ($1, 'stock/a', $2, $3, 'inventory:adjusted', $4, NULL, 5, NULL, '{}')
                            """,
                            [
                                .integer(stand.shop.number), .integer(sequence),
                                .uuid(UUIDv7(high: 1, low: UInt64(sequence))),
                                .integer(Int64(Slot.of(organization: stand.shop.number)) % 64),
                            ]))
                }
            }
            let page = try await stand.page(limit: 7)
            #expect(page.events.map(\.position) == Array(1...7) && page.hasMore)
            #expect(stand.context.trail.position == nil, "SQLite has no positions in a log")
            var (seen, last): (Int, Int64) = (0, 0)
            while true {
                let page = try await stand.page(after: last, limit: 300)
                #expect(page.events.map(\.position) == page.events.indices.map { last + Int64($0) + 1 })
                #expect(page.hasMore == (page.events.last?.position != Int64(count)))
                seen += page.events.count
                last = page.events.last?.position ?? last
                if !page.hasMore { break }
            }
            #expect(seen == count)
            #expect(try await stand.page(after: last).events.isEmpty)
            #expect(try await stand.page(limit: 2_000).events.count == count)
        }
    }

    /// A reader went on waiting behind an end that was lost, and what was written there anew passed it by.
    @Test func whoIsAheadOfALostEndGoesOnFromTheNewOne() async throws {
        try await Stand.with { stand in
            for _ in 0..<3 { try await stand.shop.adjust("a", by: 1) }
            #expect(try await stand.page().events.map(\.position) == [1, 2, 3])
            // As a replica that has not heard of the last two.
            try await stand.shop.store.tamper("DELETE FROM outbox WHERE position > 1")
            let ahead = try await stand.page(after: 3)
            #expect(ahead.events.isEmpty && ahead.start == 1 && !ahead.hasMore)
            try await stand.shop.adjust("a", by: 1)
            let next = try await stand.page(after: 3)
            #expect(next.start == 1 && next.events.map(\.position) == [2])
            #expect(try await stand.feed.newest(in: stand.context) == 2)
        }
    }

    /// A command that committed between a reader's two looks made it give positions again, and again.
    @Test func whoeverWritesFastDoesNotMakeAReaderGivePositionsWithoutPause() async throws {
        try await Stand.with { stand in
            let (shop, database) = (stand.shop, stand.database)
            try await shop.adjust("a", by: 1)
            database.beforeRead = { number in
                // Behind the transaction that gives positions.
                if number == 2 { _ = try? await shop.adjust("a", by: 1) }
            }
            let page = try await stand.page()
            #expect(page.events.map(\.position) == [1] && !page.hasMore && database.reads == 2)
            database.beforeRead = nil
            #expect(try await stand.page(after: 1).events.map(\.position) == [2])
        }
    }

    /// Every task that reads wants positions given; one does it, and all read the same.
    @Test func readersAtTheSameMomentReadTheSame() async throws {
        try await Stand.with { stand in
            for _ in 0..<5 { try await stand.shop.adjust("a", by: 1) }
            let pages = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for _ in 0..<12 { group.addTask { try await stand.page().events.map(\.position) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(pages == Array(repeating: [1, 2, 3, 4, 5], count: 12))
            #expect(
                try await stand.shop.store.number("SELECT MAX(epoch) FROM outbox_partitions") == 1,
                "positions were given in one transaction")
        }
    }

    @Test func aFencedOrganizationsEventsGetNoPositions() async throws {
        try await Stand.with { stand in
            try await stand.shop.adjust("a", by: 1)
            try await stand.shop.store.tamper("UPDATE fences SET state = 'fenced'")
            let page = try await stand.page()
            #expect(page.events.isEmpty && !page.hasMore)
            try await stand.shop.store.tamper("UPDATE fences SET state = 'active'")
            #expect(try await stand.page().events.count == 1)
        }
    }
}
