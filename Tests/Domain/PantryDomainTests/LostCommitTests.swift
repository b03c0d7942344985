import Determinism
import Storage
import Testing

@testable import PantryDomain

/// Each commit of each saga in turn: it happened and nobody heard of it, or it never arrived and nobody knows. The
/// server lives on, and so does the client, who asks again with the same key.
@Suite struct LostCommitTests {
    enum Loss: CaseIterable, CustomTestStringConvertible {
        case answer, commit

        var fault: CommitFault { self == .answer ? .lostAnswer : .failure(.unknown("the commit never arrived")) }
        var testDescription: String { self == .answer ? "answer" : "commit" }
    }

    /// Runs `body` once for each commit, until it has fewer.
    private func atEachCommit(
        _ loss: Loss, fewest: Int, _ body: (Checkout, _ lose: () -> Void) async throws -> Void
    ) async throws {
        for number in 1...20 {
            var isPending = false
            try await withCheckout { checkout in
                try await body(checkout) { checkout.server.faults.plan(loss.fault, atCommit: number) }
                isPending = checkout.server.faults.isPending
            }
            if isPending {
                #expect(number > fewest, "only \(number - 1) commits were lost")
                return
            }
        }
        Issue.record("there is no end of commits")
    }

    @Test(arguments: ["pm_ok", "pm_declined", "pm_lost", "pm_flaky"], Loss.allCases)
    func anOrderIsPlacedOnce(_ method: String, _ loss: Loss) async throws {
        try await atEachCommit(loss, fewest: 2) { checkout, lose in
            lose()
            _ = try await checkout.place([("a", 2)], key: "k", method: method)
            try await checkout.store.pass(.seconds(60))
            let heard = try await checkout.place([("a", 2)], key: "k", method: method)
            #expect(heard.kind == (method == "pm_declined" ? .paymentDeclined : .created) || heard.status == .confirmed)
            let orders = try await checkout.store.rows("SELECT id FROM orders")
            #expect(orders.count == 1)
            let id = OrderID(try orders[0].uuid(0))
            #expect(try await checkout.shop.booked(id) == [method == "pm_declined" ? "declined" : "captured"])
        }
    }

    @Test(arguments: Loss.allCases) func aCanceledOrderIsGivenBackOnce(_ loss: Loss) async throws {
        try await atEachCommit(loss, fewest: 2) { checkout, lose in
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            lose()
            _ = try await checkout.cancel(id, key: "c")
            try await checkout.store.pass(.seconds(60))
            #expect(try await checkout.cancel(id, key: "c").status == .canceled)
            #expect(try await checkout.shop.booked(id) == ["captured", "refunded"])
            #expect(try await checkout.shop.stock("a").available == 10)
        }
    }

    @Test(arguments: Loss.allCases) func aWaitingOrderIsCanceledOnce(_ loss: Loss) async throws {
        try await atEachCommit(loss, fewest: 2) { checkout, lose in
            checkout.script.always(.authorize, .notSent)
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            lose()
            _ = try await checkout.cancel(id, key: "c")
            try await checkout.store.pass(.seconds(60))
            #expect(try await checkout.cancel(id, key: "c").status == .canceled)
            // A lost commit may leave open whether anything was sent: then it is voided.
            #expect([[], ["voided"]].contains(try await checkout.shop.booked(id)))
            #expect(try await checkout.shop.stock("a").available == 10)
        }
    }

    @Test(arguments: Loss.allCases) func aRefundIsMadeOnce(_ loss: Loss) async throws {
        try await atEachCommit(loss, fewest: 2) { checkout, lose in
            let id = try #require(try await checkout.place([("a", 2)], key: "k").order)
            lose()
            _ = try await checkout.refund(id, 200, key: "r")
            try await checkout.store.pass(.seconds(60))
            #expect(try await checkout.refund(id, 200, key: "r").paymentStatus == "partiallyRefunded")
            #expect(try await checkout.shop.booked(id) == ["captured", "refunded"])
            #expect(try await checkout.shop.payment(id).refunded == 200)
        }
    }
}
