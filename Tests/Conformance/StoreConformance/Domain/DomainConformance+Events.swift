import Determinism
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

extension DomainConformance {
    /// All pages of a shop's events, each of at most `limit`.
    private static func events(
        of shop: Shop, on server: Server? = nil, after position: Int64 = 0, limit: Int = 100
    ) async throws -> [FeedEvent] {
        let (context, feed) = (try await shop.context(on: server), EventFeed(time: shop.world.time))
        return try await shop.world.drive {
            var (events, last): ([FeedEvent], Int64) = ([], position)
            while true {
                let page = try await feed.page(after: last, limit: limit, in: context)
                #expect(page.events.count <= limit && page.servedBy == "shard-0/primary")
                events += page.events
                last = page.events.last?.position ?? last
                if !page.hasMore { return events }
            }
        }
    }

    static let events: [Behavior<Shop>] = [
        Behavior("an organization's events are one stream, whoever reads it from wherever") { shop in
            let other = try await shop.world.shop("Other")
            try await shop.product("a", stock: 20)
            let order = try #require(try await shop.place([("a", 2)], "k").order)
            try await other.product("a", stock: 1)
            let first = try await events(of: shop)
            #expect(first.map(\.position) == (1...Int64(first.count)).map { $0 })
            #expect(first.map(\.type).filter { $0 == "inventory:adjusted" }.count == 1)
            #expect(first.contains { $0.type == "order:created" } && first.contains { $0.type == "order:confirmed" })
            let documents = first.map { String(decoding: $0.document(token: "t"), as: UTF8.self) }
            let ofOrder = try documents.filter { try $0.member("subject") == order.description }
            #expect(try ofOrder.map { try $0.member("sequence") } == (1...ofOrder.count).map { "\($0)" })
            let organization = try await shop.context().caller.organizationID
            for document in documents {
                #expect(try document.member("organizationid") == organization.description)
                #expect(try document.member("source") == "/organizations/\(organization)")
                #expect(try document.member("consistencytoken") == "t")
            }
            // Another server goes on where this one was, and gives the next positions.
            _ = try await shop.cancel(order, on: shop.world.second)
            let rest = try await events(of: shop, on: shop.world.second, after: Int64(first.count), limit: 1)
            #expect(rest.contains { $0.type == "order:canceled" })
            #expect(rest.map(\.position) == rest.indices.map { Int64(first.count + $0) + 1 })
            let whole = try await events(of: shop, limit: 3).prefix(first.count + rest.count)
            #expect(whole.map { $0.document(token: nil) } == (first + rest).map { $0.document(token: nil) })
            let theirs = try await events(of: other)
            #expect(theirs.map(\.type) == ["inventory:adjusted"], "the other organization has its own")
        },
        Behavior("a token of a page lies at or beyond the commits of its events") { shop in
            try await shop.product("a", stock: 100)
            let feed = EventFeed(time: shop.world.time)
            for round in 0..<5 {
                let writing = try await shop.context(on: round % 2 == 0 ? shop.world.first : shop.world.second)
                let command = shop.adjust("a", by: 1)
                _ = try await shop.world.drive { try await writing.answer(command, key: nil) }
                let reading = try await shop.context()
                let page = try await shop.world.drive { try await feed.page(after: 0, limit: 100, in: reading) }
                #expect(page.events.count == round + 2)
                switch shop.world.dialect {
                case .sqlite: #expect(reading.trail.position == nil, "there are no replicas")
                case .postgres:
                    let committed = try #require(writing.trail.position)
                    let seen = try #require(reading.trail.position)
                    #expect(seen >= committed)
                }
            }
        },
    ]
}
