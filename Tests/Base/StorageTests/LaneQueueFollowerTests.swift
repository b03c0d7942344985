import Determinism
import Testing

@testable import Storage

/// Which commands are in a batch that is decided while the one before it is being written.
@Suite("LaneQueue: followers")
struct LaneQueueFollowerTests {
    /// A name that clients make.
    private struct Claim: Record {
        static let table = Table("claims", rank: 1, key: [.text("name")], locksAbsentRows: true)
        let name: String
        static func key(_ name: String) -> Key<Claim> { Key(text: name) }
        var key: Key<Claim> { Self.key(name) }
        init(from row: any ColumnReader) throws { name = try row.text() }
        func write(to row: any ColumnWriter) { row.text(name) }
    }
    /// Wants accounts under a name of its own.
    private struct Want: LaneCommand {
        let accounts: [String]
        var claim: String?
        var mayNameMore = false
        func needs(_ loaded: WorkingSet) -> [Need] {
            (claim.map { [.row(Claim.key($0))] } ?? []) + accounts.map { .row(Account.key($0)) }
        }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int> { .discard(0) }
    }
    private func want(
        _ accounts: String..., claim: String? = nil, of organization: Int64? = nil, mayNameMore: Bool = false
    ) -> Submission {
        Submission.of(
            Want(accounts: accounts, claim: claim, mayNameMore: mayNameMore),
            tenant: organization.map { Tenant(organization: $0, epoch: 1) }, deadline: Instant(nanoseconds: 0)
        ) { _ in }
    }
    /// A queue that expectations may change.
    private final class Desk {
        private var queue: LaneQueue
        init(concurrency: Int = 2, decidesAhead: Bool = true, _ waiting: [Submission]) {
            queue = LaneQueue(batchLimit: 256, concurrency: concurrency)
            queue.decidesAhead = decidesAhead
            for submission in waiting { queue.append(submission) }
        }
        func append(_ submissions: [Submission]) { for submission in submissions { queue.append(submission) } }
        func take() -> LaneBatch? { queue.take() }
        func end(_ batch: LaneBatch) { queue.end(batch) }
        var waiting: Int { queue.waiting.count }
    }

    @Test("a crowd for one row goes in halves: one is written, the other decided", arguments: [1, 2])
    func halves(concurrency: Int) throws {
        let desk = Desk(concurrency: concurrency, (0..<64).map { want("hot", claim: "\($0)") })
        let first = try #require(desk.take())
        #expect(first.submissions.count == 32 && first.line == 0 && !first.isAhead)
        let second = try #require(desk.take())
        #expect(second.submissions.count == 32 && second.line == 0 && second.isAhead)
        desk.append((64..<90).map { want("hot", claim: "\($0)") })
        #expect(desk.take() == nil, "one follower at most")
        desk.end(first)
        let third = try #require(desk.take())
        #expect(third.submissions.count == 26 && third.isAhead)
        desk.end(second)
        desk.end(third)
        desk.append([want("hot")])
        #expect(try #require(desk.take()).isAhead == false)
    }

    @Test("few are better off together, and no follower is made of them")
    func few() throws {
        let desk = Desk((0..<33).map { _ in want("hot") })
        #expect(desk.take()?.submissions.count == 33)
        desk.append((0..<16).map { _ in want("hot") })
        #expect(desk.take() == nil)
        desk.append([want("hot")])
        #expect(desk.take()?.submissions.count == 17)
    }

    @Test("where nothing is decided ahead, a crowd for one row stays one batch")
    func notAhead() throws {
        let desk = Desk(decidesAhead: false, (0..<64).map { _ in want("hot") })
        #expect(desk.take()?.submissions.count == 64)
        desk.append((0..<64).map { _ in want("hot") })
        #expect(desk.take() == nil)
    }

    @Test("a follower names what its leader has named and names that clients make, and nothing else")
    func names() throws {
        let leaders = (0..<20).map { _ in want("hot", "warm", of: 1) }
        let strangers = [
            want("hot", "cold", of: 1), want("hot", of: 2), want("hot", of: 1, mayNameMore: true),
        ]
        for stranger in strangers {
            let desk = Desk(leaders)
            #expect(desk.take()?.submissions.count == 20)
            desk.append([want("warm", claim: "c", of: 1)] + (0..<20).map { want("warm", claim: "\($0)", of: 1) })
            desk.append([stranger])
            // Behind the stranger: it waits for the row, and nobody overtakes it.
            desk.append([want("hot", of: 1)])
            let follower = try #require(desk.take())
            #expect(follower.isAhead && follower.submissions.count == 21 && desk.waiting == 2)
        }
    }

    @Test("nobody follows over a row or a name of a batch on another line")
    func otherLines() throws {
        let desk = Desk((0..<20).map { want("a", claim: "a\($0)") } + (0..<20).map { want("b", claim: "b\($0)") })
        let (first, second) = (try #require(desk.take()), try #require(desk.take()))
        #expect([first.line, second.line] == [0, 1] && !second.isAhead)
        desk.append((0..<17).map { want("a", claim: "c\($0)") } + [want("a", "b"), want("a", claim: "b1")])
        let third = try #require(desk.take())
        #expect(third.line == 0 && third.isAhead && third.submissions.count == 17 && desk.waiting == 2)
        desk.end(second)
        desk.end(first)
        desk.append((0..<17).map { _ in want("a", "b") })
        #expect(desk.take() == nil, "they want what the follower has, and more")
        desk.end(third)
        #expect(desk.take()?.submissions.count == 19)
    }

    /// A crowd that always had another batch waiting kept everybody else from ever beginning.
    @Test("a crowd that does not end overtakes nobody for ever", arguments: [1, 2])
    func patience(concurrency: Int) throws {
        for stranger in [want("other"), want("hot", of: 2), want("hot", mayNameMore: true), want("hot", "other")] {
            let desk = Desk(concurrency: concurrency, (0..<64).map { want("hot", claim: "\($0)") })
            var underWay = [try #require(desk.take()), try #require(desk.take())]
            desk.append([stranger])
            var rounds = 0
            while !underWay.contains(where: { $0.submissions.contains { $0 === stranger } }) {
                rounds += 1
                try #require(rounds < 10, "it waits for ever")
                desk.append((0..<32).map { want("hot", claim: "\(rounds)-\($0)") })
                if !underWay.isEmpty { desk.end(underWay.removeFirst()) }
                while let batch = desk.take() { underWay.append(batch) }
            }
            #expect(rounds <= LaneQueue.patience + 3)
        }
    }

    @Test("those who are too few for a follower are in the batch that they could have followed")
    func tooFew() throws {
        let crowd = (0..<40).map { want("p\($0)") }
        let desk = Desk(crowd + (0..<10).map { want("p0", claim: "\($0)") })
        let first = try #require(desk.take())
        #expect(first.submissions.count == 25 + 10)
        #expect(desk.take() == nil, "15 are too few beside another batch")
        let many = Desk(crowd + (0..<20).map { want("p0", claim: "\($0)") })
        #expect(many.take()?.submissions.count == 30)
        let second = try #require(many.take())
        #expect(second.submissions.count == 20 && second.isAhead)
    }

    @Test("far fewer than a batch are not worth another commit behind it")
    func proportion() throws {
        let desk = Desk((0..<33).map { want("p\($0)") } + (0..<227).map { want("hot", claim: "\($0)") })
        let first = try #require(desk.take())
        #expect(first.submissions.count == 130)
        let second = try #require(desk.take())
        #expect(second.submissions.count == 130 && second.isAhead)
        desk.end(first)
        desk.append((300..<364).map { want("hot", claim: "\($0)") })
        #expect(desk.take() == nil)
        desk.append((400..<440).map { want("hot", claim: "\($0)") })
        #expect(desk.take()?.submissions.count == 104)
    }
}
