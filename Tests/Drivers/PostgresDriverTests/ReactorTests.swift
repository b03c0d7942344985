import Determinism
import PostgresDriver
import SocketReactor
import Storage
import Testing

/// The driver on the event loop of systems without epoll.
@Suite("PostgreSQL on poll(2)", .serialized, .timeLimit(.minutes(1)))
struct ReactorTests {
    @Test func theDriverRunsOnPollAlone() async throws {
        try await LiveServer.with { live in
            let reactor = PostgresReactor(try Reactor(poller: PollPoller(), time: SystemTime()))
            defer { reactor.stop() }
            let connection = try await PostgresConnection.connect(try live.configuration(), on: reactor)
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for task in 0..<32 {
                    group.addTask {
                        try await connection.rows("SELECT $1::bigint", [.integer(Int64(task))])[0].integer(0)
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 496)
            let bytes = [UInt8](repeating: 1, count: 8 << 20)
            let echo = try await connection.value("SELECT $1::bytea", [.bytes(bytes)])
            #expect(echo == .bytes(bytes))
        }
    }
}
