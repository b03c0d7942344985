import PantryTestKit
import PostgresTestKit
import ProcessTestKit
import StrictJSON

/// A shard on a primary with two streaming replicas, the control database on a server of its own, and the settings of
/// servers that use them.
struct FleetHome {
    /// The shard's servers; the first is the primary, and waits for `r1` with each commit.
    let servers: [PostgresServer]
    let settings: InstallationSettings

    static func with<Value>(_ body: (FleetHome) async throws -> Value) async throws -> Value {
        try await PostgresTestbed.with { testbed in
            let control = try await testbed.server(name: "control")
            try await control.psql("CREATE DATABASE control")
            let primary = try await testbed.server()
            try await primary.psql("CREATE DATABASE shard_0")
            let replicas = [
                try await testbed.replica(of: primary, name: "r1"), try await testbed.replica(of: primary, name: "r2"),
            ]
            try await primary.configure(["synchronous_standby_names": "FIRST 1 (r1, r2)"])
            try await primary.waitForSynchronousReplicas()
            return try await body(FleetHome([primary] + replicas, control))
        }
    }

    private init(_ servers: [PostgresServer], _ control: PostgresServer) {
        self.servers = servers
        var settings = InstallationSettings()
        settings["server", "shutdownTimeout"] = "5s"
        settings["control", "url"] = "\"\(control.url(database: "control"))\""
        let urls = servers.map { "\"\($0.url(database: "shard_0"))\"" }
        settings.shards = "[{ name: shard-0, primary: \(urls[0]), replicas: [\(urls[1]), \(urls[2])] }]"
        settings.booksQuery = { sql in
            try await control.psql("SELECT coalesce(json_agg(found), '[]') FROM (\(sql)) found", database: "control")
        }
        self.settings = settings
    }
}

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

    private func order(_ key: String, _ sku: String) async {
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
