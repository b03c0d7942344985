import Determinism
import Foundation
import PantryDomain
import PantryReplay
import ServiceLifecycle
import StrictJSON
import Synchronization

/// The demo beside its server: a client like any other, which speaks HTTP only.
struct DemoRun: Service {
    struct Settings: Sendable {
        var orders: Int
        var organizations: Int
        var clients: Int
        var seed: UInt64
        var operatorToken: String
    }
    /// What was measured so far.
    final class Result: Sendable {
        private let summary = Mutex(DemoSummary())
        var now: DemoSummary { summary.withLock { $0 } }
        func change(_ body: (inout sending DemoSummary) -> Void) { summary.withLock { body(&$0) } }
    }
    let settings: Settings
    let stock: DemoStock
    let address: ServerAddress
    let time: SystemTime
    /// Checks the stored data.
    let verify: @Sendable () async throws -> DemoSummary.Verification
    /// Raised when the rest is to be left out.
    let stop: StopSign
    let result = Result()
    private static let raceBuyers = 50

    /// Plays the demo; at a signal what is under way is finished and the rest left out.
    func run() async throws {
        try await withGracefulShutdownHandler {
            try await address.wait(time)
            try await APIClient.with(address.url, connections: max(settings.clients, Self.raceBuyers)) { client in
                try await play(DemoShops(client: client, operatorToken: settings.operatorToken, time: time))
            }
        } onGracefulShutdown: {
            stop.raise()
        }
    }

    private func play(_ shops: DemoShops) async throws {
        result.change { summary in
            (summary.requested, summary.clients, summary.seed) = (settings.orders, settings.clients, settings.seed)
            (summary.baskets, summary.products) = (stock.baskets.count, stock.products.count)
        }
        try await shops.waitUntilReady()
        var tenants: [DemoShops.Tenant] = []
        for number in 0..<settings.organizations where !stop.isRaised {
            let products = number == 0 ? stock.products + [stock.scarce] : stock.products
            Console.error("importing \(products.count) products for \(DemoShops.name(number))")
            let tenant = try await shops.open(number, selling: products)
            tenants.append(tenant)
            result.change {
                $0.organizations.append(
                    DemoSummary.Organization(id: tenant.id, name: tenant.name, orders: 0, units: 0, revenue: 0))
            }
        }
        if !stop.isRaised { try await trade(shops, tenants) }
        result.change { $0.isInterrupted = stop.isRaised }
        let verification = try await verify()
        result.change { $0.verification = verification }
    }

    private func trade(_ shops: DemoShops, _ tenants: [DemoShops.Tenant]) async throws {
        let books = SharedBooks()
        let trade = DemoTrade(
            sender: OrderSender(shops.client, time: time), tenants: tenants, books: books, latency: LatencyRecorder())
        let orders = DemoOrders(
            DemoPlan(seed: settings.seed), baskets: stock.baskets, organizations: tenants.count,
            count: settings.orders)
        if !Terminal.errorIsInteractive {
            Console.error("ordering \(DemoSummary.grouped(Int64(settings.orders))) times")
        }
        let bar = OrderProgress("ordering", unit: "orders", total: settings.orders, time: time)
        let start = time.instant()
        try await Workers.run(settings.clients, stop: stop, source: orders, next: { $0.next() }) { order in
            await trade.play(order)
            bar.advance()
        }
        bar.finish()
        let duration = time.instant() - start
        var race: DemoSummary.Race?
        if !stop.isRaised {
            Console.error("\(Self.raceBuyers) buyers at once for \(DemoStock.scarceUnits) units")
            race = await trade.race(for: stock.scarce, among: Self.raceBuyers)
        }
        var records: [ServerRecords] = []
        if !stop.isRaised {
            Console.error("comparing every answer with the server's and the provider's books")
            records = try await shops.records(of: tenants, stop: stop)
        }
        let stocked = tenants.indices.map { index in
            let products = index == 0 ? stock.products + [stock.scarce] : stock.products
            return Dictionary(products.map { ($0.sku, $0.onHand ?? 0) }, uniquingKeysWith: { first, _ in first })
        }
        let told = books.now
        result.change { summary in
            (summary.books, summary.race, summary.duration) = (told, race, duration)
            summary.latency = trade.latency.summary
            guard records.count == tenants.count else { return }
            summary.discrepancies = DemoAudit.discrepancies(told, records, stocked: stocked)
            for (index, record) in records.enumerated() {
                let sales = record.sales
                (summary.organizations[index].orders, summary.organizations[index].units) = (sales.orders, sales.units)
                summary.organizations[index].revenue = sales.revenue
            }
        }
    }
}
