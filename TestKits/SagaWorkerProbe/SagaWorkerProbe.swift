import ConnectionPooling
import Determinism
import PostgresDriver
import ReplicaRouting
import Sagas
import Storage

/// A process that begins sagas and works on them, to be stopped, continued and killed.
///
///     SagaWorkerProbe prepare SAGAS_URL PARTICIPANT_URL
///     SagaWorkerProbe work SAGAS_URL PARTICIPANT_URL WORKER FIRST COUNT SEED aware|unaware
///
/// `work` begins the sagas with the keys FIRST to FIRST + COUNT - 1 and takes up what others leave behind, until
/// SIGTERM; then it ends with status 0. One that is `unaware` does not stop when its lease may be over.
@main
struct SagaWorkerProbe {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        let reactor = try PostgresReactor(time: SystemTime())
        switch (arguments.first, arguments.count) {
        case ("prepare", 3): try await ProbeDatabases(Array(arguments.dropFirst()), reactor, seed: 1).prepare()
        case ("work", 8):
            let texts = Array(arguments.dropFirst(3))
            guard let worker = SagaWorkerID(texts[0]), let first = Int(texts[1]), let count = Int(texts[2]),
                let seed = UInt64(texts[3])
            else { throw ProbeFailure("WORKER FIRST COUNT SEED are an id and three numbers, not \(texts)") }
            let databases = try ProbeDatabases(Array(arguments.dropFirst().prefix(2)), reactor, seed: seed)
            try await ProbeWorker(
                databases, worker: worker, seed: seed, isAware: texts[4] != "unaware"
            ).run(first..<(first + count))
        default: throw ProbeFailure("usage: prepare URL URL, or work URL URL WORKER FIRST COUNT SEED AWARE")
        }
        reactor.stop()
    }
}

/// What is wrong, in words.
struct ProbeFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The sagas' database and the participant's.
struct ProbeDatabases: Sendable {
    let sagas: PostgresDatabase
    let participant: PostgresDatabase

    init(_ urls: [String], _ reactor: PostgresReactor, seed: UInt64) throws {
        let databases = try zip(["sagas", "participant"], urls).map { name, url in
            var settings = PostgresDatabaseConfiguration(name: name, connection: try PostgresConfiguration(url: url))
            settings.pool.limit = 4
            settings.routing.requiresDurability = false
            return try PostgresDatabase(
                settings, reactor: reactor, time: SystemTime(), random: SeededRandom(seed: seed))
        }
        (sagas, participant) = (databases[0], databases[1])
    }

    /// Runs `body` while the databases are open.
    func whileOpen(_ body: () async throws -> Void) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await sagas.run() }
            group.addTask { await participant.run() }
            defer {
                sagas.stop()
                participant.stop()
            }
            try await body()
        }
    }

    func prepare() async throws {
        try await whileOpen {
            let time = SystemTime()
            try await Migrator([ProbeSchema.sagas], dialect: .postgres).migrate(sagas, time: time)
            try await Migrator([ProbeSchema.participant], dialect: .postgres).migrate(participant, time: time)
            for organization in ProbeSchema.organizations {
                let statement = SQLStatement("INSERT INTO fences VALUES ($1, 1, 'active', 1)", [.integer(organization)])
                _ = try await sagas.write { try await $0.execute(statement) }
            }
        }
    }
}
