import Determinism
import Testing

@testable import PostgresDriver

@Suite("PostgreSQL URLs")
struct PostgresURLTests {
    @Test func everyPartIsRead() throws {
        let configuration = try PostgresConfiguration(
            url: "postgres://us%65r:p%40ss%3Aword%2F@one:5433,two,[::1]:5434/d%C3%A4ta?sslmode=verify-full"
                + "&target_session_attrs=read-write&application_name=shop%201&pooler=transaction&connect_timeout=7"
                + "&statement_timeout=1500&lock_timeout=2s&idle_in_transaction_session_timeout=0&sslrootcert=/c.pem")
        #expect(configuration.user == "user")
        #expect(configuration.password == "p@ss:word/")
        #expect(
            configuration.hosts == [
                PostgresConfiguration.Host("one", port: 5_433), PostgresConfiguration.Host("two"),
                PostgresConfiguration.Host("::1", port: 5_434),
            ])
        #expect(configuration.database == "däta")
        #expect(configuration.tls == .verifyFull)
        #expect(configuration.sessionAttributes == .readWrite)
        #expect(configuration.applicationName == "shop 1")
        #expect(configuration.pooler == .transaction)
        #expect(configuration.connectTimeout == .seconds(7))
        #expect(configuration.statementTimeout == .milliseconds(1_500))
        #expect(configuration.lockTimeout == .seconds(2))
        #expect(configuration.idleInTransactionTimeout == nil)
        #expect(configuration.rootCertificateFile == "/c.pem")
        #expect(configuration.machineLimits.preparedStatements == 0, "a transaction pooler keeps no statements")
    }

    @Test func socketsAndDefaults() throws {
        let configuration = try PostgresConfiguration(url: "postgresql://u@%2Fvar%2Frun%2Fpostgresql/d")
        #expect(configuration.hosts == [PostgresConfiguration.Host("/var/run/postgresql")])
        #expect(configuration.hosts[0].isSocket)
        #expect(configuration.password == nil)
        #expect(configuration.machineLimits.preparedStatements == 256)
        let candidate = PostgresCandidate(host: configuration.hosts[0], address: nil)
        let parameters = Dictionary(
            candidate.parameters(configuration, .any), uniquingKeysWith: { first, _ in first })
        #expect(parameters["hostaddr"] == nil)
        #expect(parameters["gssencmode"] == "disable")
        #expect(
            parameters["options"] == "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000")
    }

    @Test func aTransactionPoolerIsSentNoOptions() throws {
        let configuration = try PostgresConfiguration(url: "postgres://u@h/d?pooler=transaction")
        let candidate = PostgresCandidate(host: configuration.hosts[0], address: "10.0.0.1")
        let parameters = candidate.parameters(configuration, .any)
        #expect(!parameters.contains { $0.0 == "options" })
        #expect(parameters.contains { $0 == ("hostaddr", "10.0.0.1") })
    }

    private static let wrong: [(url: String, words: String)] = [
        ("mysql://u@h/d", "postgres://"),
        ("", "postgres://"),
        ("postgres://u:secret@h:port/d", "not a number from 1 to 65535"),
        ("postgres://u:secret@h:0/d", "not a number from 1 to 65535"),
        ("postgres://u:secret@h:70000/d", "not a number from 1 to 65535"),
        ("postgres://u:sec/ret@h/d", "%2F"),
        ("postgres://u:sec#ret@h/d", "%23"),
        ("postgres://u:sec%ret@h/d", "%25"),
        ("postgres://u:secret@[::1/d", "no ]"),
        ("postgres://u:secret@[::1]x/d", ":PORT"),
        ("postgres://u:secret@,h/d", "host 1"),
        ("postgres://u:secret@/d", "no name"),
        ("postgres://:secret@h/d", "no user"),
        ("postgres://u:secret@h", "no database"),
        ("postgres://u:secret@h/d?ssl=on", "sslmode"),
        ("postgres://u:secret@h/d?sslmode=on", "verify-full"),
        ("postgres://u:secret@h/d?target_session_attrs=write", "read-write"),
        ("postgres://u:secret@h/d?pooler=yes", "transaction"),
        ("postgres://u:secret@h/d?connect_timeout=soon", "seconds"),
        ("postgres://u:secret@h/d?connect_timeout=0", "from 1 on"),
        ("postgres://u:secret@h/d?statement_timeout=5x", "30s"),
        ("postgres://u:secret@h/d?statement_timeout=-5", "30s"),
        ("postgres://u:secret@h/d?keepalives_count=many", "whole number"),
        ("postgres://u:secret@h/d?sslmode", "OPTION=VALUE"),
        ("postgres://u:secret@h/d?pooler=session&pooler=session", "twice"),
        ("postgres://u:secret@h/d?password=secret", "USER:PASSWORD"),
        ("postgres://u:secret@h/d?options=-c", "ALTER ROLE"),
        ("postgres://u:secret@h/d?sslcert=a", "sslkey"),
        ("postgres://u:secret@h/d?channel_binding=yes", "require"),
        ("postgres://u%00:secret@h/d", "U+0000"),
        ("postgres://u%FF:secret@h/d", "UTF-8"),
    ]

    @Test(arguments: wrong.indices)
    func whatIsWrongIsSaidWithWhatWouldBeRight(index: Int) throws {
        let (url, words) = Self.wrong[index]
        do throws(PostgresConfigurationError) {
            _ = try PostgresConfiguration(url: url)
            Issue.record("accepted: \(url)")
        } catch {
            #expect(error.description.contains(words), "\(url): \(error)")
            #expect(!error.description.contains("sec") || error.description.contains("seconds"), "\(error)")
        }
    }

    @Test func thePasswordIsNowhere() throws {
        let configuration = try PostgresConfiguration(url: "postgres://u:geheim@h/d")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped, "\([configuration])"] {
            #expect(!text.contains("geheim"), "\(text)")
            #expect(text.contains("postgres://u@h:5432/d"), "\(text)")
        }
    }

    @Test func valuesOutOfRangeAreRefused() throws {
        var configuration = PostgresConfiguration(user: "u", database: "d")
        try configuration.validate()
        configuration.drainTimeout = .zero
        #expect(throws: PostgresConfigurationError.self) { try configuration.validate() }
        configuration = PostgresConfiguration(user: "u", database: "d")
        configuration.sharedReadLimit = 0
        #expect(throws: PostgresConfigurationError.self) { try configuration.validate() }
        configuration = PostgresConfiguration(hosts: [], user: "u", database: "d")
        #expect(throws: PostgresConfigurationError.self) { try configuration.validate() }
    }
}
