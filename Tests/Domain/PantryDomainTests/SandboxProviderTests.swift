import Determinism
import DeterminismTestKit
import Sagas
import Storage
import Testing

@testable import PantryDomain

/// The sandbox provider's decisions over its own books.
@Suite struct SandboxProviderTests {
    typealias Outcome = SandboxCommand.Outcome

    private struct Entries: Equatable {
        var count: Int64
        var amount: Int64
    }
    /// The operations of one charge in a store of its own.
    private struct Bench: Sendable {
        let store: Store
        var method = "pm_ok"
        let key = "ord_1/charge"

        func ask(_ request: SandboxCommand.Request) async throws -> Outcome {
            try await store.booksLane.submit(
                SandboxCommand(request: request), tenant: nil, deadline: store.time.instant() + .seconds(9))
        }
        func charge(_ amount: Int64 = 500, capture: Bool = true) async throws -> Outcome {
            let charge = ProviderCharge(key: key, reference: "ord_1", amount: Money(amount, "USD"), method: method)
            return try await ask(.authorize(charge, capture: capture))
        }
        func capture() async throws -> Outcome { try await ask(.capture(key: key)) }
        func void() async throws -> Outcome { try await ask(.void(key: key, reference: "ord_1")) }
        func lookup(_ key: String? = nil) async throws -> Outcome { try await ask(.lookup(key: key ?? self.key)) }
        func refund(_ amount: Int64, _ name: String, _ currency: String = "USD") async throws -> Outcome {
            let money = Money(amount, currency)
            let charge = ProviderCharge(key: key, reference: "ord_1", amount: money, method: method)
            return try await ask(.refund(ProviderRefund(key: name, charge: charge, amount: money)))
        }
        /// Their number and their sum.
        func entries(_ kind: String) async throws -> Entries {
            let rows = try await store.rows(
                "SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM entries WHERE kind = $1", [.text(kind)], in: .books)
            return Entries(count: try rows[0].integer(0), amount: try rows[0].integer(1))
        }
    }
    private func receipt(_ effect: ProviderReceipt.Effect, _ key: String = "ord_1/charge") -> Outcome {
        .done(ProviderReceipt(effect, reference: "sandbox/\(key)"))
    }
    private func code(_ outcome: Outcome) -> String {
        switch outcome {
        case .done(let receipt): receipt.effect.rawValue
        case .refused(let code, _): code
        case .lost: "lost"
        case .error: "error"
        case .busy: "busy"
        case .absent: "absent"
        }
    }

    /// method: first charge, what a question then says, second charge, void then; a void after the first charge.
    static let table: [(method: String, words: [String])] = [
        ("pm_ok", ["captured", "captured", "captured", "already-captured", "already-captured"]),
        ("pm_declined", ["card-declined", "card-declined", "card-declined", "voided", "voided"]),
        ("pm_error", ["error", "absent", "error", "voided", "voided"]),
        ("pm_slow", ["busy", "busy", "busy", "voided", "voided"]),
        ("pm_lost", ["lost", "captured", "captured", "already-captured", "already-captured"]),
        ("pm_flaky", ["error", "absent", "captured", "already-captured", "voided"]),
    ]

    @Test(arguments: table) func everyMethodDoesAsItsNameSays(_ method: String, _ words: [String]) async throws {
        try await withStore { store in
            let bench = Bench(store: store, method: method)
            #expect(try await code(bench.charge()) == words[0])
            #expect(try await code(bench.lookup()) == words[1])
            #expect(try await code(bench.charge()) == words[2])
            #expect(try await code(bench.void()) == words[3])
            let captures = try await bench.entries("captured")
            #expect(captures.count == (words[3] == "already-captured" ? 1 : 0))
        }
        try await withStore { store in
            let bench = Bench(store: store, method: method)
            _ = try await bench.charge()
            #expect(try await code(bench.void()) == words[4])
            let after = code(try await bench.charge())
            let expected = words[4] == "already-captured" ? "captured" : method == "pm_declined" ? words[0] : "voided"
            #expect(after == expected)
        }
    }

    @Test(arguments: SandboxProvider.methods)
    func aVoidThatComesFirstRefusesTheCharge(_ method: String) async throws {
        try await withStore { store async throws in
            let bench = Bench(store: store, method: method)
            #expect(try await code(bench.void()) == "voided")
            #expect(try await code(bench.charge()) == ProviderCode.voided)
            store.time.advance(by: .seconds(9))
            #expect(try await code(bench.charge()) == ProviderCode.voided)
            #expect(try await code(bench.void()) == "voided", "and again")
            #expect(try await code(bench.lookup()) == ProviderCode.voided)
            #expect(try await code(bench.refund(1, "r")) == "not-refundable")
            #expect(try await bench.entries("captured").count == 0)
        }
    }

    @Test func aSlowChargeGoesOnByItself() async throws {
        try await withStore { store async throws in
            let bench = Bench(store: store, method: "pm_slow")
            #expect(try await code(bench.charge()) == "busy")
            store.time.advance(by: .seconds(5))
            #expect(try await bench.lookup() == receipt(.captured))
            #expect(try await code(bench.void()) == "already-captured")
            #expect(try await bench.entries("captured") == Entries(count: 1, amount: 500))
        }
        try await withStore { store in
            let bench = Bench(store: store, method: "pm_slow")
            _ = try await bench.charge()
            store.time.advance(by: .seconds(5))
            #expect(try await code(bench.void()) == "already-captured", "the void finds it done")
            #expect(try await bench.refund(500, "r") == receipt(.refunded, "r"))
            #expect(try await bench.entries("captured") == Entries(count: 1, amount: 500))
        }
        try await withStore { store in
            let bench = Bench(store: store, method: "pm_slow")
            _ = try await bench.charge()
            #expect(try await code(bench.void()) == "voided")
            store.time.advance(by: .seconds(9))
            #expect(try await code(bench.lookup()) == ProviderCode.voided)
            #expect(try await bench.entries("captured").count == 0)
        }
    }

    @Test func whatIsAuthorizedIsCapturedOnce() async throws {
        try await withStore { store async throws in
            let bench = Bench(store: store)
            #expect(try await code(bench.capture()) == "absent")
            #expect(try await bench.charge(capture: false) == receipt(.authorized))
            #expect(try await code(bench.refund(1, "early")) == "not-refundable", "nothing has been taken yet")
            for _ in 0..<3 { #expect(try await bench.capture() == receipt(.captured)) }
            #expect(try await bench.charge(capture: false) == receipt(.captured))
            #expect(try await bench.entries("captured") == Entries(count: 1, amount: 500))
        }
        try await withStore { store in
            let bench = Bench(store: store)
            _ = try await bench.charge(capture: false)
            #expect(try await code(bench.void()) == ProviderCode.voided)
            #expect(try await code(bench.capture()) == ProviderCode.voided)
            #expect(try await bench.entries("captured").count == 0)
        }
    }

    @Test func aRefundIsBoundedByWhatWasCaptured() async throws {
        try await withStore { store in
            let bench = Bench(store: store)
            #expect(try await code(bench.refund(1, "r0")) == "no-such-charge")
            _ = try await bench.charge()
            for amount: Int64 in [0, -1, 501] {
                #expect(try await code(bench.refund(amount, "bad")) == "not-refundable")
            }
            #expect(try await code(bench.refund(1, "bad", "EUR")) == "not-refundable")
            #expect(try await bench.refund(300, "r1") == receipt(.refunded, "r1"))
            #expect(try await bench.refund(300, "r1") == receipt(.refunded, "r1"), "again")
            #expect(try await code(bench.refund(201, "r2")) == "not-refundable")
            #expect(try await bench.refund(200, "r3") == receipt(.refunded, "r3"))
            #expect(try await bench.lookup("r1") == receipt(.refunded, "r1"))
            #expect(try await bench.lookup("r2") == .absent)
            #expect(try await bench.entries("refunded") == Entries(count: 2, amount: 500))
            #expect(try await code(bench.charge(501)) == "key-reused")
        }
    }

    /// Whatever comes, in whatever order and however often: one capture for a key, none after its void, and never more
    /// back than was taken.
    @Test(arguments: 0..<48) func theBooksBalanceInEveryOrder(_ seed: UInt64) async throws {
        try await withStore { store in
            let random = SeededRandom(seed: seed)
            let bench = Bench(store: store, method: SandboxProvider.methods[Int(seed % 6)])
            var (isVoided, toldCaptured, toldTooLate, refunds): (Bool, Bool, Bool, Set<String>) = (
                false, false, false, []
            )
            for _ in 0..<16 {
                store.time.advance(by: .seconds(Int64(random.next(below: 4))))
                switch random.next(below: 5) {
                case 0, 1:
                    if code(try await bench.charge()) == "captured" { toldCaptured = true }
                case 2 where random.next(below: 3) == 0:
                    let answer = code(try await bench.void())
                    isVoided = isVoided || answer == "voided"
                    toldTooLate = toldTooLate || answer == "already-captured"
                case 3:
                    let name = "r\(random.next(below: 4))"
                    let amount = Int64(random.next(below: 4) + 1) * 100
                    if code(try await bench.refund(amount, name)) == "refunded" { refunds.insert(name) }
                default: _ = try await bench.lookup()
                }
            }
            let (captured, refunded) = (try await bench.entries("captured"), try await bench.entries("refunded"))
            let words: Comment = "seed \(seed), \(bench.method)"
            #expect(captured.count <= 1 && captured.amount == captured.count * 500, words)
            #expect(!(isVoided && (captured.count > 0 || toldTooLate || toldCaptured)), words)
            #expect(!toldCaptured && !toldTooLate || captured.count == 1, words)
            #expect(refunded.count == Int64(refunds.count) && refunded.amount <= captured.amount, words)
            let left = "SELECT COALESCE(SUM(refunded), 0) FROM operations WHERE kind = 'charge'"
            #expect(try await store.number(left, in: .books) == refunded.amount, words)
            let end = code(try await bench.lookup())
            let captures = try await bench.entries("captured").count
            #expect((end == "captured") == (captures == 1), words)
            let (again, last) = (code(try await bench.lookup()), code(try await bench.lookup()))
            #expect(again == end && last == end, "an answer stays: \(words)")
        }
    }

    @Test func aCallerHearsWhatItCanKnow() async throws {
        try await withStore { store async throws in
            let provider = SandboxProvider(lane: store.booksLane, time: store.time)
            func charge(_ method: String) async throws -> String {
                let charge = ProviderCharge(key: method, reference: "o", amount: Money(5, "USD"), method: method)
                let result = try await store.drive { await provider.authorize(charge, capture: true) }
                return switch result {
                case .done(let receipt): receipt.effect.rawValue
                case .refused(let code, _): code
                case .notSent, .unavailable: "not sent"
                case .unknown: "unknown"
                }
            }
            let before = store.time.instant()
            #expect(try await charge("pm_slow") == "captured")
            #expect(store.time.instant() - before >= .seconds(5))
            #expect(try await charge("pm_lost") == "unknown")
            #expect(try await charge("pm_error") == "unknown")
            #expect(try await charge("pm_declined") == "card-declined")
            func named(_ key: String) -> ProviderCharge {
                ProviderCharge(key: key, reference: "o", amount: Money(5, "USD"), method: "pm_ok")
            }
            guard case .done(let voided) = await provider.void(named("pm_declined")),
                case .done(let tombstone) = await provider.void(named("new")),
                case .refused(ProviderCode.alreadyCaptured, _) = await provider.void(named("pm_lost")),
                case .absent = await provider.lookup(named("pm_error")),
                case .refused("no-such-charge", _) = await provider.capture(named("none"))
            else {
                Issue.record("a void or a question was answered wrongly")
                return
            }
            #expect(voided.effect == .voided && tombstone.effect == .voided)
        }
    }
}
