import Determinism
import PantryDomain
import PantryHTTP
import Sagas
import StrictJSON
import Testing

@Suite("Routes: orders", .timeLimit(.minutes(2)))
struct RoutesOrderTests {
    @Test("an order: 201, Location, token, replay, key reuse")
    func created() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let first = try await shop.order("APPLE-1", 2, more: #","metadata":{"table":7}"#, key: "k-1")
            #expect(first.status == 201)
            #expect(first["status"] == "confirmed")
            #expect(first["total"] == ["amount": 500, "currency": "USD"])
            #expect(first["metadata"] == ["table": 7])
            #expect(first.header("Location") == "/v1/orders/\(try first.text("id"))")
            #expect(first.header("Pantry-Consistency-Token") != nil)
            #expect(!first.isReplay)
            let again = try await shop.order("APPLE-1", 2, more: #", "metadata" : {"table":7}"#, key: "\"k-1\"")
            #expect(again.status == 201)
            #expect(again.isReplay)
            #expect(again.response.body == first.response.body)
            #expect(again.header("Location") == first.header("Location"))
            let other = try await shop.order("APPLE-1", 3, key: "k-1")
            #expect(other.status == 422)
            #expect(other.code == "idempotency-key-reused")
            #expect(try await shop.balance() == [10, 2, 8])
            let shown = try await shop.get(try #require(first.header("Location")))
            #expect(shown.response.body == first.response.body)
            #expect(shown.header("Pantry-Served-By") == "shard-0/primary")
        }
    }

    @Test("declined: 402 with its members, kept for the key")
    func declined() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            for isReplay in [false, true] {
                let reply = try await shop.order(method: "pm_declined", key: "k")
                #expect(reply.status == 402)
                #expect(reply.code == "payment-declined")
                #expect(reply["declineCode"] == "card-declined")
                #expect(reply["retryable"] == false)
                #expect(reply.isReplay == isReplay)
                let order = try await shop.get("/v1/orders/\(try reply.text("orderId"))")
                #expect(order["status"] == "failed")
            }
            #expect(try await shop.balance() == [10, 0, 10])
        }
    }

    @Test("out of stock: 409 with one line for each SKU, kept for the key")
    func outOfStock() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop(onHand: 3)
            let body = #"{"items":[{"sku":"APPLE-1","quantity":2},{"sku":"APPLE-1","quantity":2}]}"#
            for isReplay in [false, true] {
                let reply = try await shop.send("POST", "/v1/orders", body, key: "k")
                #expect(reply.status == 409)
                #expect(reply.code == "out-of-stock")
                #expect(reply["lines"] == [["sku": "APPLE-1", "requested": 4, "available": 3]])
                #expect(reply.isReplay == isReplay)
            }
        }
    }

    @Test("the provider fails: 202 queued, and a repeat gets the order's present state")
    func queued() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let first = try await shop.order(method: "pm_error", key: "k")
            #expect(first.status == 202)
            #expect(first["status"] == "pending")
            #expect(first["payment.status"] == "queued")
            #expect(first["payment.message"] == "Payment will be processed shortly")
            let place = try #require(first.header("Location"))
            #expect(place == "/v1/orders/\(try first.text("id"))")
            let again = try await shop.order(method: "pm_error", key: "k")
            #expect(again.status == 202)
            #expect(again.isReplay)
            #expect(again["id"] == first["id"])
            let canceled = try await shop.send("POST", "\(place)/cancel")
            #expect(canceled.status == 200)
            #expect(canceled["status"] == "canceled")
            let last = try await shop.order(method: "pm_error", key: "k")
            #expect(last.status == 200)
            #expect(last.isReplay)
            #expect(last["status"] == "canceled")
            #expect(try await shop.balance() == [10, 0, 10])
        }
    }

    @Test("the provider fails and the client does not want to wait: 503, and the key is free again")
    func unavailable() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let fail = #","onPaymentUnavailable":"fail""#
            for _ in 0..<2 {
                let reply = try await shop.order(method: "pm_error", more: fail, key: "k")
                #expect(reply.status == 503)
                #expect(reply.code == "payment-unavailable")
                #expect(reply.header("Retry-After") == "5")
                #expect(reply["retryable"] == true)
                #expect(!reply.isReplay)
            }
            #expect(try await shop.balance() == [10, 0, 10])
            #expect(try await shop.get("/v1/orders?status=failed").items.count == 2)
        }
    }

    @Test("a charge whose outcome is unknown: 202 processing, and a repeat does not wait for it")
    func unknown() async throws {
        try await withPantry(provider: { _ in SilentProvider() }) { pantry in
            let shop = try await pantry.shop()
            let first = try await shop.order(key: "k")
            #expect(first.status == 202)
            #expect(first["payment.status"] == "processing")
            let again = try await shop.order(key: "k")
            #expect(again.status == 202)
            #expect(again.isReplay)
            #expect(again["id"] == first["id"])
        }
    }

    @Test("fulfill: 200, once; then neither again nor cancel")
    func fulfilled() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let place = try #require(try await shop.order("APPLE-1", 4, key: "k").header("Location"))
            let done = try await shop.send("POST", "\(place)/fulfill", "{}", key: "f")
            #expect(done.status == 200)
            #expect(done["status"] == "fulfilled")
            #expect(try await shop.send("POST", "\(place)/fulfill", key: "f").isReplay)
            #expect(try await shop.balance() == [6, 0, 6])
            for verb in ["fulfill", "cancel"] {
                let refused = try await shop.send("POST", "\(place)/\(verb)")
                #expect(refused.status == 409)
                #expect(refused.code == "invalid-transition")
                #expect(refused["from"] == "fulfilled")
                #expect(refused["allowed"] == [])
            }
            let extra = try await shop.send("POST", "\(place)/cancel", #"{"reason":"x"}"#)
            #expect(extra.status == 422)
            #expect(extra.faults == ["/reason unknown-member"])
        }
    }

    @Test("refunds: 201 in part, then in full, never more")
    func refunds() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let place = try #require(try await shop.order("APPLE-1", 4, key: "k").header("Location"))
            let refunds = "\(place)/refunds"
            let part = try await shop.send("POST", refunds, #"{"amount":300,"reason":"bruised"}"#, key: "r1")
            #expect(part.status == 201)
            #expect(part["status"] == "confirmed")
            #expect(part["payment.status"] == "partiallyRefunded")
            #expect(part["payment.refunded"] == ["amount": 300, "currency": "USD"])
            #expect(part.header("Location") == place)
            let again = try await shop.send("POST", refunds, #"{"reason":"bruised","amount":300}"#, key: "r1")
            #expect(again.isReplay)
            #expect(again.response.body == part.response.body)
            let tooMuch = try await shop.send("POST", refunds, #"{"amount":701,"reason":"x"}"#, key: "r2")
            #expect(tooMuch.status == 422)
            #expect(tooMuch.faults == ["/amount too-large"])
            let rest = try await shop.send("POST", refunds, #"{"reason":"all"}"#, key: "r3")
            #expect(rest.status == 201)
            #expect(rest["status"] == "refunded")
            #expect(try await shop.balance() == [10, 0, 10])
            let keyless = try await shop.send("POST", refunds, #"{"reason":"x"}"#)
            #expect(keyless.status == 400)
            #expect(keyless.code == "idempotency-key-required")
            let timeline = try await shop.get("\(place)/timeline")
            #expect(timeline.items.map { $0.object?["saga"] } == ["checkout", "refund", "refund"])
        }
    }

    @Test("calculate: totals and availability, without effect and for readers")
    func calculated() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop(onHand: 3)
            let readKey = try await shop.send("POST", "/v1/keys", #"{"role":"read"}"#).text("apiKey")
            let reader = pantry.client(readKey)
            let body = #"{"items":[{"sku":"APPLE-1","quantity":4}]}"#
            let reply = try await reader.send("POST", "/v1/orders/calculate", body)
            #expect(reply.status == 200)
            #expect(reply["total"] == ["amount": 1000, "currency": "USD"])
            #expect(reply["available"] == false)
            #expect(reply.header("Pantry-Served-By") == "shard-0/primary")
            let unknown = try await reader.send(
                "POST", "/v1/orders/calculate", #"{"items":[{"sku":"NONE","quantity":1}]}"#)
            #expect(unknown.status == 422)
            #expect(unknown.faults == ["/items/0/sku unknown-sku"])
            #expect(try await shop.balance() == [3, 0, 3])
        }
    }

    @Test("everything wrong with an order comes in one answer")
    func invalid() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let body = #"{"items":[{"sku":"a b","quantity":0},{}],"paymentMethod":"cash","tip":1}"#
            let reply = try await shop.send("POST", "/v1/orders", body, key: "k")
            #expect(reply.status == 422)
            #expect(reply.code == "invalid")
            #expect(
                reply.faults == [
                    "/tip unknown-member", "/items/0/sku invalid-sku", "/items/0/quantity out-of-range",
                    "/items/1/sku required", "/items/1/quantity required", "/paymentMethod unknown-payment-method",
                ])
            let none = try await shop.send("POST", "/v1/orders", key: "k")
            #expect(none.status == 400)
            let broken = try await shop.send("POST", "/v1/orders", "{\"items\":[,]}", key: "k")
            #expect(broken.status == 400)
            #expect(broken.code == "malformed-request")
            #expect(try broken.text("detail").contains("line 1, column 11"))
            #expect(try await shop.order(key: "k").status == 201)
        }
    }
}

/// A provider that takes no money and gives no answers.
struct SilentProvider: PaymentProvider {
    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult { .unknown("silence") }
    func capture(_ charge: ProviderCharge) async -> CallResult { .unknown("silence") }
    func void(_ charge: ProviderCharge) async -> CallResult { .unknown("silence") }
    func refund(_ refund: ProviderRefund) async -> CallResult { .unknown("silence") }
    func lookup(_ charge: ProviderCharge) async -> AskResult { .unknown("silence") }
    func lookup(_ refund: ProviderRefund) async -> AskResult { .unknown("silence") }
}
