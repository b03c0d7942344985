import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Testing

@testable import PantryDomain

extension DomainConformance {
    /// Begins a saga, or works on it.
    private struct Change: LaneCommand {
        let key: Key<SagaRecord>
        let change: @Sendable (inout WorkingSet, SagaRecord?, Timestamp) -> Void
        func needs(_ loaded: WorkingSet) -> [Need] { [.row(key)] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Bool> {
            change(&work, work[key], now)
            return .commit(true)
        }
    }
    private static func id(_ number: UInt64) -> SagaID { SagaID(UUIDv7(high: 7 << 60, low: number)) }
    private static func change(
        _ shop: Shop, _ number: UInt64, _ body: @escaping @Sendable (inout WorkingSet, SagaRecord?, Timestamp) -> Void
    ) async throws {
        let context = try await shop.context()
        let change = Change(key: SagaRecord.key(shop.number, id(number)), change: body)
        _ = try await shop.world.drive { try await context.submit(change) }
    }
    private static func begin(_ shop: Shop, _ number: UInt64) async throws {
        let (organization, id) = (shop.number, id(number))
        try await change(shop, number) { work, _, now in
            var transition = SagaTransition(
                SagaRecord(
                    organization: organization, id: id, definition: "checkout", version: 1, subject: id.uuid,
                    input: #"{"it's":"50% _\\"}"#, step: "charge", now: now, lease: .seconds(30)), at: now)
            transition.note(.began, "charge")
            transition.insert(in: &work)
        }
    }
    private static func work(
        _ shop: Shop, _ number: UInt64, _ body: @escaping @Sendable (inout SagaTransition) -> Void
    ) async throws {
        try await change(shop, number) { work, record, now in
            guard let record else { return }
            var transition = SagaTransition(record, at: now)
            body(&transition)
            transition.store(in: &work)
        }
    }
    private static func due(
        _ shop: Shop, alone: Bool = false, limit: Int = 10, on server: Server? = nil
    ) async throws -> [SagaID] {
        try await (server ?? shop.world.first).store.due(
            at: shop.world.time.now(), ignoringLeases: alone, limit: limit
        ).map(\.id)
    }

    static let sagas: [Behavior<Shop>] = [
        Behavior("a saga is due when its lease is over, and not before") { shop in
            shop.world.stopWorkingOnSagas()
            try await begin(shop, 1)
            #expect(try await due(shop) == [])
            #expect(try await due(shop, alone: true) == [id(1)])
            shop.world.time.advance(by: .microseconds(29_999_999))
            #expect(try await due(shop) == [])
            shop.world.time.advance(by: .microseconds(1))
            #expect(try await due(shop, on: shop.world.second) == [id(1)])
            let ticket = try #require(
                try await shop.world.first.store.due(at: shop.world.time.now(), ignoringLeases: false, limit: 1).first)
            #expect(ticket.tenant == Tenant(organization: shop.number, epoch: 1) && ticket.epoch == 1)
            #expect(ticket.definition == "checkout" && ticket.subject == id(1).uuid)
            try await work(shop, 1) { $0.succeed("end") }
        },
        Behavior("a saga is claimed once, whatever server asks") { shop in
            shop.world.stopWorkingOnSagas()
            try await begin(shop, 1)
            shop.world.time.advance(by: .seconds(30))
            let servers = [shop.world.first, shop.world.second]
            let ticket = try #require(
                try await servers[0].store.due(at: shop.world.time.now(), ignoringLeases: false, limit: 1).first)
            let claims = try await shop.world.drive {
                try await withThrowingTaskGroup(of: SagaTicket?.self) { group in
                    for index in 0..<10 { group.addTask { try await servers[index % 2].store.claim(ticket) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(claims.compactMap(\.?.epoch) == [2])
            try await work(shop, 1) { $0.undone("end", "it's over") }
        },
        Behavior("sagas are due by their time, a few at a time, and those that ended never") { shop in
            shop.world.stopWorkingOnSagas()
            for number in 1...6 as ClosedRange<UInt64> { try await begin(shop, number) }
            try await work(shop, 1) { $0.park("charge", until: $0.now + .seconds(50), "later: 100% _\\ '") }
            try await work(shop, 2) { $0.park("charge", until: $0.now + .seconds(40), "later") }
            try await work(shop, 3) { $0.succeed("end") }
            try await work(shop, 4) { $0.undone("end", "declined") }
            try await work(shop, 5) { $0.giveUp("charge", "too often") }
            try await work(shop, 6) { transition in
                transition.handle(.compensate)
                transition.park("release", until: transition.now + .seconds(60), "later")
            }
            #expect(try await due(shop, alone: true) == [])
            shop.world.time.advance(by: .seconds(50))
            #expect(try await due(shop) == [id(2), id(1)])
            #expect(try await due(shop, limit: 1) == [id(2)])
            #expect(try await due(shop, limit: 0) == [])
            shop.world.time.advance(by: .seconds(10))
            #expect(try await due(shop) == [id(2), id(1), id(6)])
            let waiting = try await shop.world.rows("SELECT reason FROM sagas WHERE id = $1", [.uuid(id(1).uuid)])
            #expect(waiting.map(\.values) == [["later: 100% _\\ '"]])
            for number in [1, 2, 6] as [UInt64] { try await work(shop, number) { $0.undone("end", "enough") } }
        },
        Behavior("a saga of a tenant that is fenced off is nobody's") { shop in
            shop.world.stopWorkingOnSagas()
            try await begin(shop, 1)
            let server = shop.world.first
            func fence(_ state: String) async throws {
                try await server.database.write {
                    _ = try await $0.execute(
                        SQLStatement("UPDATE fences SET state = $1, version = version + 1", [.text(state)]))
                }
            }
            try await fence("fenced")
            shop.world.time.advance(by: .seconds(30))
            #expect(try await due(shop) == [])
            guard case .shardUnavailable = try await shop.refusal(shop.create("a")) else { throw Unexpected() }
            try await fence("active")
            #expect(try await due(shop) == [id(1)])
            try await work(shop, 1) { $0.succeed("end") }
        },
    ]
}
