import Storage
import Testing

extension DatabaseConformance {
    // MARK: errors

    static let errors: [Behavior<DatabaseBench>] = [
        Behavior("a constraint refuses a row, whichever it is") { bench in
            try await bench.make(things, "CREATE UNIQUE INDEX things_name ON things (name)")
            try await bench.execute("INSERT INTO things (number, name) VALUES (1, 'a')")
            #expect(try await bench.failure("INSERT INTO things (number) VALUES (1)") == .constraint, "primary key")
            #expect(try await bench.failure("INSERT INTO things (number, name) VALUES (2, 'a')") == .constraint)
            #expect(try await bench.failure("INSERT INTO things (number) VALUES (NULL)") == .constraint, "NOT NULL")
            #expect(try await bench.failure("INSERT INTO things (number, amount) VALUES (3, -100)") == .constraint)
            #expect(try await bench.failure("UPDATE things SET amount = -101") == .constraint)
            #expect(try await bench.rows("SELECT number, amount FROM things").map(\.values) == [[1, nil]])
            #expect(
                try await bench.execute("INSERT INTO things (number) VALUES (1) ON CONFLICT DO NOTHING") == [],
                "nothing is no error")
        },
        Behavior("a wrong statement is told from a refused change") { bench in
            try await bench.make(things)
            for text in [
                "SELECT nothing FROM things", "SELECT * FROM nowhere", "SELEKT 1", "SELECT no_function(1)",
                "INSERT INTO things (nothing) VALUES (1)", "INSERT INTO things (number, amount) VALUES (1)",
                "CREATE TABLE things (number {int})", "DROP TABLE nowhere",
            ] {
                #expect(try await bench.failure(text) == .statement, "\(text)")
            }
            #expect(try await bench.readFailure("SELECT nothing FROM things") == .statement)
            #expect(try await bench.readFailure("SELECT $1, $2", [1]) == .statement, "a value is missing")
            #expect(try await bench.number("SELECT COUNT(*) FROM things") == 0)
        },
        Behavior("a number beyond 64 bits is no number") { bench in
            try await bench.make(things)
            try await bench.execute("INSERT INTO things (number, amount) VALUES (1, $1), (2, 1)", [.integer(.max)])
            #expect(try await bench.readFailure("SELECT SUM(amount) FROM things") == .statement)
            // What the engines make of the sum differs; that it is refused does not.
            #expect(try await bench.failure("UPDATE things SET amount = amount + 1 WHERE number = 1") == .constraint)
            #expect(try await bench.number("SELECT amount FROM things WHERE number = 1") == .max)
        },
        Behavior("a value of another type is refused") { bench in
            try await bench.make(things)
            for (column, value) in [
                ("amount", .text("many")), ("amount", .bytes([1])), ("bytes", .integer(1)),
                ("id", .integer(1)), ("id", .text("no id")),
            ] as [(String, SQLValue)] {
                let failure = try await bench.failure("INSERT INTO things (number, \(column)) VALUES (1, $1)", [value])
                // A bug either way: SQLite finds it when it stores the row, PostgreSQL when it reads the statement.
                #expect(failure == .constraint || failure == .statement, "\(column) \(value)")
            }
            #expect(try await bench.number("SELECT COUNT(*) FROM things") == 0)
        },
        Behavior("a column read as what it is not is corrupt") { bench in
            try await bench.make(things)
            try await bench.execute("INSERT INTO things VALUES (1, 2, 'a', NULL, $1)", [.bytes([1, 2])])
            let row = try await bench.rows("SELECT amount, name, bytes, id FROM things")[0]
            for read in [
                { _ = try row.text(0) }, { _ = try row.integer(1) }, { _ = try row.uuid(2) }, { _ = try row.text(2) },
                { _ = try row.integer(3) }, { _ = try row.bytes(1) },
            ] {
                let error = #expect(throws: StorageError.self) { try read() }
                #expect(error?.kind == .corrupt)
            }
        },
        Behavior("a reader writes nothing") { bench in
            try await bench.make(things)
            let write = SQLStatement("INSERT INTO things (number) VALUES (1)")
            let read = SQLStatement("SELECT COUNT(*) FROM things")
            for statements in [[write], [read, write], [write, read]] {
                let error = await #expect(throws: StorageError.self) {
                    try await bench.first.read(statements, .strong)
                }
                #expect(error?.kind == .unavailable)
            }
            #expect(try await bench.number("SELECT COUNT(*) FROM things") == 0)
            #expect(try await bench.execute("INSERT INTO things (number) VALUES (1) RETURNING number").count == 1)
        },
        Behavior("values are never taken for SQL") { bench in
            try await bench.make(things)
            let evil = "'); DROP TABLE things; --"
            try await bench.execute("INSERT INTO things (number, name) VALUES (1, $1)", [.text(evil)])
            #expect(try await bench.number("SELECT COUNT(*) FROM things WHERE name = $1", [.text(evil)]) == 1)
            #expect(try await bench.number("SELECT COUNT(*) FROM things WHERE name = $1", ["' OR '1' = '1"]) == 0)
        },
        Behavior("one statement is one statement") { bench in
            try await bench.make(things)
            let two = "INSERT INTO things (number) VALUES (1); INSERT INTO things (number) VALUES (2)"
            #expect(try await bench.failure(two) == .statement)
            #expect(try await bench.number("SELECT COUNT(*) FROM things") == 0)
        },
        Behavior("LIKE with an escape finds what stands there") { bench in
            try await bench.make(things)
            let names = ["100%", "100 percent", "a_b", "aXb", "back\\slash", "it's"]
            for (number, name) in names.enumerated() {
                try await bench.execute(
                    "INSERT INTO things (number, name) VALUES ($1, $2)", [.integer(Int64(number)), .text(name)])
            }
            for (pattern, found) in [
                ("%\\%%", [0]), ("a\\_b", [2]), ("a_b", [2, 3]), ("%\\\\%", [4]), ("%'%", [5]),
                ("%", [0, 1, 2, 3, 4, 5]),
                ("100%", [0, 1]), ("", []),
            ] as [(String, [Int64])] {
                let rows = try await bench.rows(
                    "SELECT number FROM things WHERE name LIKE $1 ESCAPE '\\' ORDER BY number", [.text(pattern)])
                #expect(try rows.map { try $0.integer(0) } == found, "\(pattern)")
            }
        },
    ]
}
