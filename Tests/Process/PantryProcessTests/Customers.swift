import PantryTestKit
import ProcessTestKit
import StrictJSON
import Testing

/// Customers that order, send again what was not answered or answered with 503, and look each order up with the token
/// that it came with.
struct Customers: Sendable {
    let shop: Shop
    let session: TenantSession
    let sightings = Sightings()

    /// Places `count` orders, sixteen at a time.
    func order(_ count: Int, key prefix: String) async {
        _ = await (0..<count).concurrentMap(limit: 16) { index in
            await order("\(prefix)-\(index)", shop.catalog.items[index % shop.catalog.items.count].sku)
        }
    }

    /// Expects that orders are confirmed and read again within `limit`, counted from now or from when the fault ended.
    /// - Parameter key: the key of an order that was not begun before.
    func expectService(
        _ key: String, since ended: ContinuousClock.Instant = .now, within limit: Duration = .seconds(5),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let left = limit - ended.duration(to: .now)
        try await Poll.untilTrue("writes and reads to be back", within: left, every: .milliseconds(20)) {
            let order = await session.order([(sku: shop.catalog.items[0].sku, quantity: 1)], key: key)
            let read = await session.client.get(
                "/v1/orders?consistency=strong&limit=1", key: shop.tenant.apiKey)
            return [200, 201].contains(order.status) && read.status == 200
        }
        // The last question may have been asked in time and answered late.
        let taken = ended.duration(to: .now)
        #expect(taken <= limit, "writes and reads were back after \(taken)", sourceLocation: sourceLocation)
    }

    /// Orders one unit until that is answered, and looks the order up.
    func order(_ key: String, _ sku: String) async {
        var placed: (id: String, token: String)?
        do {
            try await Poll.untilTrue("an answer", within: .seconds(60), every: .milliseconds(20)) {
                let outcome = await session.order([(sku: sku, quantity: 1)], key: key)
                guard let answer = outcome.answer, [200, 201, 202].contains(answer.status) else { return false }
                if let id = answer["id"]?.string, let token = answer.header("Pantry-Consistency-Token") {
                    placed = (id, token)
                }
                return true
            }
        } catch {
            return sightings.add("no answer to \(key) within 60 s")
        }
        guard let placed else { return sightings.add("\(key) was answered without an id or a token") }
        await look(placed.id, placed.token, key)
    }

    /// Whoever looks with a token sees the order, or is told to come back; never that there is no such order.
    private func look(_ id: String, _ token: String, _ key: String) async {
        let request = PantryRequest(
            "GET", "/v1/orders/\(id)", credential: shop.tenant.apiKey, headers: ["Pantry-Consistency-Token": token])
        do {
            try await Poll.untilTrue("the order to be seen", within: .seconds(60), every: .milliseconds(20)) {
                let outcome = await session.client.send(request)
                guard let answer = outcome.answer, answer.status != 503 else { return false }
                if answer.status == 200, let by = answer.header("Pantry-Served-By") {
                    sightings.served(String(by.prefix { $0 != ";" }))
                } else {
                    sightings.add("\(key) was looked up with its token and gave \(outcome)")
                }
                return true
            }
        } catch { sightings.add("\(key) was not seen within 60 s") }
    }
}
