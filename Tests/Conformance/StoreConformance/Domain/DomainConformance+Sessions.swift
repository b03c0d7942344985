import Determinism
import DeterminismTestKit
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

extension DomainConformance {
    private static func service(_ server: Server, _ shop: Shop) -> SessionService {
        SessionService(organizations: server.organizations, time: shop.world.time, random: shop.world.random)
    }
    private static func create(
        _ request: SessionRequest, _ shop: Shop, on server: Server, key: RequestKey? = nil
    ) async throws -> KeyedAnswer {
        let (service, context) = (service(server, shop), try await shop.context(on: server))
        return try await shop.world.drive { try await service.create(request, key: key, in: context) }
    }
    private static func authenticate(
        _ token: String, _ service: SessionService, _ shop: Shop
    ) async throws -> SessionRecord? {
        try await shop.world.drive { try await service.authenticate(token) }
    }

    static let sessions: [Behavior<Shop>] = [
        Behavior("a session is known on every server as it was made, whatever its texts are") { shop in
            let attributes = #"{"note":"it's 100% _\\ \u0000 \"x\"","list":[1,null,true],"ä":{}}"#
            for (index, subject) in ["it's", "Ünïcode % _ \\", "😀", String(repeating: "é", count: 255)].enumerated() {
                let role = Role.allCases[index % 3]
                let request = SessionRequest(
                    subject: subject, role: role, attributes: index % 2 == 0 ? attributes : nil, latestEnd: nil)
                let made = try await create(request, shop, on: shop.world.first).answer.document
                let token = try made.member("token")
                for server in [shop.world.first, shop.world.second] {
                    let found = try await authenticate(token, service(server, shop), shop)
                    let session = try #require(found)
                    #expect(session.subject.utf8.elementsEqual(subject.utf8) && session.role == role)
                    #expect(session.attributes == request.attributes)
                    #expect(session.expiresAt == session.createdAt + SessionRecord.lifetime)
                }
                #expect(try await authenticate(token + "x", service(shop.world.first, shop), shop) == nil)
            }
        },
        Behavior("a session under a key is made once, and its token is told again, on every server") { shop in
            let request = SessionRequest(subject: "ann", role: .write, attributes: nil, latestEnd: nil)
            let key = shop.key("k", route: "sessions:create")
            let first = try await create(request, shop, on: shop.world.first, key: key)
            let again = try await create(request, shop, on: shop.world.second, key: key)
            #expect(!first.isReplay && again.isReplay && first.answer.document == again.answer.document)
            await #expect(throws: Refusal.keyReused) {
                try await create(request, shop, on: shop.world.second, key: key.saying("somebody else"))
            }
            #expect(try await shop.world.rows("SELECT id FROM sessions").count == 1)
        },
        Behavior("a session that was ended is unknown at once on one server, within 5 s on the other") { shop in
            let services = [service(shop.world.first, shop), service(shop.world.second, shop)]
            let request = SessionRequest(subject: "ann", role: .read, attributes: nil, latestEnd: nil)
            let token = try await create(request, shop, on: shop.world.first).answer.document.member("token")
            for service in services { #expect(try await authenticate(token, service, shop) != nil) }
            let session = try #require(try await authenticate(token, services[0], shop)).reference
            for server in [shop.world.first, shop.world.second, shop.world.first] {
                let context = try await shop.context(on: server)
                let kept = try await shop.world.drive {
                    try await services[0].end(session, key: nil, in: context)
                }
                #expect(kept.answer.kind == .noContent)
            }
            #expect(try await authenticate(token, services[0], shop) == nil)
            shop.world.time.advance(by: .seconds(5))
            #expect(try await authenticate(token, services[1], shop) == nil)
        },
        Behavior("expired sessions are forgotten in parts, the oldest first, and no others") { shop in
            var ends: [Timestamp] = []
            for index in 0..<5 {
                let end = shop.world.time.now() + .seconds(1_000 + 10 * index)
                let request = SessionRequest(subject: "ann", role: .read, attributes: nil, latestEnd: end)
                _ = try await create(request, shop, on: shop.world.first)
                ends.append(end)
            }
            let (database, limit) = (shop.world.second.database, ends[3])
            for expected in [2, 1, 0] {
                let count = try await SessionSchema.forget(expiredBefore: limit, limit: 2, in: database)
                #expect(count == expected)
            }
            let left = try await shop.world.rows("SELECT expires_at FROM sessions ORDER BY expires_at")
            #expect(left.map(\.values) == ends[3...].map { [.integer($0.microseconds)] })
        },
    ]
}
