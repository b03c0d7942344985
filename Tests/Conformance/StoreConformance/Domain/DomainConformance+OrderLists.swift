import Determinism
import DeterminismTestKit
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

extension DomainConformance {
    private static func ids(
        _ shop: Shop, status: OrderStatus? = nil, createdAfter: Timestamp? = nil, limit: Int = 50
    ) async throws -> [[OrderID]] {
        try await shop.pages(limit) { next, context in
            try await OrderQueries.orders(
                status: status, createdAfter: createdAfter, after: next.flatMap { OrderID($0) }, limit: limit,
                .eventual,
                in: context)
        }.map { try $0.compactMap { OrderID(try $0.member("id")) } }
    }

    static let orderLists: [Behavior<Shop>] = [
        Behavior("orders are listed newest first, page by page and by their status") { shop in
            try await shop.product("a", stock: 50)
            var placed: [OrderID] = []
            for index in 0..<7 {
                let method = index % 3 == 2 ? "pm_declined" : "pm_ok"
                placed.append(try #require(try await shop.place([("a", 1)], "k\(index)", method: method).order))
                if index % 2 == 0 { try await shop.world.pass(.milliseconds(3)) }
            }
            let newest = placed.sorted { ($0.uuid.high, $0.uuid.low) > ($1.uuid.high, $1.uuid.low) }
            for limit in [1, 3, 6, 7, 8] {
                let pages = try await ids(shop, limit: limit)
                #expect(pages.flatMap { $0 } == newest, "by \(limit)")
                #expect(pages.count == (7 + limit - 1) / limit)
            }
            let failed = try await ids(shop, status: .failed, limit: 1).flatMap { $0 }
            #expect(Set(failed) == [placed[2], placed[5]])
            #expect(try await ids(shop, status: .confirmed, limit: 2).flatMap { $0 }.count == 5)
            #expect(try await ids(shop, status: .expired) == [[]])
        },
        Behavior("orders after a moment are those after it, to the microsecond") { shop in
            try await shop.product("a", stock: 50)
            var placed: [(id: OrderID, at: Int64)] = []
            for index in 0..<4 {
                shop.world.time.advance(by: .microseconds([1, 999, 1_500, 60_000_000][index]))
                let id = try #require(try await shop.place([("a", 1)], "k\(index)").order)
                let at = try await shop.world.number(
                    "SELECT created_at FROM orders WHERE id = $1", [.uuid(id.uuid)])
                placed.append((id, at))
            }
            for (_, at) in placed {
                for offset in [-1, 0, 1, 999] as [Int64] {
                    let moment = Timestamp(microseconds: at + offset)
                    let expected = placed.filter { $0.at > moment.microseconds }.map(\.id)
                    #expect(try await Set(ids(shop, createdAfter: moment).flatMap { $0 }) == Set(expected))
                }
            }
            for moment in [Int64.min, -1, 0] {
                let all = try await ids(shop, createdAfter: Timestamp(microseconds: moment)).flatMap { $0 }
                #expect(all.count == 4, "\(moment)")
            }
            #expect(try await ids(shop, createdAfter: Timestamp(microseconds: .max)) == [[]])
        },
        Behavior("a timeline tells an order's steps in their order") { shop in
            try await shop.product("a", stock: 5)
            let order = try #require(try await shop.place([("a", 1)], "k", method: "pm_flaky").order)
            try await shop.world.pass(.milliseconds(2))
            _ = try await shop.refund(order, 50, "r")
            try await shop.world.pass(.milliseconds(2))
            _ = try await shop.cancel(order)
            let context = try await shop.context()
            let document = try await OrderQueries.timeline(order, .strong, in: context).document
            let sagas = try #require(try JSONReader.parse(document).object?["data"]?.array)
            #expect(sagas.compactMap { $0.object?["saga"]?.string } == ["checkout", "refund", "cancel"])
            for saga in sagas {
                let steps = try #require(saga.object?["steps"]?.array)
                let entries = steps.compactMap { $0.object?["entry"]?.integer }
                #expect(entries == Array(1...Int64(steps.count)))
                #expect(saga.object?["state"]?.string == "succeeded")
            }
            let read = try await OrderQueries.order(order, .strong, in: context)
            #expect(read.servedBy == "shard-0/primary")
            #expect(try read.document.member("status") == "canceled")
            let nobody = OrderID(UUIDv7(high: 1, low: 1))
            await #expect(throws: Refusal.self) { try await OrderQueries.timeline(nobody, .strong, in: context) }
        },
    ]
}
