import Determinism
import DeterminismTestKit
import Storage
import Testing

extension DatabaseConformance {
    private struct Stop: Error, Equatable {
        var number = 1
    }

    // MARK: transactions

    static let transactions: [Behavior<DatabaseBench>] = [
        Behavior("a body that throws leaves nothing, and its error arrives") { bench in
            try await bench.make(things)
            await #expect(throws: Stop(number: 7)) {
                try await bench.first.write { transaction in
                    try await transaction.execute(SQLStatement("INSERT INTO things (number) VALUES (1)"))
                    throw Stop(number: 7)
                }
            }
            #expect(try await bench.number("SELECT COUNT(*) FROM things") == 0)
            let value = try await bench.first.write { transaction in
                try await transaction.execute(SQLStatement("INSERT INTO things (number) VALUES (1)"))
                return "value"
            }
            #expect(value == "value")
            #expect(try await bench.number("SELECT COUNT(*) FROM things") == 1)
        },
        Behavior("a body reads what it has written, and nobody else does before the commit") { bench in
            try await bench.make(things)
            let count = SQLStatement("SELECT COUNT(*) FROM things")
            try await bench.first.write { transaction in
                try await transaction.execute(SQLStatement("INSERT INTO things (number) VALUES (1), (2)"))
                #expect(try await transaction.execute(count)[0].integer(0) == 2)
                #expect(try await bench.first.read(count, .strong)[0].integer(0) == 0, "a reader beside it")
                #expect(try await bench.second.read(count, .strong)[0].integer(0) == 0, "another server")
                try await transaction.execute(SQLStatement("DELETE FROM things WHERE number = 1"))
                #expect(try await transaction.execute(count)[0].integer(0) == 1)
            }
            #expect(try await bench.second.read(count, .strong)[0].integer(0) == 1)
        },
        Behavior("a statement that fails takes the transaction with it when its error is thrown on") { bench in
            try await bench.make(things)
            let error = await #expect(throws: StorageError.self) {
                try await bench.first.write { transaction in
                    try await transaction.execute(SQLStatement("INSERT INTO things (number) VALUES (1)"))
                    try await transaction.execute(SQLStatement("INSERT INTO things (number) VALUES (1)"))
                }
            }
            #expect(error?.kind == .constraint)
            #expect(try await bench.number("SELECT COUNT(*) FROM things") == 0)
            try await bench.execute("INSERT INTO things (number) VALUES (1)")
        },
        Behavior("RETURNING answers with the rows that were written") { bench in
            try await bench.make(things)
            let made = try await bench.execute(
                "INSERT INTO things (number, name) VALUES (1, 'a'), (2, 'b'), (3, NULL) RETURNING number, name")
            #expect(Set(made.map(\.values)) == [[1, "a"], [2, "b"], [3, nil]])
            let changed = try await bench.execute(
                "UPDATE things SET amount = number * 10 WHERE number < $1 RETURNING number, amount", [3])
            #expect(Set(changed.map(\.values)) == [[1, 10], [2, 20]])
            let upserted = try await bench.execute(
                """
                INSERT INTO things (number, amount) VALUES (1, 5), (9, 6)
                ON CONFLICT (number) DO UPDATE SET amount = things.amount + excluded.amount RETURNING number, amount
                """)
            #expect(Set(upserted.map(\.values)) == [[1, 15], [9, 6]])
            #expect(try await bench.execute("UPDATE things SET amount = 1 WHERE number = 77 RETURNING number") == [])
            let gone = try await bench.execute("DELETE FROM things WHERE number > 2 RETURNING number, name")
            #expect(Set(gone.map(\.values)) == [[3, nil], [9, nil]])
            #expect(try await bench.execute("UPDATE things SET amount = 1") == [], "without RETURNING no rows")
        },
        Behavior("the same text serves both: row values, UPDATE FROM, empty lists, CASE, EXISTS") { bench in
            try await bench.make(things, "CREATE TABLE prices (number {int} NOT NULL PRIMARY KEY, price {int}) {table}")
            try await bench.execute("INSERT INTO things (number, name) VALUES (1, 'a'), (2, 'b'), (3, NULL)")
            try await bench.execute("INSERT INTO prices VALUES (1, 10), (2, 20)")
            try await bench.execute(
                "UPDATE things SET amount = p.price FROM prices p WHERE p.number = things.number AND p.price > $1", [10]
            )
            let rows = try await bench.rows(
                """
                SELECT number, amount, CASE WHEN EXISTS (SELECT 1 FROM prices p WHERE p.number = t.number)
                  THEN 'priced' ELSE 'free' END FROM things t WHERE (number, COALESCE(name, '')) >= ($1, $2)
                ORDER BY number
                """, [2, "a"])
            #expect(rows.map(\.values) == [[2, 20, "priced"], [3, nil, "free"]])
            let sorted = try await bench.rows("SELECT number FROM things ORDER BY amount IS NULL, amount, number DESC")
            #expect(sorted.map(\.values) == [[2], [3], [1]])
            #expect(try await bench.number("SELECT COUNT(*) FROM things WHERE number IN (SELECT 1 WHERE 1 = 0)") == 0)
            #expect(try await bench.rows("SELECT number FROM things ORDER BY number LIMIT $1", [0]) == [])
            #expect(try await bench.rows("SELECT number FROM things LIMIT $1", [.integer(.max)]).count == 3)
            #expect(
                try await bench.rows("SELECT number FROM things ORDER BY number LIMIT $1 OFFSET $2", [5, 2]).count == 1)
        },
        Behavior("a caller that is cancelled finds all of it or nothing") { bench in
            try await bench.make(things)
            for round in 0..<20 as Range<Int64> {
                let hasBegun = Flag()
                let task = Task {
                    try await bench.first.write { transaction in
                        for part in 0..<5 as Range<Int64> {
                            try await transaction.execute(
                                SQLStatement(
                                    "INSERT INTO things (number, amount) VALUES ($1, $2)",
                                    [.integer(round * 10 + part), .integer(round)]))
                            if part == round % 5 { hasBegun.raise() }
                        }
                    }
                }
                while !hasBegun.isRaised { await Task.yield() }
                task.cancel()
                let isCommitted = (try? await task.value) != nil
                let count = try await bench.number("SELECT COUNT(*) FROM things WHERE amount = $1", [.integer(round)])
                #expect(count == 0 || count == 5, "round \(round)")
                if isCommitted { #expect(count == 5, "it was acknowledged") }
            }
            let reads = (0..<20).map { _ in Task { try await bench.first.read(SQLStatement("SELECT 1"), .strong) } }
            for read in reads { read.cancel() }
            for read in reads { _ = try? await read.value }
            try await bench.execute("INSERT INTO things (number) VALUES (1000)")
        },
        Behavior("two servers that change one row lose no change") { bench in
            try await bench.make(things)
            try await bench.execute("INSERT INTO things (number, amount) VALUES (1, 0)")
            try await withThrowingDiscardingTaskGroup { group in
                for database in [bench.first, bench.second] {
                    for _ in 0..<4 {
                        group.addTask {
                            for _ in 0..<10 {
                                try await database.write {
                                    _ = try await $0.execute(SQLStatement("UPDATE things SET amount = amount + 1"))
                                }
                            }
                        }
                    }
                }
            }
            #expect(try await bench.number("SELECT amount FROM things") == 80)
        },
        Behavior("two servers that take rows in opposite orders both get them") { bench in
            try await bench.make(things)
            try await bench.execute("INSERT INTO things (number, amount) VALUES (1, 0), (2, 0)")
            let attempts = Count()
            try await withThrowingDiscardingTaskGroup { group in
                for (database, order) in [(bench.first, [1, 2]), (bench.second, [2, 1])] as [(OpenedDatabase, [Int64])]
                {
                    group.addTask {
                        for _ in 0..<6 {
                            try await database.write { transaction in
                                attempts.add()
                                for number in order {
                                    try await transaction.execute(
                                        SQLStatement(
                                            "UPDATE things SET amount = amount + 1 WHERE number = $1",
                                            [.integer(number)]))
                                }
                            }
                        }
                    }
                }
            }
            #expect(attempts.value >= 12)
            #expect(try await bench.rows("SELECT amount FROM things").map(\.values) == [[12], [12]])
        },
        Behavior("a guard that another writer has made false changes nothing, and only one of many makes a row") {
            bench in
            try await bench.make(things)
            try await bench.execute("INSERT INTO things (number, amount) VALUES (1, 5)")
            let wins = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<20 {
                    let database = index % 2 == 0 ? bench.first : bench.second
                    group.addTask {
                        try await database.write {
                            try await $0.execute(
                                SQLStatement(
                                    "UPDATE things SET amount = amount - 1 WHERE number = 1 AND amount > 0 RETURNING 1")
                            )
                        }.count
                    }
                    group.addTask {
                        try await database.write {
                            try await $0.execute(
                                SQLStatement(
                                    "INSERT INTO things (number) VALUES (2) ON CONFLICT DO NOTHING RETURNING 1"))
                        }.count * 100
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(wins == 105, "five takers and one maker")
            #expect(try await bench.number("SELECT amount FROM things WHERE number = 1") == 0)
        },
    ]

    // MARK: snapshots

    static let snapshots: [Behavior<DatabaseBench>] = [
        Behavior("several statements see one state while a writer commits between them") { bench in
            try await bench.make(things)
            try await bench.execute("INSERT INTO things (number, amount) VALUES (1, 500), (2, 500)")
            let (hasChanged, isDone) = (Flag(), Flag())
            let seen = try await withThrowingTaskGroup(of: Set<Int64>.self) { group in
                group.addTask {
                    // A busy machine may come to its first read when a hundred are written.
                    for step in 0..<5_000 as Range<Int64> where step < 100 || !hasChanged.isRaised {
                        let step = step % 500
                        try await bench.second.write { transaction in
                            for (number, amount) in [(1, step), (2, 1_000 - step)] as [(Int64, Int64)] {
                                try await transaction.execute(
                                    SQLStatement(
                                        "UPDATE things SET amount = $1 WHERE number = $2",
                                        [.integer(amount), .integer(number)]))
                            }
                        }
                    }
                    isDone.raise()
                    return []
                }
                group.addTask {
                    var seen: Set<Int64> = []
                    let one = SQLStatement("SELECT amount FROM things WHERE number = 1")
                    let two = SQLStatement("SELECT amount FROM things WHERE number = 2")
                    while !isDone.isRaised {
                        let rows = try await bench.first.read([one, two, one], .strong).rows
                        let amounts = try rows.map { try $0[0].integer(0) }
                        #expect(amounts[0] + amounts[1] == 1_000 && amounts[2] == amounts[0])
                        seen.insert(amounts[0])
                        if seen.count > 1 { hasChanged.raise() }
                    }
                    return seen
                }
                return try await group.reduce(into: Set()) { $0.formUnion($1) }
            }
            #expect(seen.count > 1, "it changed meanwhile")
        },
        Behavior("a strong read sees every commit that was acknowledged, on whatever server") { bench in
            try await bench.make(things)
            for number in 0..<25 as Range<Int64> {
                let (writer, reader) = number % 2 == 0 ? (bench.first, bench.second) : (bench.second, bench.first)
                try await writer.write {
                    _ = try await $0.execute(
                        SQLStatement("INSERT INTO things (number) VALUES ($1)", [.integer(number)]))
                }
                let count = try await reader.read(SQLStatement("SELECT COUNT(*) FROM things"), .strong)
                #expect(try count[0].integer(0) == number + 1)
            }
        },
        Behavior("results come in the order of the statements, with who served them") { bench in
            try await bench.make(things)
            try await bench.execute("INSERT INTO things (number) VALUES (1), (2)")
            let result = try await bench.first.read(
                [
                    SQLStatement("SELECT 7"), SQLStatement("SELECT number FROM things WHERE number > $1", [9]),
                    SQLStatement("SELECT number FROM things ORDER BY number DESC"),
                ], .eventual)
            #expect(result.rows.map { $0.map(\.values) } == [[[7]], [], [[2], [1]]])
            #expect(result.servedBy == "store/primary")
            #expect(try await bench.first.read([], .strong).rows.isEmpty)
        },
        Behavior("one wrong statement among several fails the read and harms no other") { bench in
            try await bench.make(things)
            await withDiscardingTaskGroup { group in
                for index in 0..<24 {
                    group.addTask {
                        let isBad = index % 6 == 0
                        let statements = [
                            SQLStatement("SELECT 1"), SQLStatement(isBad ? "SELECT nothing FROM things" : "SELECT 2"),
                            SQLStatement("SELECT 3"),
                        ]
                        let rows = try? await bench.first.read(statements, .strong).rows
                        #expect((rows == nil) == isBad)
                    }
                }
            }
        },
    ]
}
