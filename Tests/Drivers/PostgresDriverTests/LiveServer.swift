import Determinism
import PostgresDriver
import PostgresTestKit
import Storage

/// A real server, a reactor, and connections of the driver to it.
struct LiveServer {
    let testbed: PostgresTestbed
    let server: PostgresServer
    let reactor: PostgresReactor
    let time = SystemTime()

    static func with<Value>(
        _ options: PostgresOptions = PostgresOptions(), _ body: (LiveServer) async throws -> Value
    ) async throws -> Value {
        try await PostgresTestbed.with { testbed in
            let server = try await testbed.server(options)
            let reactor = try PostgresReactor(time: SystemTime())
            defer { reactor.stop() }
            return try await body(LiveServer(testbed: testbed, server: server, reactor: reactor))
        }
    }

    func configuration(_ more: String...) throws -> PostgresConfiguration {
        try configuration(url: server.url(), more)
    }

    /// The kit's URL with more options.
    func configuration(url: String, _ more: [String]) throws -> PostgresConfiguration {
        let glue = url.contains("?") ? "&" : "?"
        return try PostgresConfiguration(url: more.isEmpty ? url : url + glue + more.joined(separator: "&"))
    }

    func connect(_ more: String...) async throws -> PostgresConnection {
        try await PostgresConnection.connect(try configuration(url: server.url(), more), on: reactor)
    }

    func connect(_ configuration: PostgresConfiguration) async throws -> PostgresConnection {
        try await PostgresConnection.connect(configuration, on: reactor)
    }
}

extension PostgresConnection {
    /// The rows of one statement.
    @discardableResult
    func rows(
        _ text: String, _ parameters: [SQLValue] = [], _ effect: PostgresBatch.Effect = .reads,
        deadline: Instant? = nil
    ) async throws(PostgresError) -> [SQLRow] {
        let result = try await query(SQLStatement(text, parameters), effect: effect, deadline: deadline)
        do { return try result.rows() } catch { throw PostgresError(.decoding, error) }
    }

    /// The first value of the first row.
    func value(_ text: String, _ parameters: [SQLValue] = []) async throws -> SQLValue {
        try await rows(text, parameters)[0][0]
    }

    /// What the error is that the statement ends with; nil if there is none.
    func failure(
        _ text: String, _ parameters: [SQLValue] = [], _ effect: PostgresBatch.Effect = .reads,
        deadline: Instant? = nil
    ) async -> PostgresError? {
        do {
            _ = try await rows(text, parameters, effect, deadline: deadline)
            return nil
        } catch { return error }
    }
}
