import ConnectionPooling
import Determinism
import Testing

@Suite("Fair shares")
struct FairShareTests {
    /// Connections that `tenant` is handed when `count` connections come back, each held until the end.
    private func served(_ bench: inout Bench, _ leases: [LeaseID], of waiters: [WaiterID: UInt64]) -> [UInt64] {
        leases.flatMap { bench.returned($0).grants }.compactMap { waiters[$0.0] }
    }

    private func wait(_ bench: inout Bench, _ tenants: [UInt64]) throws -> [WaiterID: UInt64] {
        try tenants.reduce(into: [:]) { $0[try bench.lease($1).waiter] = $1 }
    }

    @Test func hotTenantCannotKeepOthersOut() throws {
        var bench = Bench(limit: 4)
        let held = try bench.fill(4, tenant: 1)
        let waiters = try wait(&bench, Array(repeating: 1, count: 100) + [2, 3])
        #expect(served(&bench, held, of: waiters) == [2, 3, 1, 1], "the others have nothing: they go first")
    }

    @Test func aloneTenantHasEverything() throws {
        var bench = Bench(limit: 4)
        let held = try bench.fill(4, tenant: 1)
        let waiters = try wait(&bench, [1, 1, 1, 1])
        #expect(served(&bench, held, of: waiters) == [1, 1, 1, 1])
        #expect(bench.snapshot.idle == 0 && bench.snapshot.leased == 4)
    }

    @Test func tenantsBelowTheirShareTakeTurns() throws {
        var bench = Bench(limit: 6)
        let held = try bench.fill(6, tenant: 9)
        let waiters = try wait(&bench, [9, 1, 1, 1, 2, 2, 2, 3])
        // Four tenants: a share of one each. Then whoever holds the fewest: 1 before 9, which still holds two; then 9,
        // which was served longest ago of those that hold one.
        #expect(served(&bench, held, of: waiters) == [1, 2, 3, 1, 9, 2])
    }

    @Test func withinTenantTheFirstIsServedFirst() throws {
        var bench = Bench(limit: 1)
        var lease = try bench.fill(1, tenant: 1)[0]
        let waiters = try (0..<20).map { _ in try bench.lease(1).waiter }
        for waiter in waiters {
            let granted = try #require(bench.returned(lease).grants.first)
            #expect(granted.0 == waiter)
            lease = granted.1
        }
    }

    @Test func weightsCount() throws {
        var bench = Bench(limit: 4) { $0.fairShares?.weights = [TenantKey(1 as UInt64): 3] }
        let held = try bench.fill(4, tenant: 9)
        let waiters = try wait(&bench, [1, 1, 1, 1, 2, 2, 2, 2])
        // Weights 1, 3, 1: shares of one, two and one. The last goes to who holds the fewest for its weight.
        #expect(served(&bench, held, of: waiters).sorted() == [1, 1, 1, 2])
        #expect(bench.machine.share(of: TenantKey(1 as UInt64)) == 3, "the tenant 9 has gone: 4 × 3 ÷ 4")
    }

    @Test func withoutSharesItIsOneLine() throws {
        var bench = Bench(limit: 2) { $0.fairShares = nil }
        let held = try bench.fill(2, tenant: 1)
        let waiters = try wait(&bench, [1, 1, 2])
        #expect(served(&bench, held, of: waiters) == [1, 1])
    }

    @Test func fullQueueRefusesTheYoungestOfTheGreediest() throws {
        var bench = Bench(limit: 1) { $0.queueLimit = 4 }
        _ = try bench.fill(1, tenant: 1)
        let hot = try (0..<4).map { _ in try bench.lease(1).waiter }
        #expect(bench.lease(1).outcome == .refused(.queueFull))
        let other = bench.lease(2)
        #expect(other.actions.refusals == [hot[3]: .queueFull])
        #expect(bench.lease(3).actions.refusals == [hot[2]: .queueFull])
        #expect(bench.lease(2).outcome == .refused(.queueFull), "two of four each would be no better")
        #expect(bench.snapshot.waiting == 4)
    }

    @Test func slowHolderDoesNotCountAsServed() throws {
        // Shares count what is held, not how often somebody was served: a tenant whose queries take long has its share
        // in use, and the others' short ones go on.
        var bench = Bench(limit: 4)
        let slow = try bench.fill(2, tenant: 1)
        var quick = try bench.fill(2, tenant: 2)
        for _ in 0..<50 {
            let waiters = try wait(&bench, [1, 2])
            let grant = try #require(bench.returned(quick.removeFirst()).grants.first)
            #expect(waiters[grant.0] == 2)
            quick.append(grant.1)
            for waiter in waiters.keys { _ = bench.cancel(waiter) }
        }
        #expect(slow.count == 2)
    }

    @Test func tableOfTenantsStaysSmall() throws {
        var bench = Bench(limit: 1)
        _ = bench.returned(try bench.fill(1)[0])
        for tenant in 0..<10_000 { _ = bench.returned(try bench.lease(UInt64(tenant)).lease) }
        #expect(bench.machine.inconsistencies() == [])
        #expect(bench.snapshot.tenants == 0)
        #expect(String(describing: bench.machine).utf8.count < 200_000, "forgotten tenants leave nothing behind")
    }
}
