import Foundation
import PantryTestKit
import StrictJSON
import Testing

extension Barrage {
    /// Quantities and amounts that are no whole numbers of a sensible size.
    var numbers: [Case] {
        let wrong = [
            "0", "-1", "-0", "1.5", "1e3", "1.0", "1000000001", "9007199254740992", "9223372036854775807",
            "9223372036854775808", "-9223372036854775809", "18446744073709551616",
            String(repeating: "9", count: 100_000),
            "\"1\"", "null", "true", "[]", "{}",
        ]
        var cases = wrong.map { number in
            bad(
                "quantity", "POST", "/v1/orders", #"{"items":[{"sku":"apple","quantity":\#(number)}]}"#,
                "/items/0/quantity")
        }
        // 100 characters are enough to tell the cases apart in a message.
        let amounts = wrong.filter { !["1000000001", "{}"].contains($0) }
        for amount in amounts where amount != "9007199254740991" {
            let price = #"{"sku":"x","name":"x","unitPrice":{"amount":\#(amount),"currency":"USD"}}"#
            cases.append(bad("price", "POST", "/v1/products", price, "/unitPrice/amount"))
        }
        for delta in ["0", "-0", "1.5", "9223372036854775808", "\"1\"", "-1001", "9007199254740991"] {
            let text = #"{"delta":\#(delta),"reason":"x"}"#
            cases.append(bad("delta", "POST", "/v1/stock/apple/adjustments", text, "/delta"))
        }
        for amount in ["0", "-1", "1.5", "101", "9223372036854775808", "\"1\""] {
            let text = #"{"amount":\#(amount),"reason":"x"}"#
            cases.append(bad("refund", "POST", "/v1/orders/\(order)/refunds", text, "/amount"))
        }
        for count in ["-1", "1.5", "9007199254740992", "9223372036854775808"] {
            cases.append(bad("count", "PUT", "/v1/stock/apple", #"{"onHand":\#(count)}"#, "/onHand"))
        }
        return cases + sums
    }

    /// A thousand lines of the largest quantity: summed without overflow. This answer is kept under its key.
    var shortOfStock: Case {
        let line = #"{"sku":"apple","quantity":1000000000}"#
        let text = #"{"items":[\#(Array(repeating: line, count: 1_000).joined(separator: ","))]}"#
        return Case(
            name: "a thousand times the largest quantity",
            request: request(
                "POST", "/v1/orders", .bytes(Array(text.utf8), type: "application/json"), key: "short-of-stock"),
            status: 409, code: "out-of-stock", says: #""requested":1000000000000,"available":999"#)
    }

    /// Each number is fine, and what they come to is not.
    private var sums: [Case] {
        func lines(_ sku: String, _ quantity: Int64, _ count: Int) -> String {
            let line = #"{"sku":"\#(sku)","quantity":\#(quantity)}"#
            return #"{"items":[\#(Array(repeating: line, count: count).joined(separator: ","))]}"#
        }
        return [
            bad("total", "POST", "/v1/orders", lines("gold", 1_000_000_000, 1_000), "/items/0/quantity"),
            bad("total", "POST", "/v1/orders", lines("planet", 2, 1), "/items/0/quantity"),
            bad("total", "POST", "/v1/orders", lines("planet", 1, 2), "/items/1/quantity"),
            bad("total", "POST", "/v1/orders/calculate", lines("planet", 1, 2), "/items/1/quantity"),
        ]
    }

    private func bad(_ name: String, _ method: String, _ path: String, _ text: String, _ pointer: String?) -> Case {
        Case(
            name: "\(name) in \(text.prefix(100))",
            request: request(method, path, .bytes(Array(text.utf8), type: "application/json")), status: 422,
            code: "invalid", pointer: pointer)
    }

    var idempotency: [Case] {
        let body = PantryRequest.Body.json(Grocery.order("apple"))
        func keyed(_ name: String, _ key: String?, _ code: String = "malformed-request") -> Case {
            Case(name: name, request: request("POST", "/v1/orders", body, key: key), status: 400, code: code)
        }
        var other = keyed("other body", "barrage")
        other.request = request("POST", "/v1/orders", .json(Grocery.order("apple", 7)), key: "barrage")
        (other.status, other.code) = (422, "idempotency-key-reused")
        let missing = ["/v1/orders/\(order)/refunds", "/v1/stock/apple/adjustments"].map { path in
            Case(
                name: path, request: request("POST", path, .json(["reason": "x", "delta": 1]), key: nil), status: 400,
                code: "idempotency-key-required")
        }
        return missing + [
            keyed("no key", nil, "idempotency-key-required"), keyed("empty", ""), keyed("blanks", "a b"),
            keyed("256 characters", String(repeating: "k", count: 256)), keyed("not ASCII", "é"), other,
        ]
    }

    var queries: [Case] {
        let list = [
            "foo=1", "limit=0", "limit=101", "limit=-1", "limit=a", "limit=", "limit=1&limit=2", "limit=1e1",
            "limit=99999999999999999999", "status=lost", "createdAfter=yesterday", "createdAfter=2026-13-01T00:00:00Z",
            "consistency=weak", "cursor=%ff", "%00=1",
        ].map { badQuery("/v1/orders?\($0)", "malformed-request") }
        let tampered = String(cursor.dropLast()) + (cursor.last == "A" ? "B" : "A")
        let cursors = [
            ("/v1/orders", ""), ("/v1/orders", "abc"), ("/v1/orders", cursor), ("/v1/stock", cursor),
            ("/v1/products?q=a", cursor), ("/v1/products", tampered), ("/v1/products", cursor + cursor),
            ("/v1/products", String(repeating: "A", count: 2_000)),
        ].map { path, cursor in
            badQuery(
                "\(path)\(path.contains("?") ? "&" : "?")cursor=\(PantryClient.percentEncoded(cursor))",
                "invalid-cursor")
        }
        return list + cursors + [
            badQuery("/v1/products?q=", "malformed-request"),
            badQuery("/v1/products?q=e\(String(repeating: "%CC%81", count: 1_200))", "malformed-request"),
            badQuery("/v1/stock?sku=", "malformed-request"), badQuery("/v1/stock?sku=a%20b", "malformed-request"),
            badQuery("/v1/stock?\((0...100).map { "sku=a\($0)" }.joined(separator: "&"))", "malformed-request"),
            badQuery("/v1/stock/apple?limit=1", "malformed-request"),
            badQuery("/v1/organization?x", "malformed-request"),
        ]
    }

    private func badQuery(_ path: String, _ code: String) -> Case {
        Case(name: String(path.prefix(80)), request: request("GET", path, key: nil), status: 400, code: code)
    }

    var paths: [Case] {
        [
            "/", "/v1", "/v1/nope", "/v1/orders/", "/v1//orders", "/V1/orders", "/v1/orders/x/y/z", "/v1/orders/ord_x",
            "/v1/orders/ord_00000000000000000000000000", "/v1/orders/\(order.uppercased())", "/v1/orders/%2e%2e",
            "/v1/orders/\(String(repeating: "a", count: 5_000))", "/v1/orders/pay\(order.dropFirst(3))",
            "/v1/products/a%2Fb", "/v1/products/\(String(repeating: "a", count: 65))", "/v1/stock/none/ledger",
        ].map { Case(name: $0, request: request("GET", $0, key: nil), status: 404, code: "not-found") }
    }

    /// Every path says what it takes, and takes nothing else.
    func wrongMethods() async throws {
        let patterns = Dictionary(grouping: Sweep.routes) { String($0.split(separator: " ")[1]) }
        for (pattern, routes) in patterns {
            let path = pattern.replacingOccurrences(of: "{sku}", with: "apple")
                .replacingOccurrences(of: "{id}", with: order).replacingOccurrences(of: "{key}", with: "k")
            var allowed = Set(routes.map { String($0.split(separator: " ")[0]) })
            // The order called “calculate” can be asked for, and is unknown.
            if pattern == "/v1/orders/calculate" { allowed.insert("GET") }
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"] where !allowed.contains(method) {
                let outcome = await grocery.client.send(request(method, path, key: nil))
                #expect(outcome.status == 405, "\(method) \(path): \(outcome)")
                let allow = outcome.answer?.header("Allow")?.split(separator: ", ").map(String.init) ?? []
                let expected = allowed.union(allowed.contains("GET") ? ["HEAD", "OPTIONS"] : ["OPTIONS"])
                #expect(Set(allow) == expected, "\(method) \(path)")
            }
        }
    }
}
