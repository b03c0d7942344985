import Determinism
import SQLiteDriver
import Storage
import Testing

@testable import Sagas

/// Sagas as operators look for them.
@Suite("SQLSagaArchive")
struct SagaArchiveTests {
    /// Sagas of two organizations, as many of each state, the ids in the order in which they began.
    private func plant(_ bench: EngineBench, count: Int) async throws -> [SagaRecord] {
        try await bench.database.write { transaction in
            _ = try await transaction.execute(SQLStatement("INSERT INTO fences VALUES (2, 1, 'active', 1)"))
        }
        let states = SagaStateMachine.State.allCases
        var records: [SagaRecord] = []
        for number in 0..<count {
            let moment = Timestamp(microseconds: 1_780_000_000_000_000 + Int64(number) * 1_000)
            let id = SagaID(UUIDv7(time: moment, slot: 1, random: UInt64(number)))
            var record = SagaRecord(
                organization: Int64(1 + number % 2), id: id, definition: number % 3 == 0 ? "checkout" : "refund",
                version: 1, subject: id.uuid, input: "{}", step: "charge", now: moment, lease: .zero)
            record.state = states[number % states.count]
            let planted = record
            let tenant = Tenant(organization: planted.organization, epoch: planted.organization == 1 ? 3 : 1)
            _ = try await bench.lane.submit(
                Plant(record: planted), tenant: tenant, deadline: SystemTime().instant() + .seconds(10))
            records.append(planted)
        }
        return records
    }

    private struct Plant: LaneCommand {
        let record: SagaRecord
        func needs(_ loaded: WorkingSet) -> [Need] { [] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
            work.insert(record)
            return .commit(true)
        }
    }

    @Test func everyFilterFindsTheYoungestFirst() async throws {
        try await EngineBench.with { bench in
            let all = Array(try await plant(bench, count: 60).reversed())
            let archive = SQLSagaArchive(database: bench.database)
            var filters: [(SagaFilter, (SagaRecord) -> Bool)] = [(SagaFilter(), { _ in true })]
            for state in SagaStateMachine.State.allCases {
                var filter = SagaFilter()
                filter.state = state
                filters.append((filter, { $0.state == state }))
            }
            for (filter, fits) in filters {
                for organization in [nil, 1, 2] as [Int64?] {
                    for definition in [nil, "checkout"] as [String?] {
                        for before in [nil, all[30].id] {
                            var wanted = filter
                            (wanted.organization, wanted.definition, wanted.before) = (organization, definition, before)
                            wanted.limit = 7
                            let expected = all.filter { saga in
                                fits(saga) && (organization == nil || saga.organization == organization)
                                    && (definition == nil || saga.definition == definition)
                                    && before.map { saga.id.uuid < $0.uuid } ?? true
                            }
                            let found = try await archive.sagas(wanted)
                            #expect(found.map(\.id) == expected.prefix(7).map(\.id), "\(wanted)")
                        }
                    }
                }
            }
        }
    }

    @Test func openAndStuckSagasAreFoundByTheirIndexes() async throws {
        try await EngineBench.with { bench in
            func plan(_ condition: String, _ order: String) async throws -> String {
                try await bench.database.read(
                    SQLStatement(
                        "EXPLAIN QUERY PLAN SELECT * FROM sagas WHERE \(condition) ORDER BY \(order)",
                        [.text("running")]),
                    .strong
                ).map { try $0.text(3) }.joined(separator: "; ")
            }
            let stuck = try await plan("state = $1 AND \(SagaSchema.isStuck(""))", "id DESC")
            #expect(stuck.contains("sagas_stuck"))
            let open = try await plan("state = $1 AND \(SagaSchema.isUnfinished(""))", "id DESC")
            #expect(open.contains("sagas_due"))
        }
    }

    @Test func sagaIsFoundAmongOrganizationsAndItsHistoryFromTheEnd() async throws {
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable("a", .local(.add(1, to: "a")), undo: .local(.add(-1, to: "a")))
            .pivot("b", .local(.add(1, to: "b"))).definition
        try await EngineBench.with { bench in
            let runtime = bench.runtime([AnySagaDefinition(saga)])
            try await bench.running(runtime) {
                let report = try await bench.outcome(of: saga, in: runtime)
                let archive = SQLSagaArchive(database: bench.database)
                let many = (2...1_200).map { Int64($0) }
                #expect(try await archive.saga(report.saga, ofOneOf: many + [1])?.id == report.saga)
                #expect(try await archive.saga(report.saga, ofOneOf: many) == nil)
                #expect(try await archive.saga(report.saga, ofOneOf: []) == nil)
                let whole = try await archive.history(of: report.saga, in: 1, limit: 100)
                #expect(whole.map(\.entry) == Array(1...Int64(whole.count)) && whole.count > 3)
                #expect(try await archive.history(of: report.saga, in: 1, limit: 2) == whole.suffix(2))
                #expect(try await archive.lease(of: runtime.worker) != nil)
            }
            #expect(try await SQLSagaArchive(database: bench.database).lease(of: runtime.worker) == nil)
        }
    }
}
