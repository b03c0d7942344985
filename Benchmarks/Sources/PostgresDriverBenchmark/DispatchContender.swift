import CBenchmarkPQ
import Dispatch
import Foundation
import PostgresTestKit
import Synchronization

/// The alternative: libpq in pipeline mode with a `DispatchSource` and a queue for each connection, a Sync for each
/// request. Only what the comparison needs.
struct DispatchContender: Contender {
    let connections: [DispatchConnection]
    var name: String { "DispatchSource, \(connections.count) connection(s), a Sync for each" }

    init(_ server: PostgresServer, connections count: Int) throws {
        let url = server.url(database: "postgres", "sslmode=disable")
        connections = try (0..<count).map { _ in try DispatchConnection(url) }
    }

    func run(tasks: Int, seconds: Int) async throws -> Outcome {
        try await ClosedLoop.run(tasks: tasks, seconds: seconds) { task, key in
            guard await connections[task % connections.count].select(key) != nil else {
                throw BenchmarkFailure(what: "a select over DispatchSource failed")
            }
        }
    }
}

final class DispatchConnection: @unchecked Sendable {
    private struct State {
        var waiting: [CheckedContinuation<Int64?, Never>] = []
        var head = 0
        var value: Int64?
    }
    private let handle: OpaquePointer
    private let source: any DispatchSourceRead
    private let state = Mutex(State())

    init(_ url: String) throws {
        handle = PQconnectdb(url)
        guard PQstatus(handle) == CONNECTION_OK else {
            throw BenchmarkFailure(what: String(cString: PQerrorMessage(handle)))
        }
        PQclear(PQprepare(handle, "s", "SELECT abalance FROM pgbench_accounts WHERE aid = $1::bigint", 0, nil))
        PQsetnonblocking(handle, 1)
        PQenterPipelineMode(handle)
        source = DispatchSource.makeReadSource(fileDescriptor: PQsocket(handle), queue: DispatchQueue(label: "pq"))
        source.setEventHandler { [weak self] in self?.read() }
        source.resume()
    }

    func select(_ key: Int64) async -> Int64? {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                state.waiting.append(continuation)
                var word = key.bigEndian
                withUnsafeBytes(of: &word) { bytes in
                    var value = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
                    var (length, format): (Int32, Int32) = (8, 1)
                    PQsendQueryPrepared(handle, "s", 1, &value, &length, &format, 1)
                }
                PQpipelineSync(handle)
            }
        }
    }

    private func read() {
        var done: [(CheckedContinuation<Int64?, Never>, Int64?)] = []
        state.withLock { state in
            PQconsumeInput(handle)
            while state.head < state.waiting.count, PQisBusy(handle) == 0 {
                guard let result = PQgetResult(handle) else { continue }
                defer { PQclear(result) }
                switch PQresultStatus(result) {
                case PGRES_TUPLES_OK:
                    let bytes = UnsafeRawPointer(PQgetvalue(result, 0, 0))
                    state.value = bytes.map { Int64(Int32(bigEndian: $0.loadUnaligned(as: Int32.self))) }
                case PGRES_PIPELINE_SYNC:
                    done.append((state.waiting[state.head], state.value))
                    state.head += 1
                    state.value = nil
                default: break
                }
            }
            if state.head == state.waiting.count {
                state.waiting.removeAll(keepingCapacity: true)
                state.head = 0
            } else if state.head > 1_024 {
                state.waiting.removeFirst(state.head)
                state.head = 0
            }
        }
        for (continuation, value) in done { continuation.resume(returning: value) }
    }
}
