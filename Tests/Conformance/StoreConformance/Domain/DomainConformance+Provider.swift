import Determinism
import DeterminismTestKit
import Storage
import Testing

@testable import PantryDomain

extension DomainConformance {
    private static func ask(
        _ request: SandboxCommand.Request, _ shop: Shop, on server: Server? = nil
    ) async throws -> SandboxCommand.Outcome {
        let (lane, deadline) = ((server ?? shop.world.first).booksLane, shop.world.time.instant() + .seconds(9))
        return try await shop.world.drive {
            try await lane.submit(SandboxCommand(request: request), tenant: nil, deadline: deadline)
        }
    }
    private static func charge(_ key: String, _ method: String = "pm_ok", amount: Int64 = 500) -> SandboxCommand.Request
    {
        .authorize(
            ProviderCharge(key: key, reference: "it's 50% \(key)", amount: Money(amount, "USD"), method: method),
            capture: true)
    }
    private static func refund(_ key: String, of charge: String, _ amount: Int64) -> SandboxCommand.Request {
        let charge = ProviderCharge(
            key: charge, reference: "it's 50% \(charge)", amount: Money(amount, "USD"), method: "pm_ok")
        return .refund(ProviderRefund(key: key, charge: charge, amount: Money(amount, "USD")))
    }
    private static func word(_ outcome: SandboxCommand.Outcome) -> String {
        switch outcome {
        case .done(let receipt): receipt.effect.rawValue
        case .refused(let code, _): code
        case .lost: "lost"
        case .error: "error"
        case .busy: "busy"
        case .absent: "absent"
        }
    }
    private static func books(_ shop: Shop) async throws -> [[SQLValue]] {
        try await shop.world.first.books.read(
            SQLStatement("SELECT kind, COUNT(*), SUM(amount) FROM entries GROUP BY kind ORDER BY kind"), .strong
        ).map(\.values)
    }

    static let provider: [Behavior<Shop>] = [
        Behavior("the provider's books take each key once, whatever server it comes through") { shop in
            let servers = [shop.world.first, shop.world.second]
            for round in 0..<3 {
                let words = try await shop.world.drive {
                    try await withThrowingTaskGroup(of: String.self) { group in
                        for index in 0..<12 {
                            let lane = servers[index % 2].booksLane
                            group.addTask {
                                word(
                                    try await lane.submit(
                                        SandboxCommand(request: charge("k\(round)")), tenant: nil,
                                        deadline: shop.world.time.instant() + .seconds(9)))
                            }
                        }
                        return try await group.reduce(into: Set()) { $0.insert($1) }
                    }
                }
                #expect(words == ["captured"])
            }
            #expect(try await books(shop) == [["captured", 3, 1500]])
            for (key, of) in [("r1", "k0"), ("r1", "k0"), ("R1", "k0"), ("r2", "k0")] {
                _ = try await ask(refund(key, of: of, 250), shop, on: servers[key == "R1" ? 1 : 0])
            }
            #expect(try await books(shop) == [["captured", 3, 1500], ["refunded", 2, 500]], "no more than was taken")
            #expect(try await word(ask(refund("r3", of: "nothing", 1), shop)) == "no-such-charge")
            for index in 0..<3 { _ = try await ask(refund("all \(index)", of: "k\(index)", 500), shop) }
            // Nothing that the provider keeps may be left for what is no order.
            #expect(try await books(shop) == [["captured", 3, 1500], ["refunded", 4, 1500]])
        },
        Behavior("the provider does as the method's name says") { shop in
            for (method, words) in [
                ("pm_declined", ["card-declined", "card-declined", "card-declined", "voided"]),
                ("pm_error", ["error", "absent", "error", "voided"]),
                ("pm_slow", ["busy", "busy", "busy", "voided"]),
                ("pm_flaky", ["error", "absent", "captured", "already-captured"]),
                ("pm_lost", ["lost", "captured", "captured", "already-captured"]),
            ] {
                let key = "it's \(method) 100%"
                var heard = [try await word(ask(charge(key, method), shop))]
                heard.append(try await word(ask(.lookup(key: key), shop, on: shop.world.second)))
                heard.append(try await word(ask(charge(key, method), shop)))
                heard.append(try await word(ask(.void(key: key, reference: "x"), shop, on: shop.world.second)))
                #expect(heard == words, "\(method)")
                if words[3] == "already-captured" { _ = try await ask(refund("back \(key)", of: key, 500), shop) }
            }
            let slow = "slow one"
            #expect(try await word(ask(charge(slow, "pm_slow"), shop)) == "busy")
            shop.world.time.advance(by: .seconds(5))
            #expect(try await word(ask(.lookup(key: slow), shop, on: shop.world.second)) == "captured")
            #expect(try await word(ask(charge(slow, "pm_slow", amount: 501), shop)) == "key-reused")
            _ = try await ask(refund("slow back", of: slow, 500), shop)
            #expect(try await word(ask(.void(key: "never came", reference: "x"), shop)) == "voided")
            #expect(try await word(ask(charge("never came"), shop, on: shop.world.second)) == "voided", "a tombstone")
            #expect(try await word(ask(.lookup(key: "NEVER CAME"), shop)) == "absent")
        },
    ]
}
