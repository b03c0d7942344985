import Determinism
import DeterminismTestKit
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

extension DomainConformance {
    private static func create(
        _ name: String, _ shop: Shop, key: String? = nil, on server: Server? = nil
    ) async throws -> KeyedAnswer {
        let service = (server ?? shop.world.first).organizations
        let request = key.map { shop.key($0, route: "organizations:create", fingerprint: name) }
        return try await shop.world.drive {
            try await service.create(name: name, plan: "plus", region: nil, key: request)
        }
    }
    private static func newKey(_ shop: Shop, _ role: Role, key: String? = nil) async throws -> KeyedAnswer {
        let (service, number) = (shop.world.first.organizations, shop.number)
        let request = key.map { shop.key($0, route: "keys:create") }
        return try await shop.world.drive {
            try await service.createKey(organization: number, role: role, key: request)
        }
    }
    private static func authenticate(
        _ secret: String, _ shop: Shop, on server: Server? = nil
    ) async throws -> Credential? {
        let service = (server ?? shop.world.first).organizations
        return try await shop.world.drive { try await service.authenticate(secret) }
    }

    static let organizations: [Behavior<Shop>] = [
        Behavior("organizations are numbered without a gap, whatever server makes them, and listed by number") { shop in
            let world = shop.world
            let answers = try await world.drive {
                try await withThrowingTaskGroup(of: KeyedAnswer.self) { group in
                    for index in 0..<12 {
                        let service = (index % 2 == 0 ? world.first : world.second).organizations
                        group.addTask {
                            try await service.create(name: "O'\(index) %_\\ é", plan: nil, region: "eu", key: nil)
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            let numbers = try answers.map { try $0.answer.document.amount("number") }
            #expect(numbers.sorted() == Array(1...12), "the shop is number 0")
            for limit in [1, 5, 12, 13, 14] {
                let pages = try await shop.pages(limit) { [organizations = world.second.organizations] next, _ in
                    try await organizations.list(after: next.flatMap { Int64($0) }, limit: limit)
                }
                #expect(try pages.flatMap { $0 }.map { try $0.amount("number") } == Array(0...12), "by \(limit)")
                #expect(pages.count == (13 + limit - 1) / limit)
            }
            let id = try #require(OrganizationID(try answers[0].answer.document.member("id")))
            let shown = try await world.drive { try await world.second.organizations.show(id).document }
            #expect(try shown.member("name") == (try answers[0].answer.document.member("name")))
            #expect(try shown.member("region") == "eu")
            let states = try await world.first.control.read(
                SQLStatement("SELECT DISTINCT state FROM organizations"), .strong)
            #expect(states.map(\.values) == [["active"]])
        },
        Behavior("an organization under a key is made once, and its secret is told again, on every server") { shop in
            let first = try await create("Grün's", shop, key: "k")
            let again = try await create("Grün's", shop, key: "k", on: shop.world.second)
            #expect(!first.isReplay && again.isReplay && first.answer.document == again.answer.document)
            await #expect(throws: Refusal.keyReused) { try await create("Another", shop, key: "k") }
            let secret = try first.answer.document.member("apiKey")
            let credential = try #require(try await authenticate(secret, shop, on: shop.world.second))
            #expect(credential.organization == 1 && credential.role == .admin)
            let id = try #require(OrganizationID(try first.answer.document.member("id")))
            let service = shop.world.second.organizations
            let changed = try await shop.world.drive {
                try await service.setPlan(id, plan: "standard", key: nil).answer.document
            }
            #expect(try changed.member("plan") == "standard")
            let number = try await shop.world.drive { try await service.number(of: id) }
            #expect(number == 1)
            let nobody = OrganizationID(UUIDv7(high: 0, low: 0))
            await #expect(throws: Refusal.self) { try await shop.world.drive { try await service.show(nobody) } }
        },
        Behavior("an organization that its shard does not know yet is told to it by the next request") { shop in
            _ = try await create("Half", shop)
            for (database, text) in [
                (shop.world.first.control, "UPDATE organizations SET state = 'provisioning' WHERE number = 1"),
                (shop.world.first.database, "DELETE FROM fences WHERE organization = 1"),
            ] {
                try await database.write { _ = try await $0.execute(SQLStatement(text)) }
            }
            let half = Shop(world: shop.world, number: 1)
            let contexts = [shop.world.first, shop.world.second].map { server in { try await half.context(on: server) }
            }
            for context in contexts { #expect(try await context().number == 1) }
            try await half.product("a", stock: 1)
            let service = shop.world.second.organizations
            await #expect(throws: Refusal.self) { try await shop.world.drive { try await service.organization(99) } }
        },
        Behavior("keys are listed, known and revoked") { shop in
            var secrets: [String] = []
            for role in [Role.read, .write, .admin, .read] {
                secrets.append(try await newKey(shop, role).answer.document.member("apiKey"))
            }
            for (secret, role) in zip(secrets, [Role.read, .write, .admin, .read]) {
                #expect(try await authenticate(secret, shop)?.role == role)
                #expect(try await authenticate(secret, shop, on: shop.world.second)?.organization == shop.number)
                #expect(try await authenticate(secret.uppercased(), shop) == nil)
                #expect(try await authenticate(String(secret.dropLast()) + "'", shop) == nil)
            }
            let once = try await newKey(shop, .write, key: "it's"), again = try await newKey(shop, .write, key: "it's")
            #expect(again.isReplay && once.answer.document == again.answer.document)
            for limit in [1, 2, 6, 7] {
                let pages = try await shop.pages(limit) { [number = shop.number] next, context in
                    try await shop.world.second.organizations.keys(
                        organization: number, after: next.flatMap { APIKeyID($0) }, limit: limit)
                }
                let ids = try pages.flatMap { $0 }.map { try $0.member("id") }
                #expect(ids.count == 6 && ids == ids.sorted(), "by \(limit)")
            }
            let id = try #require(try await authenticate(secrets[1], shop)).key
            let service = shop.world.first.organizations
            let number = shop.number
            try await shop.world.drive { _ = try await service.revokeKey(organization: number, id: id, key: nil) }
            #expect(try await authenticate(secrets[1], shop) == nil)
            shop.world.time.advance(by: .seconds(6))
            #expect(try await authenticate(secrets[1], shop, on: shop.world.second) == nil)
            await #expect(throws: Refusal.self) {
                try await shop.world.drive { try await service.revokeKey(organization: number, id: id, key: nil) }
            }
            await #expect(throws: Refusal.self, "another tenant's") {
                try await shop.world.drive { try await service.revokeKey(organization: 5, id: id, key: nil) }
            }
        },
    ]
}
