import Determinism
import Storage
import Testing

/// What every implementation of the port ``Storage/Database`` must do.
enum DatabaseConformance {
    static let all = values + errors + transactions + snapshots + migrations

    /// A table with a column of each type.
    static let things = """
        CREATE TABLE things (
          number {int} NOT NULL PRIMARY KEY, amount {int} CHECK (amount > -100), name TEXT, id {id}, bytes {bytes}
        ) {table}
        """

    // MARK: values

    static let values: [Behavior<DatabaseBench>] = [
        Behavior("integers of 64 bits come back as they were") { bench in
            try await bench.make("CREATE TABLE numbers (place {int} NOT NULL PRIMARY KEY, value {int}) {table}")
            let values: [Int64] = [.min, .min + 1, -1, 0, 1, 1 << 31, 1 << 53 + 1, .max - 1, .max]
            for (place, value) in values.enumerated() {
                try await bench.execute(
                    "INSERT INTO numbers VALUES ($1, $2)", [.integer(Int64(place)), .integer(value)])
            }
            let rows = try await bench.rows("SELECT value FROM numbers ORDER BY place")
            #expect(rows == values.map { SQLRow([.integer($0)]) })
            let sorted = try await bench.rows("SELECT place FROM numbers ORDER BY value")
            #expect(try sorted.map { try $0.integer(0) } == Array(0..<Int64(values.count)))
        },
        Behavior("texts come back byte for byte, whatever is in them") { bench in
            try await bench.make("CREATE TABLE texts (place {int} NOT NULL PRIMARY KEY, value TEXT) {table}")
            for (place, text) in texts.enumerated() {
                let stored = try await bench.execute(
                    "INSERT INTO texts VALUES ($1, $2) RETURNING value", [.integer(Int64(place)), .text(text)])
                #expect(stored == [SQLRow([.text(text)])], "\(text.debugDescription)")
                #expect(
                    try await bench.rows("SELECT place FROM texts WHERE value = $1", [.text(text)])
                        == [SQLRow([.integer(Int64(place))])], "found by bytes: \(text.debugDescription)")
            }
            let rows = try await bench.rows("SELECT value FROM texts ORDER BY place")
            #expect(rows == texts.map { SQLRow([.text($0)]) })
        },
        Behavior("texts are sorted and compared by their bytes") { bench in
            try await bench.make("CREATE TABLE words (word TEXT NOT NULL PRIMARY KEY) {table}")
            let words = [
                "a", "B", "b", "A", "ä", "z", "Z", "_", "-", "a-b", "ab", "a.b", "a_b", "10", "9", "é", "e\u{301}",
            ]
            for word in words { try await bench.execute("INSERT INTO words VALUES ($1)", [.text(word)]) }
            let sorted = words.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            let rows = try await bench.rows("SELECT word FROM words ORDER BY word")
            #expect(rows == sorted.map { SQLRow([.text($0)]) })
            for bound in words {
                let after = try await bench.rows("SELECT word FROM words WHERE word > $1 ORDER BY word", [.text(bound)])
                let expected = sorted.filter { bound.utf8.lexicographicallyPrecedes($0.utf8) }
                #expect(after == expected.map { SQLRow([.text($0)]) }, "after \(bound)")
            }
            let least = try await bench.rows("SELECT MIN(word), MAX(word) FROM words")
            #expect(least == [SQLRow([.text(sorted[0]), .text(sorted[sorted.count - 1])])])
        },
        Behavior("ids and bytes come back, the empty ones too, and keep their order") { bench in
            try await bench.make(things)
            let ids = [
                UUIDv7(high: 0, low: 0), UUIDv7(high: 1, low: .max), UUIDv7(high: 1 << 63, low: 5),
                UUIDv7(high: .max, low: .max),
            ]
            let bytes: [[UInt8]] = [[], [0], [0, 255, 0], Array(0...255)]
            for (number, (id, bytes)) in zip(ids, bytes).enumerated() {
                try await bench.execute(
                    "INSERT INTO things VALUES ($1, NULL, NULL, $2, $3)",
                    [.integer(Int64(number)), .uuid(id), .bytes(bytes)])
            }
            let rows = try await bench.rows("SELECT id, bytes FROM things ORDER BY id")
            #expect(try rows.map { try $0.uuid(0) } == ids)
            #expect(try rows.map { try $0.bytes(1) } == bytes)
            let found = try await bench.rows(
                "SELECT number FROM things WHERE id > $1 ORDER BY id DESC", [.uuid(ids[0])])
            #expect(try found.map { try $0.integer(0) } == [3, 2, 1])
        },
        Behavior("NULL is no value: nothing equals it, and an empty text is not NULL") { bench in
            try await bench.make(things)
            try await bench.execute(
                "INSERT INTO things VALUES (1, $1, $2, $3, $4), (2, 0, '', NULL, $5)",
                [nil, nil, nil, nil, .bytes([])])
            let rows = try await bench.rows("SELECT amount, name, id, bytes FROM things ORDER BY number")
            #expect(rows[0].values == [nil, nil, nil, nil])
            #expect(rows[1].values == [0, "", nil, .bytes([])])
            #expect(try await bench.number("SELECT COUNT(*) FROM things WHERE name = ''") == 1)
            #expect(try await bench.number("SELECT COUNT(*) FROM things WHERE name IS NULL") == 1)
            #expect(try await bench.number("SELECT COUNT(*) FROM things WHERE id = id") == 0)
            #expect(try rows[0].optionalText(1) == nil)
            #expect(try rows[0].optionalInteger(0) == nil)
            #expect(try rows[0].optionalUUID(2) == nil)
        },
        Behavior("sums and counts are integers, and what has a fraction is cut off") { bench in
            try await bench.make(things)
            let empty = try await bench.rows(
                "SELECT COUNT(*), SUM(amount), COALESCE(SUM(amount), 0), MAX(amount) FROM things")
            #expect(empty[0].values == [0, nil, 0, nil])
            for (number, amount) in [-7, 2, .max - 1].enumerated() as EnumeratedSequence<[Int64]> {
                try await bench.execute(
                    "INSERT INTO things (number, amount) VALUES ($1, $2)", [.integer(Int64(number)), .integer(amount)])
            }
            let sums = try await bench.rows("SELECT COUNT(*), SUM(amount), MIN(amount) FROM things")
            #expect(sums[0].values == [3, .integer(.max - 6), -7])
            #expect(try await bench.number("SELECT SUM(-amount) FROM things WHERE number > 0") == .min)
            #expect(try await bench.number("SELECT AVG(amount) FROM things WHERE number < 2") == -2, "of −2.5")
            #expect(try await bench.number("SELECT -7 / 2") == -3, "towards zero")
            #expect(try await bench.number("SELECT -7 % 2") == -1)
        },
        Behavior("a long list is read whole and in order") { bench in
            try await bench.make(things)
            let long = String(repeating: "grape ", count: 500)
            try await bench.first.write { transaction in
                for start in stride(from: 0, to: 6_000, by: 1_000) as StrideTo<Int64> {
                    let places = (0..<1_000 as Range<Int64>).map { "($\($0 + 2), $1)" }.joined(separator: ", ")
                    let numbers = (start..<start + 1_000).map { SQLValue.integer($0) }
                    try await transaction.execute(
                        SQLStatement("INSERT INTO things (number, name) VALUES \(places)", [.text(long)] + numbers))
                }
            }
            let rows = try await bench.rows("SELECT number, name FROM things ORDER BY number")
            #expect(rows.count == 6_000)
            #expect(try rows.map { try $0.integer(0) } == Array(0..<6_000))
            #expect(try rows.allSatisfy { try $0.text(1) == long })
            let big = String(repeating: "é", count: 2 << 20)
            try await bench.execute("UPDATE things SET name = $1 WHERE number = 5", [.text(big)])
            #expect(try await bench.rows("SELECT name FROM things WHERE number = 5")[0].text(0) == big)
        },
        Behavior("a parameter may stand in several places, and in any order") { bench in
            try await bench.make(things)
            try await bench.execute(
                "INSERT INTO things (amount, number, name) VALUES ($3, $1, $2), ($1, $3, $2)", [1, "x", 2])
            let rows = try await bench.rows("SELECT number, amount FROM things ORDER BY number")
            #expect(rows.map(\.values) == [[1, 2], [2, 1]])
            let found = try await bench.rows(
                "SELECT number FROM things WHERE (number = $2 OR amount = $2) AND name = $1 ORDER BY number LIMIT $3",
                ["x", 2, 1])
            #expect(found.map(\.values) == [[1]])
        },
        Behavior("as many parameters as the port promises") { bench in
            try await bench.make(things)
            func count(_ parameters: Int) async throws -> Int64 {
                let places = (1...parameters).map { "$\($0)" }.joined(separator: ", ")
                return try await bench.number(
                    "SELECT COUNT(*) FROM things WHERE number IN (\(places))",
                    (1...parameters).map { .integer(Int64($0)) })
            }
            try await bench.execute("INSERT INTO things (number) VALUES (1), (2000)")
            #expect(try await count(2_000) == 2)
            #expect(try await count(1) == 1)
        },
    ]

    static let texts = [
        "", " ", "plain", "it's", "''", "\"double\"", "100% _under_ \\ back", "--", "/* */", ";", "$1", "?1", ":name",
        "line\nbreak\r\n\ttab", "\u{1}\u{7F}", "ÄÖÜß", "é", "e\u{301}", "ﬀ", "İı", "😀👩‍👩‍👧‍👦", "\u{FEFF}bom", "\u{202E}rtl",
        "\u{FFFD}\u{FFFF}\u{10FFFF}", "日本語", "a\u{300}\u{301}\u{302}", "NULL", "{\"a\": [1, null]}", "\\x41",
    ]
}
