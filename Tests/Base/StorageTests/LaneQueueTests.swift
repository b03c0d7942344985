import Determinism
import Testing

@testable import Storage

/// Which commands are in the next batch, and beside which batches it may begin.
@Suite("LaneQueue")
struct LaneQueueTests {
    /// Wants some accounts, and more later if it says so.
    private struct Want: LaneCommand {
        let names: [String]
        var mayNameMore = false
        func needs(_ loaded: WorkingSet) -> [Need] { names.map { .row(Account.key($0)) } }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Int> { .discard(0) }
    }
    private func want(_ names: String..., mayNameMore: Bool = false) -> Submission {
        submission(Want(names: names, mayNameMore: mayNameMore))
    }
    private func submission(_ command: some LaneCommand, of organization: Int64? = nil) -> Submission {
        let tenant = organization.map { Tenant(organization: $0, epoch: 1) }
        return Submission.of(command, tenant: tenant, deadline: Instant(nanoseconds: 0)) { _ in }
    }
    /// A queue that expectations may change.
    private final class Desk {
        private(set) var queue: LaneQueue
        init(concurrency: Int = 2, batchLimit: Int = 256, decidesAhead: Bool = false, _ waiting: [Submission]) {
            queue = LaneQueue(batchLimit: batchLimit, concurrency: concurrency)
            queue.decidesAhead = decidesAhead
            for submission in waiting { queue.append(submission) }
        }
        func append(_ submission: Submission) { queue.append(submission) }
        func take() -> LaneBatch? { queue.take() }
        func end(_ batch: LaneBatch) { queue.end(batch) }
        var mayBegin: Bool { queue.mayBegin }
        var running: Int { queue.running }
        var waiting: [Submission] { queue.waiting }
    }
    private func names(_ batch: LaneBatch?) -> [String] {
        (batch?.submissions ?? []).map { submission in
            submission.firstNeeds.compactMap { $0.row?.text }.joined(separator: "+")
        }
    }

    @Test("one batch at a time takes all that wait, up to its limit, in their order")
    func alone() throws {
        let desk = Desk(concurrency: 1, batchLimit: 2, [want("a"), want("a"), want("b")])
        let first = try #require(desk.take())
        #expect(names(first) == ["a", "a"] && desk.take() == nil && !desk.mayBegin)
        desk.end(first)
        #expect(names(desk.take()) == ["b"] && desk.running == 1)
    }

    @Test("few commands stay together, and begin no batch beside another")
    func few() throws {
        let desk = Desk((0..<32).map { want("\($0)") })
        let batch = try #require(desk.take())
        #expect(batch.submissions.count == 32)
        for number in 100..<116 { desk.append(want("\(number)")) }
        #expect(!desk.mayBegin && desk.take() == nil)
        desk.append(want("116"))
        #expect(desk.mayBegin && desk.take()?.submissions.count == 17)
        #expect(desk.running == 2 && !desk.mayBegin)
    }

    @Test("many are divided evenly, with those under way; whoever shares a row with a batch is in it")
    func many() throws {
        let desk = Desk((0..<64).map { want("\($0)") } + [want("0", "x"), want("y")])
        let first = try #require(desk.take())
        #expect(names(first) == (0..<33).map { "\($0)" } + ["0+x"])
        let second = try #require(desk.take())
        #expect(second.submissions.count == 32 && names(second).last == "y" && desk.waiting.isEmpty)
        desk.end(first)
        for number in 0..<40 { desk.append(want("n\(number)")) }
        // 32 are under way, 40 wait: half of all.
        #expect(desk.take()?.submissions.count == 36)
    }

    @Test(
        "whoever wants a row of a batch under way waits for its end, and those behind wait with it for its other rows")
    func conflicts() throws {
        let desk = Desk((0..<40).map { want("\($0)") })
        let first = try #require(desk.take())
        #expect(first.submissions.count == 20)
        desk.append(want("0", "x"))
        desk.append(want("x"))
        desk.append(want("z"))
        let second = try #require(desk.take())
        #expect(names(second) == (20..<40).map { "\($0)" } + ["z"])
        desk.end(first)
        #expect(names(desk.take()) == [] && desk.waiting.count == 2, "two are too few beside another batch")
        desk.end(second)
        #expect(names(desk.take()) == ["0+x", "x"])
    }

    @Test("of those who may come to want more, one batch at most has any")
    func open() throws {
        let desk = Desk((0..<20).map { want("a\($0)", mayNameMore: true) } + (0..<40).map { want("b\($0)") })
        let first = try #require(desk.take())
        #expect(first.submissions.count == 30 && names(first).first == "a0")
        for number in 0..<30 { desk.append(want("c\(number)", "b39", mayNameMore: number == 0)) }
        let second = try #require(desk.take())
        #expect(names(second) == (10..<40).map { "b\($0)" }, "c0 waits, and those behind it with it")
        desk.end(first)
        #expect(names(desk.take()) == [] && desk.waiting.count == 30)
        desk.end(second)
        #expect(names(desk.take()).prefix(2) == ["c0+b39", "c1+b39"])
    }

    @Test(
        "three connections divide what is worth three batches, and no less", arguments: [(50, 25), (51, 17), (90, 30)])
    func three(waiting: Int, share: Int) {
        let desk = Desk(concurrency: 3, (0..<waiting).map { want("\($0)") })
        #expect(desk.take()?.submissions.count == share)
    }

    @Test("all want one row: one batch, and nobody looks again for each that comes")
    func hot() throws {
        let desk = Desk((0..<64).map { _ in want("hot") })
        #expect(desk.take()?.submissions.count == 64)
        for count in 1...40 {
            desk.append(want("hot"))
            #expect(desk.mayBegin == [17, 25, 37].contains(count), "\(count)")
            #expect(desk.take() == nil)
        }
        #expect(desk.waiting.count == 40)
    }

    @Test(
        "under random schedules: no row is in two batches, nobody is lost, and everybody has a turn", arguments: 0..<50)
    func random(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
        let concurrency = 1 + draw(4)
        var queue = LaneQueue(batchLimit: 8 + draw(60), concurrency: concurrency)
        queue.decidesAhead = draw(2) == 0
        var underWay: [LaneBatch] = []
        var (submitted, ended, rounds) = (0, 0, 0)
        while ended < 3_000 {
            rounds += 1
            try #require(rounds < 100_000, "somebody waits for ever")
            if submitted < 3_000, draw(2) == 0 {
                for _ in 0...draw(40) {
                    let rows = (0...draw(3)).map { _ in "\(draw(draw(3) == 0 ? 3 : 200))" }
                    queue.append(
                        Submission.of(
                            Want(names: rows, mayNameMore: draw(5) == 0), tenant: nil, deadline: Instant(nanoseconds: 0)
                        ) { _ in })
                    submitted += 1
                }
            }
            while let batch = queue.take() {
                let rows = Set(names(batch).flatMap { $0.split(separator: "+") })
                let line = underWay.filter { $0.line == batch.line }
                #expect((0..<concurrency).contains(batch.line) && line.count == (batch.isAhead ? 1 : 0))
                for other in underWay where concurrency > 1 || queue.decidesAhead {
                    let others = Set(names(other).flatMap { $0.split(separator: "+") })
                    #expect(other.line == batch.line ? rows.isSubset(of: others) : rows.isDisjoint(with: others))
                }
                #expect(!batch.submissions.isEmpty)
                underWay.append(batch)
                #expect(underWay.count { $0.submissions.contains(where: \.mayNameMore) } <= 1)
            }
            #expect(underWay.count == queue.running)
            if draw(10) == 0 { queue.decidesAhead.toggle() }
            // Where nothing is under way, somebody who waits has begun.
            #expect(!underWay.isEmpty || queue.waiting.isEmpty)
            if !underWay.isEmpty, draw(2) == 0 || submitted >= 3_000 {
                let batch = underWay.remove(at: draw(underWay.count))
                queue.end(batch)
                ended += batch.submissions.count
            }
            #expect(submitted == ended + queue.waiting.count + underWay.reduce(0) { $0 + $1.submissions.count })
            if submitted >= 3_000, queue.waiting.isEmpty, underWay.isEmpty { break }
        }
    }
}
