import Determinism
import Foundation
import PostgresTestKit
import ProcessTestKit
import Sagas
import Synchronization

/// Processes that work on the sagas of one server, and what the server says of them.
final class WorkerFleet: Sendable {
    struct Member {
        let process: ChildProcess
        let worker: SagaWorkerID
        let numbers: Range<Int>
        let log: URL

        var text: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }
    }
    private let server: PostgresServer
    private let folder: URL
    private let random: SeededRandom
    private let members = Mutex<[Member]>([])
    private let starts = Atomic(0)

    var size: Int { members.withLock { $0.count } }

    init(_ server: PostgresServer, seed: UInt64) {
        (self.server, folder, random) = (server, server.folder, SeededRandom(seed: seed))
    }

    private var urls: [String] { [server.url(database: "sagas"), server.url(database: "participant")] }

    /// Makes the databases and starts as many workers, each with its part of the sagas to begin.
    func start(_ count: Int, sagas total: Int) async throws {
        for name in ["sagas", "participant"] { try await server.psql("CREATE DATABASE \(name)") }
        let result = try await Program.run(
            try ProductLocation.executable("SagaWorkerProbe"), ["prepare"] + urls, within: .seconds(60))
        guard result.exit.isSuccess else { throw SagaTestFailure("preparing \(result.exit): \(result.errors)") }
        for index in 0..<count {
            let member = try spawn((total * index / count)..<(total * (index + 1) / count))
            members.withLock { $0.append(member) }
        }
    }

    /// A new run has a new id: two runs never share one. Every other one is not aware of its lease.
    private func spawn(_ numbers: Range<Int>) throws -> Member {
        let number = starts.add(1, ordering: .relaxed).newValue
        let worker = SagaWorkerID(UUIDv7(time: SystemTime().now(), slot: 1, random: random.next()))
        let log = folder.appendingPathComponent("worker-\(number).log")
        let process = try ChildProcess(
            try ProductLocation.executable("SagaWorkerProbe"),
            ["work"] + urls + [
                worker.description, "\(numbers.lowerBound)", "\(numbers.count)", "\(number)",
                number % 2 == 1 ? "unaware" : "aware",
            ],
            environment: Program.scrubbedEnvironment(), output: log.path, errors: log.path)
        return Member(process: process, worker: worker, numbers: numbers, log: log)
    }

    func member(_ index: Int) -> Member { members.withLock { $0[index] } }

    /// Kills a worker as a crash does, and starts another in its place, which begins what it had not begun.
    func killAndReplace(_ index: Int) throws {
        let killed = member(index)
        killed.process.killAndReap()
        let new = try spawn(killed.numbers)
        members.withLock { $0[index] = new }
    }

    /// Waits until a worker holds sagas.
    func whenAtWork(_ index: Int) async throws {
        let worker = member(index)
        try await Poll.untilTrue("worker \(index) at work", within: .seconds(60), every: .milliseconds(50)) {
            try await number(
                "SELECT count(*) FROM sagas WHERE owner = '\(Self.text(worker.worker.uuid))' AND state <> 'stuck'") > 0
        }
    }
    /// Waits until a worker's lease is over, by the database's clock.
    func whenLapsed(_ index: Int) async throws {
        let worker = Self.text(member(index).worker.uuid)
        try await Poll.untilTrue("the end of a lease", within: .seconds(60), every: .milliseconds(50)) {
            try await number(
                """
                SELECT count(*) FROM saga_workers WHERE id = '\(worker)'
                AND lease_until > extract(epoch FROM clock_timestamp()) * 1000000
                """) == 0
        }
    }
    /// Waits until nobody but others has what a worker held.
    func whenOvertaken(_ index: Int) async throws {
        let worker = Self.text(member(index).worker.uuid)
        try await Poll.untilTrue("others have taken over", within: .seconds(60), every: .milliseconds(50)) {
            try await number("SELECT count(*) FROM sagas WHERE owner = '\(worker)'") == 0
        }
    }

    /// How often a worker was told that a saga is another's by now.
    var fencedCount: Int {
        let logs = (1...starts.load(ordering: .relaxed)).map { folder.appendingPathComponent("worker-\($0).log") }
        return logs.reduce(0) { count, log in
            let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            return count + text.split(separator: "\n").count { $0.contains("the saga is held at epoch") }
        }
    }
    func whenFenced() async throws {
        try await Poll.untilTrue("a refusal by epoch", within: .seconds(60)) { fencedCount > 0 }
    }

    /// Ends all workers as a service manager does: one that has just been started, once it listens.
    func end() async throws {
        let members = members.withLock { $0 }
        for member in members {
            member.process.send(SIGCONT)
            try await Poll.untilTrue("a worker that listens", within: .seconds(60)) {
                member.process.poll() != nil || member.text.split(separator: "\n").contains("ready")
            }
            member.process.send(SIGTERM)
        }
        for member in members {
            let exit = try await member.process.ended(within: .seconds(30))
            guard exit.isSuccess else { throw SagaTestFailure("a worker ended with \(exit)") }
        }
    }

    // MARK: looking

    /// The rows that a query prints.
    func rows(_ query: String, in database: String = "sagas") async throws -> [[String]] {
        try await server.psql(query, database: database).split(separator: "\n").map {
            $0.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        }
    }
    func number(_ query: String, in database: String = "sagas") async throws -> Int {
        let rows = try await rows(query, in: database)
        guard let number = rows.first?.first.flatMap({ Int($0) }) else {
            throw SagaTestFailure("no number: \(rows) of \(query)")
        }
        return number
    }
    /// How many sagas nothing will happen to any more; one that is stuck is among them.
    var endedCount: Int {
        get async throws {
            try await number("SELECT count(*) FROM sagas WHERE state IN ('succeeded', 'compensated', 'stuck')")
        }
    }

    static func text(_ id: UUIDv7) -> String {
        UUID(
            uuid: (
                byte(id.high, 7), byte(id.high, 6), byte(id.high, 5), byte(id.high, 4), byte(id.high, 3),
                byte(id.high, 2), byte(id.high, 1), byte(id.high, 0), byte(id.low, 7), byte(id.low, 6),
                byte(id.low, 5), byte(id.low, 4), byte(id.low, 3), byte(id.low, 2), byte(id.low, 1), byte(id.low, 0)
            )
        ).uuidString
    }
    private static func byte(_ word: UInt64, _ place: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: word >> (8 * place))
    }
}
