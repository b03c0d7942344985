import Determinism
import DeterminismTestKit
import Storage
import Testing

@testable import Messaging

/// What positions of events are on every engine.
enum OutboxConformance {
    private struct Death: Error {}

    static let all: [Behavior<OutboxBench>] = [
        Behavior("within a key the order is that of its sequence, across keys that of time") { bench in
            for (key, sequence, time) in [
                ("a", 1, 10), ("a", 2, 5), ("b", 1, 7), ("b", 2, 20), ("c", 1, 10),
            ] as [(String, Int64, Int64)] {
                try await bench.insert(key, sequence, time: time)
            }
            #expect(try await bench.tail() == OutboxTail(last: 0, hasUnsent: true))
            #expect(try await bench.stamp().stamp(in: bench.database.first).count == 5)
            #expect(try await bench.stream() == ["b/1", "a/1", "a/2", "c/1", "b/2"], "a clock has stepped back")
            #expect(try await bench.tail() == OutboxTail(last: 5, hasUnsent: false))
            // What is older by its time, and comes later, is later.
            try await bench.insert("0", 1, time: 1)
            #expect(try await bench.tail() == OutboxTail(last: 5, hasUnsent: true))
            let outcome = try await bench.stamp().stamp(in: bench.database.second)
            #expect(outcome == OutboxStamp.Outcome(count: 1, last: 6))
            #expect(try await bench.stream().last == "0/1")
        },
        Behavior("a transaction gives no more positions than its limit, and the next one goes on") { bench in
            for sequence in 1...5 as ClosedRange<Int64> {
                for key in ["a", "b", "c", "d", "e"] { try await bench.insert(key, sequence, time: 100 - sequence) }
            }
            var (counts, lasts): ([Int], [Int64]) = ([], [])
            for _ in 0..<4 {
                let outcome = try await bench.stamp(limit: 10).stamp(in: bench.database.first)
                counts.append(outcome.count)
                lasts.append(outcome.last)
            }
            #expect(counts == [10, 10, 5, 0] && lasts == [10, 20, 25, 0])
            try await expectOrder(bench, events: 25)
            #expect(try await bench.epoch() == 3, "the fourth has written nothing")
        },
        Behavior("where all have positions nothing is written") { bench in
            #expect(try await bench.tail() == OutboxTail(last: 0, hasUnsent: false))
            let outcome = try await bench.stamp().stamp(in: bench.database.first)
            #expect(outcome == OutboxStamp.Outcome(count: 0, last: 0))
            #expect(try await bench.epoch() == nil)
        },
        Behavior("organizations that share a partition have streams of their own") { bench in
            for organization in [7, 8, 9] as [Int64] {
                try await bench.insert("a", 1, time: 1, of: organization)
                try await bench.insert("a", 2, time: 2, of: organization)
            }
            for organization in [8, 7] as [Int64] {
                #expect(try await bench.stamp(of: organization).stamp(in: bench.database.first).last == 2)
                #expect(try await bench.stream(of: organization) == ["a/1", "a/2"])
            }
            #expect(try await bench.tail(of: 9) == OutboxTail(last: 0, hasUnsent: true))
            #expect(try await bench.tail(of: 8) == OutboxTail(last: 2, hasUnsent: false))
        },
        Behavior("a row that commits late is not skipped") { bench in
            for key in ["b", "c"] { try await bench.insert(key, 1, time: 50) }
            // Its key, its time and its id are before all others. SQLite has one writer: nobody gives positions then.
            let canInterleave = bench.database.dialect == .postgres
            try await bench.database.second.write { transaction in
                _ = try await transaction.execute(OutboxBench.insertion("a", 1, time: 1))
                if canInterleave {
                    let outcome = try await bench.stamp().stamp(in: bench.database.first)
                    #expect(outcome == OutboxStamp.Outcome(count: 2, last: 2))
                }
            }
            #expect(try await bench.tail().hasUnsent)
            #expect(try await bench.stamp().stamp(in: bench.database.first).last == 3)
            #expect(try await bench.stream() == (canInterleave ? ["b/1", "c/1", "a/1"] : ["a/1", "b/1", "c/1"]))
        },
        Behavior("who dies while giving positions has given none") { bench in
            for sequence in 1...3 as ClosedRange<Int64> { try await bench.insert("a", sequence, time: sequence) }
            let stamp = bench.stamp()
            await #expect(throws: Death.self) {
                try await bench.database.first.write { transaction in
                    try await transaction.execute(stamp.lock)
                    #expect(try await transaction.execute(stamp.statement).count == 3)
                    throw Death()
                }
            }
            #expect(try await bench.stream() == [])
            #expect(try await bench.epoch() == nil)
            #expect(try await stamp.stamp(in: bench.database.second).last == 3)
            #expect(try await bench.stream() == ["a/1", "a/2", "a/3"])
        },
        Behavior("no position is given behind a fence, or under an epoch that is over") { bench in
            try await bench.insert("a", 1, time: 1)
            try await bench.database.execute("INSERT INTO fences VALUES ($1, 4, 'fenced', 1)", [7])
            #expect(try await bench.stamp(epoch: 4).stamp(in: bench.database.first).count == 0)
            try await bench.database.execute("UPDATE fences SET state = 'active'")
            #expect(try await bench.stamp(epoch: 3).stamp(in: bench.database.first).count == 0)
            #expect(try await bench.tail().hasUnsent)
            #expect(try await bench.stamp(epoch: 4).stamp(in: bench.database.first).count == 1)
        },
        Behavior(
            "while two servers write and give positions, a reader sees each event once, in order", manyAtOnce),
    ]

    /// What a consumer relies on: no gaps, and each key's events in their order.
    private static func expectOrder(_ bench: OutboxBench, events: Int) async throws {
        let stream = try await bench.stream()
        #expect(stream.count == events)
        expectOrder(stream)
    }
    private static func expectOrder(_ stream: [String]) {
        for (key, names) in Dictionary(grouping: stream, by: { $0.prefix { $0 != "/" } }) {
            #expect(names == (0..<names.count).map { "\(key)/\($0 + 1)" })
        }
    }

    @Sendable
    private static func manyAtOnce(_ bench: OutboxBench) async throws {
        let (writers, commits, events) = (4, 12, 4 * 12 * 2)
        let given = Notes<Int>()
        let hasWritten = Flag()
        let read = try await withThrowingTaskGroup(of: [String].self) { group in
            group.addTask {
                try await withThrowingDiscardingTaskGroup { group in
                    for writer in 0..<writers {
                        let database = writer % 2 == 0 ? bench.database.first : bench.database.second
                        group.addTask {
                            for commit in 0..<commits {
                                try await database.write { transaction in
                                    for part in 1...2 {
                                        // Later writers have the earlier times.
                                        let statement = OutboxBench.insertion(
                                            "k\(writer)", Int64(2 * commit + part), time: Int64(100 - commit))
                                        _ = try await transaction.execute(statement)
                                    }
                                }
                            }
                        }
                    }
                }
                hasWritten.raise()
                return []
            }
            for database in [bench.database.first, bench.database.second] {
                group.addTask {
                    var isLastRound = false
                    while !isLastRound {
                        isLastRound = hasWritten.isRaised
                        while try await bench.tail().hasUnsent {
                            given.note(try await bench.stamp(limit: 5).stamp(in: database).count)
                        }
                        await Task.yield()
                    }
                    return []
                }
            }
            group.addTask {
                var (names, last): ([String], Int64) = ([], 0)
                while names.count < events {
                    let page = OutboxTail.events(of: OutboxBench.organization, after: last, limit: 10)
                    for row in try await bench.database.second.read(page, .strong) {
                        let record = try row.record(OutboxRecord.self)
                        #expect(record.position == last + 1, "nothing appears behind what has been read")
                        names.append("\(record.eventKey)/\(record.sequence)")
                        last += 1
                    }
                    await Task.yield()
                }
                return names
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        expectOrder(read)
        #expect(try await bench.stream() == read)
        #expect(given.all.reduce(0, +) == events && given.all.allSatisfy { $0 <= 5 })
    }
}
