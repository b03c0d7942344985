import Determinism
import PantryDomain
import PantryReplay
import StrictJSON

/// The customers of the demo's shops.
struct DemoTrade: Sendable {
    let sender: OrderSender
    let tenants: [DemoShops.Tenant]
    let books: SharedBooks
    /// Of the first answer to each order.
    let latency: LatencyRecorder

    /// Places an order in its way, and does what is to be done with it afterwards.
    func play(_ order: DemoOrder) async {
        let key = tenants[order.organization].apiKey
        switch order.part {
        case .twice:
            async let other = sender.place(order.draft, as: key)
            let (first, second) = (await sender.place(order.draft, as: key), await other)
            // Whichever came first is the order; the other one is its repeat.
            let original = first.isReplay ? second : first
            latency.record(original.duration)
            books.write {
                $0.add(order, original)
                $0.compare(order.draft.key, [first.answer, second.answer], underWay: true)
            }
        default:
            let result = await sender.place(order.draft, as: key)
            latency.record(result.duration)
            books.write { $0.add(order, result) }
            await follow(order, result, key)
        }
    }

    private func follow(_ order: DemoOrder, _ result: OrderResult, _ key: String) async {
        switch order.part {
        case .repeated:
            let again = await sender.place(order.draft, as: key)
            books.write { $0.compare(order.draft.key, [result.answer, again.answer], underWay: false) }
        case .canceled:
            guard result.outcome == .confirmed, let id = result.id else { return }
            let outcome = await write("/v1/orders/\(id)/cancel", nil, "\(order.draft.key)-cancel", key)
            books.write { books in
                guard let answer = outcome.answer, answer.status == 200, answer["status"]?.string == "canceled" else {
                    return books.note("order \(id) could not be canceled: \(Self.words(outcome))")
                }
                books.canceled += 1
                books.orders[id]?.outcome = .canceled
            }
        case .refunded:
            guard result.outcome == .confirmed, let id = result.id else { return }
            let amount = (result.total + 1) / 2
            let body: JSONValue = ["amount": .integer(amount), "reason": "half of it was not fresh"]
            let outcome = await write(
                "/v1/orders/\(id)/refunds", body.serialized(), "\(order.draft.key)-refund", key)
            books.write { books in
                guard let answer = outcome.answer, answer.status == 201 else {
                    return books.note("order \(id) could not be refunded: \(Self.words(outcome))")
                }
                books.refunds += 1
                books.refunded += amount
                books.orders[id]?.refunded = amount
            }
        case .plain, .twice, .declined, .lost, .unavailable: break
        }
    }

    /// Lets many buyers at the first shop want the same product at one moment, one unit each.
    func race(for product: ProductRow, among buyers: Int) async -> DemoSummary.Race {
        let key = tenants[0].apiKey
        let results = await withTaskGroup(of: OrderResult.self) { group in
            for buyer in 1...buyers {
                group.addTask {
                    let basket = Basket(id: "race-\(buyer)", items: [.init(sku: product.sku, quantity: 1)], line: 0)
                    return await sender.place(OrderDraft(key: "demo-race-\(buyer)", basket: basket), as: key)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        books.write { books in
            for result in results {
                guard let id = result.id else { continue }
                books.orders[id] = DemoBooks.Entry(
                    organization: 0, outcome: result.outcome, total: result.total, units: 1)
            }
        }
        let winners = results.count { $0.outcome == .confirmed }
        // What the stock row says of it, which has no way to hold more than there is.
        let stock = await sender.client.send(APIRequest("GET", "/v1/stock/\(product.sku)"), as: key)
        let reserved = stock.answer?["reserved"]?.integer ?? 0
        return DemoSummary.Race(
            product: product.name, units: DemoStock.scarceUnits, buyers: buyers, winners: winners,
            outOfStock: results.count { $0.outcome == .outOfStock },
            oversold: max(0, max(Int64(winners), reserved) - DemoStock.scarceUnits))
    }

    private func write(_ path: String, _ body: String?, _ idempotencyKey: String, _ key: String) async -> APIOutcome {
        let request = APIRequest("POST", path, body, key: idempotencyKey)
        var attempt = 1
        while true {
            let outcome = await sender.client.send(request, as: key)
            guard attempt < sender.attempts, let pause = OrderSender.pause(after: outcome, attempt: attempt),
                (try? await sender.time.sleep(for: pause)) != nil
            else { return outcome }
            attempt += 1
        }
    }

    private static func words(_ outcome: APIOutcome) -> String {
        switch outcome {
        case .answered(let answer): "\(answer.status) \(answer.detail)"
        case .noAnswer(let reason): reason
        }
    }
}
