import Storage
import Testing

@testable import PostgresDriver

@Suite("SQLSTATE")
struct SQLStateTests {
    private static let table: [(String, StorageError)] = [
        ("23502", .constraint("r")), ("23503", .constraint("r")), ("23505", .constraint("r")),
        ("23514", .constraint("r")), ("23P01", .constraint("r")), ("40002", .constraint("r")),
        ("44000", .constraint("r")), ("22003", .constraint("r")), ("P0001", .constraint("r")),
        ("40001", .conflict("r")), ("40P01", .conflict("r")), ("55P03", .conflict("r")), ("55006", .conflict("r")),
        ("25P02", .conflict("r")), ("72000", .conflict("r")),
        ("25006", .unavailable("r")), ("25P03", .unavailable("r")), ("57P01", .unavailable("r")),
        ("57P02", .unavailable("r")), ("57P03", .unavailable("r")), ("57014", .unavailable("r")),
        ("08000", .unavailable("r")), ("08006", .unavailable("r")), ("53300", .unavailable("r")),
        ("53200", .unavailable("r")), ("28P01", .unavailable("r")), ("3D000", .unavailable("r")),
        ("58030", .unavailable("r")), ("XX000", .unavailable("r")),
        ("53100", .full("r")),
        ("42601", .statement("r")), ("42P01", .statement("r")), ("42501", .statement("r")),
        ("08P01", .statement("r")), ("22P02", .statement("r")), ("0A000", .statement("r")),
        ("25001", .statement("r")), ("26000", .statement("r")), ("54000", .statement("r")),
        ("XX001", .corrupt("r")), ("XX002", .corrupt("r")),
        ("40003", .unknown("r")),
        ("ZZ999", .unavailable("r")), ("", .unavailable("r")),
    ]

    @Test(arguments: table.indices)
    func codesMeanWhatThePortCallsThem(index: Int) {
        let (code, meaning) = Self.table[index]
        #expect(SQLState(code).storageError("r") == meaning, "\(code)")
    }

    @Test func whatEndsASession() {
        for code in ["08006", "57P01", "57P02", "57P03", "57P05", "25P03"] {
            #expect(SQLState(code).endsSession, "\(code)")
        }
        for code in ["57014", "40001", "23505"] { #expect(!SQLState(code).endsSession, "\(code)") }
    }

    @Test func errorsWhileConnectingAreFoundInTheirText() {
        let text = "connection to server at \"h\", port 1 failed: FATAL:  28P01: password authentication failed"
        #expect(PostgresConnector.sqlState(in: text)?.code == "28P01")
        for text in ["", "FATAL:  no code", "could not connect: Connection refused", "a:  b:  1234: x", ":  12345"] {
            #expect(PostgresConnector.sqlState(in: text) == nil, "\(text)")
        }
    }

    @Test func anErrorSaysWhereAndWhat() {
        let error = PostgresError.server(
            sqlState: SQLState("23505"), message: "duplicate key", constraint: "items_pkey", hint: "none",
            server: "h:1")
        #expect(
            "\(error)"
                == "a constraint refused the change: “h:1”: duplicate key; hint: none (SQLSTATE 23505)")
        #expect(error.constraint == "items_pkey")
    }
}
