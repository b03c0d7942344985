import Determinism
import Sagas
import Storage
import Testing

/// Who gets a saga.
extension SagaConformance {
    static let claims = [
        SagaBehavior("of two who claim a saga one gets it, at the next epoch", claimRace),
        SagaBehavior("a ticket that is out of date claims nothing", staleClaim),
        SagaBehavior("a key begins one saga, whoever uses it how often", startKeys),
    ]

    private static func claimRace(_ bench: SagaBench) async throws {
        for _ in 0..<12 { _ = try await bench.began(Definitions.call) }
        let workers = [bench.newWorker(), bench.newWorker()]
        let stores = zip([bench.first, bench.second], workers).map { $0.stores(Definitions.registry, $1).store }
        let tickets = try await bench.tickets()
        #expect(tickets.count == 12)
        for ticket in tickets {
            async let one = stores[0].claim(ticket)
            async let other = stores[1].claim(ticket)
            let claims = try await [one, other]
            let winners = claims.indices.filter { claims[$0] != nil }
            try #require(winners.count == 1, "\(winners.count) of two got the saga")
            let record = try await bench.record(ticket.id)
            #expect(record.owner == workers[winners[0]])
            #expect(record.epoch == ticket.epoch + 1 && claims[winners[0]]?.epoch == record.epoch)
            let log = try await bench.archive.history(of: ticket.id, in: 1)
            #expect(log.filter { $0.kind == .claimed }.map(\.epoch) == [record.epoch])
        }
    }

    private static func staleClaim(_ bench: SagaBench) async throws {
        let saga = try await bench.began(Definitions.call)
        let (one, other) = (bench.newWorker(), bench.newWorker())
        let ticket = try #require(try await bench.tickets().first)
        #expect(try await bench.first.stores(Definitions.registry, one).store.claim(ticket)?.epoch == 2)
        let before = try await bench.record(saga)
        #expect(try await bench.second.stores(Definitions.registry, other).store.claim(ticket) == nil)
        #expect(try await bench.record(saga) == before, "nothing was written")
        #expect(try await bench.history(saga) == ["call began", "call intended", "call claimed"])
        let ended = try await bench.began(Definitions.short)
        let late = SagaTicket(
            tenant: bench.tenant(), id: ended, definition: "short", subject: ended.uuid, epoch: 1,
            mayHaveBeenCalled: true)
        #expect(try await bench.second.stores(Definitions.registry, other).store.claim(late) == nil)
    }

    private static func startKeys(_ bench: SagaBench) async throws {
        let sites = [bench.first, bench.second]
        let begun = try await withThrowingTaskGroup(of: SagaID?.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let outcome = try await bench.begin(Definitions.short, key: "k", at: sites[number % 2])
                    guard case .began(let ticket) = outcome else { return nil }
                    return ticket.id
                }
            }
            return try await group.reduce(into: [SagaID]()) { if let saga = $1 { $0.append(saga) } }
        }
        try #require(begun.count == 1, "\(begun.count) sagas were begun with one key")
        #expect(try await bench.count("only") == 1)
        guard case .existing(let existing) = try await bench.begin(Definitions.short, key: "k") else {
            Issue.record("the key began another saga")
            return
        }
        #expect(existing == begun[0])
        _ = try await bench.began(Definitions.short, key: "l")
        _ = try await bench.began(Definitions.short, of: 2, key: "k")
        _ = try await bench.began(Definitions.call, key: "k")
        #expect(try await bench.count("only") == 2)
    }
}
