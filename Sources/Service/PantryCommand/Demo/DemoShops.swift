import Determinism
import PantryDomain
import PantryReplay
import StrictJSON

/// The demo's organizations, made and read over HTTP.
struct DemoShops: Sendable {
    struct Tenant: Sendable, Hashable {
        var id: String
        var name: String
        var apiKey: String
    }
    let client: APIClient
    let operatorToken: String
    let time: SystemTime

    private static let names = [
        "Corner Shop", "Market Hall", "Station Grocery", "Harbor Foods", "Village Store", "Hilltop Organics",
    ]
    static func name(_ number: Int) -> String { number < names.count ? names[number] : "Shop \(number + 1)" }

    /// Returns once the server has recovered and serves.
    func waitUntilReady() async throws {
        let deadline = time.instant() + .seconds(30)
        while await client.send(APIRequest("GET", "/readyz"), as: nil).answer?.status != 200 {
            guard time.instant() < deadline else { throw CommandFailure(.failed, "the server does not become ready") }
            try await time.sleep(for: .milliseconds(5))
        }
    }

    /// Makes an organization without rate limits, and imports its products.
    func open(_ number: Int, selling products: [ProductRow]) async throws -> Tenant {
        let body: JSONValue = ["name": .string(Self.name(number)), "plan": "unlimited"]
        let made = try await call(APIRequest("POST", "/v1/organizations", body.serialized()), operatorToken)
        guard let id = made["id"]?.string, let key = made["apiKey"]?.string else {
            throw CommandFailure(.failed, "the new organization has no key")
        }
        let tenant = Tenant(id: id, name: Self.name(number), apiKey: key)
        var goods = APIRequest("POST", "/v1/product-imports", DemoStock.csv(products), key: "demo-products")
        goods.type = "text/csv"
        let report = try await call(goods, key)
        guard report["imported"]?.integer == Int64(products.count), report["failed"] == 0 else {
            throw CommandFailure(
                .failed, "not every product was imported: \(String(decoding: report.body, as: UTF8.self))")
        }
        return tenant
    }

    /// What the server has of each organization, once no payment is under way any more.
    func records(of tenants: [Tenant], stop: StopSign) async throws -> [ServerRecords] {
        var records: [ServerRecords] = []
        for tenant in tenants where !stop.isRaised {
            try await settle(tenant, stop: stop)
            let orders = try await list("/v1/orders", tenant.apiKey).map(Self.order)
            let stock = try await list("/v1/stock", tenant.apiKey).map { row in
                ServerRecords.Stock(
                    sku: row.object?["sku"]?.string ?? "", onHand: row.object?["onHand"]?.integer ?? -1,
                    reserved: row.object?["reserved"]?.integer ?? -1)
            }
            records.append(ServerRecords(name: tenant.name, orders: orders, stock: stock))
        }
        return records
    }

    private func settle(_ tenant: Tenant, stop: StopSign) async throws {
        let deadline = time.instant() + .seconds(30)
        while !stop.isRaised {
            let open = try await list("/v1/orders?status=pending", tenant.apiKey).count { order in
                order.object?["payment"]?.object?["status"]?.string != "queued"
            }
            if open == 0 { return }
            guard time.instant() < deadline else {
                throw CommandFailure(.failed, "\(open) orders of \(tenant.name) do not come to rest")
            }
            try await time.sleep(for: .milliseconds(50))
        }
    }

    private static func order(_ json: JSONValue) -> ServerRecords.Order {
        func amount(_ value: JSONValue?) -> Int64 { value?.object?["amount"]?.integer ?? 0 }
        let (order, payment) = (json.object ?? [:], json.object?["payment"]?.object)
        var units: [String: Int64] = [:]
        for item in order["items"]?.array ?? [] {
            units[item.object?["sku"]?.string ?? "", default: 0] += item.object?["quantity"]?.integer ?? 0
        }
        return ServerRecords.Order(
            id: order["id"]?.string ?? "", status: order["status"]?.string ?? "", total: amount(order["total"]),
            captured: amount(payment?["captured"]), refunded: amount(payment?["refunded"]), units: units)
    }

    private func list(_ path: String, _ key: String) async throws -> [JSONValue] {
        var (all, cursor): ([JSONValue], String?) = ([], nil)
        while true {
            // A cursor is of the characters that a query may have.
            let query = (path.contains("?") ? "&" : "?") + "limit=100" + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try await call(APIRequest("GET", path + query), key)
            all += page["data"]?.array ?? []
            cursor = page["page"]?.object?["nextCursor"]?.string
            if cursor == nil { return all }
        }
    }

    /// Sends a request that has to succeed.
    @discardableResult
    func call(_ request: APIRequest, _ credential: String) async throws -> APIAnswer {
        switch await client.send(request, as: credential, within: .seconds(600)) {
        case .noAnswer(let reason): throw CommandFailure(.failed, "\(request.method) \(request.path): \(reason)")
        case .answered(let answer):
            guard answer.isSuccess else {
                throw CommandFailure(.failed, "\(request.method) \(request.path): \(answer.status) \(answer.detail)")
            }
            return answer
        }
    }
}
