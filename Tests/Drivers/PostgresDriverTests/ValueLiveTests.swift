import Determinism
import PostgresDriver
import PostgresTestKit
import Storage
import Testing

/// Values on their way to a real server and back.
@Suite("Values in PostgreSQL", .serialized, .timeLimit(.minutes(2)))
struct ValueLiveTests {
    @Test func valuesOfThePortComeBackAsTheyWere() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows(
                "CREATE TABLE v (n bigint, t text, u uuid, b bytea)", [], .commits())
            let rows: [[SQLValue]] = [
                [.integer(.min), .text(""), .uuid(UUIDv7(high: 0, low: 0)), .bytes([])],
                [.integer(.max), .text("ä😀\n\t\\\"'"), .uuid(UUIDv7(high: .max, low: 1)), .bytes([0, 1, 255])],
                [.integer(0), .text(String(repeating: "x", count: 100_000)), .null, .bytes([0])],
                [.null, .null, .null, .null],
            ]
            for row in rows {
                try await connection.rows("INSERT INTO v VALUES ($1, $2, $3, $4)", row, .commits())
            }
            let stored = try await connection.rows("SELECT n, t, u, b FROM v ORDER BY ctid")
            #expect(stored == rows.map { SQLRow($0) })
        }
    }

    @Test func numbersOfEveryKindAreIntegers() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let cases: [(String, Int64)] = [
                ("1::smallint", 1), ("-2::int", -2), ("3::bigint", 3), ("true", 1), ("false", 0), ("4::oid", 4),
                ("0::numeric", 0), ("1234567890123::numeric", 1_234_567_890_123), ("-10000::numeric", -10_000),
                ("9223372036854775807::numeric", .max), ("-9223372036854775808::numeric", .min),
                ("10000.9999::numeric", 10_000), ("-0.5::numeric", 0), ("100000000::numeric", 100_000_000),
                ("2.9::float8", 2), ("-2.9::float4", -2),
                ("timestamptz '1970-01-01 00:00:01Z'", 1_000_000), ("timestamptz '1969-12-31 23:59:59.5Z'", -500_000),
                ("(SELECT sum(x) FROM generate_series(1, 100000) x)", 5_000_050_000),
                ("(SELECT count(*) FROM generate_series(1, 7))", 7),
            ]
            for (text, value) in cases {
                let answer = try await connection.value("SELECT \(text)")
                #expect(answer == .integer(value), "\(text)")
            }
            for text in ["9223372036854775808::numeric", "'NaN'::numeric", "1e300::float8", "timestamptz 'infinity'"] {
                let failure = await connection.failure("SELECT \(text)")
                #expect(failure?.code == .decoding, "\(text)")
            }
        }
    }

    @Test func textsOfEveryKindAreTexts() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let cases = [
                ("'a'::text", "a"), ("'b'::varchar(9)", "b"), ("'c'::name", "c"), ("'{\"a\": 1}'::json", "{\"a\": 1}"),
                ("'{\"a\":1}'::jsonb", "{\"a\": 1}"), ("'16/B374D848'::pg_lsn", "16/B374D848"), ("'d'::char(3)", "d  "),
            ]
            for (text, value) in cases {
                let answer = try await connection.value("SELECT \(text)")
                #expect(answer == .text(value), "\(text)")
            }
            let failure = await connection.failure("SELECT now()::date")
            #expect(failure?.code == .decoding)
            #expect("\(String(describing: failure))".contains("cast it to text"))
            try await connection.rows("CREATE TABLE j (d jsonb, at timestamptz)", [], .commits())
            var batch = PostgresBatch(effect: .commits())
            var parameters = PostgresParameters([.text("{\"a\": [1, 2]}")])
            parameters.append(Timestamp(microseconds: 1_700_000_000_000_001))
            batch.append(PostgresStatement("INSERT INTO j VALUES ($1, $2)"), parameters)
            _ = try await connection.submit(batch)
            let row = try await connection.rows("SELECT d, at, d->>'a' FROM j")[0]
            #expect(row == SQLRow([.text("{\"a\": [1, 2]}"), .integer(1_700_000_000_000_001), .text("[1, 2]")]))
        }
    }

    @Test func textThatPostgresCannotHoldIsRefusedBeforeItIsSent() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let failure = await connection.failure("SELECT $1::text", [.text("a\0b")])
            #expect(failure?.code == .invalidRequest)
            #expect(failure?.description.contains("$1") == true)
            let inText = await connection.failure("SELECT '\0'")
            #expect(inText?.code == .invalidRequest)
            var parameters = PostgresParameters()
            parameters.append(["fine", "no\0t"])
            var batch = PostgresBatch(effect: .reads)
            batch.append(PostgresStatement("SELECT unnest($1::text[])"), parameters)
            await #expect(throws: PostgresError.self) { try await connection.submit(batch) }
            #expect(connection.isClean)
        }
    }

    @Test func textThatIsNotUTF8IsRefusedByTheServer() async throws {
        try await LiveServer.with { live in
            try await live.server.psql(
                "CREATE DATABASE raw ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
            let configuration = try live.configuration(url: live.server.url(database: "raw"), [])
            let connection = try await live.connect(configuration)
            let failure = await connection.failure("SELECT convert_from('\\xff'::bytea, 'SQL_ASCII')")
            #expect(failure?.sqlState?.code == "22021")
            #expect(connection.isClean)
            let fine = try await connection.value("SELECT 'fine'")
            #expect(fine == .text("fine"))
        }
    }

    @Test func listsAndManyRowsInOneStatement() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            try await connection.rows(
                "CREATE TABLE s (o bigint, sku text, id uuid, raw bytea, n bigint)", [], .commits())
            let columns = ColumnArrays()
            let count = 5_000
            for number in 0..<count {
                columns.beginRow()
                columns.integer(7)
                columns.text(number % 3 == 0 ? nil : "p-\(number)")
                columns.uuid(UUIDv7(high: 1, low: UInt64(number)))
                columns.bytes([UInt8(number % 256)])
                columns.integer(nil)
            }
            var batch = PostgresBatch(effect: .commits())
            batch.append(
                PostgresStatement(
                    "INSERT INTO s SELECT * FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::bytea[], "
                        + "$5::text[]::bigint[])"), columns.parameters)
            let reply = try await connection.submit(batch)
            #expect(reply.first.affectedRows == count)
            #expect(reply.first.commandTag == "INSERT 0 5000")
            var parameters = PostgresParameters()
            parameters.append((0..<10).map { UUIDv7(high: 1, low: UInt64($0)) })
            parameters.append([Int64]())
            var load = PostgresBatch(effect: .reads)
            load.append(
                PostgresStatement(
                    "SELECT o, sku, id, raw, n FROM s WHERE id = ANY($1) AND NOT o = ANY($2) ORDER BY id"), parameters)
            let rows = try await connection.submit(load).first
            #expect(rows.rowCount == 10 && rows.columnCount == 5 && rows.name(ofColumn: 1) == "sku")
            let reader = rows.reader()
            for number in 0..<rows.rowCount {
                reader.begin(row: number)
                #expect(try reader.integer() == 7)
                #expect(try reader.optionalText() == (number % 3 == 0 ? nil : "p-\(number)"))
                #expect(try reader.uuid() == UUIDv7(high: 1, low: UInt64(number)))
                #expect(try reader.bytes() == [UInt8(number)])
                #expect(try reader.optionalInteger() == nil)
                #expect(throws: StorageError.self) { try reader.integer() }
            }
            reader.begin(row: 0, column: 1)
            #expect(throws: StorageError.self) { try reader.text() }
        }
    }

    @Test func bigValues() async throws {
        try await LiveServer.with { live in
            let connection = try await live.connect()
            let bytes = [UInt8](repeating: 171, count: 20 << 20)
            let text = String(repeating: "ü", count: 1 << 20)
            let answer = try await connection.rows(
                "SELECT $1::bytea, length($1), $2::text", [.bytes(bytes), .text(text)])
            #expect(answer[0][0] == .bytes(bytes))
            #expect(answer[0][1] == .integer(20 << 20))
            #expect(try answer[0].text(2).utf8.count == 2 << 20)
            #expect(connection.isClean)
        }
    }
}
