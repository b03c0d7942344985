import PantryTestKit
import StrictJSON

extension Barrage {
    func request(
        _ method: String, _ path: String, _ body: PantryRequest.Body? = nil, key: String? = "never-kept"
    ) -> PantryRequest {
        PantryRequest(method, path, body, credential: grocery.owner.apiKey, idempotencyKey: key)
    }

    private func order(_ text: String) -> PantryRequest { order(Array(text.utf8)) }
    private func order(_ bytes: [UInt8]) -> PantryRequest {
        request("POST", "/v1/orders", .bytes(bytes, type: "application/json"))
    }
    private func malformed(_ name: String, _ text: String, says: String? = nil) -> Case {
        Case(name: name, request: order(text), status: 400, code: "malformed-request", says: says)
    }
    private func invalid(
        _ name: String, _ method: String, _ path: String, _ text: String, at pointer: String, says: String? = nil
    ) -> Case {
        Case(
            name: "\(name) \(path)",
            request: request(method, path, .bytes(Array(text.utf8), type: "application/json")), status: 422,
            code: "invalid", pointer: pointer, says: says)
    }

    /// Bodies that are no JSON, or more than anybody should read.
    var bodies: [Case] {
        let line = #"{"sku":"apple","quantity":1}"#
        let marks = String(repeating: "\u{301}", count: 150_000)
        return [
            malformed("cut short", #"{"items":"#, says: "line 1, column 10"),
            malformed("twice", #"{"items":[\#(line)],"items":[\#(line)]}"#, says: "items"),
            malformed("trailing", #"{"items":[\#(line)]} x"#, says: "column"),
            malformed("leading zero", #"{"items":[{"sku":"apple","quantity":01}]}"#),
            malformed("NaN", #"{"items":[{"sku":"apple","quantity":NaN}]}"#),
            malformed("empty", ""), malformed("white space", "  \n "),
            malformed("deep arrays", String(repeating: "[", count: 100_000), says: "nested deeper"),
            malformed("deep objects", String(repeating: #"{"a":"#, count: 100_000), says: "nested deeper"),
            malformed("many members", "{" + (0..<20_000).map { "\"m\($0)\":1" }.joined(separator: ",") + "}"),
            malformed("lone surrogate", #"{"items":[{"sku":"\ud800","quantity":1}]}"#, says: "surrogate"),
            malformed("raw NUL", "{\"items\":[{\"sku\":\"a\u{0}\",\"quantity\":1}]}", says: "0x00"),
            malformed("byte order mark", "\u{FEFF}{}", says: "byte order mark"),
            Case(
                name: "invalid UTF-8",
                request: order(Array(#"{"items":[{"sku":""#.utf8) + [0xFF] + Array(#""}]}"#.utf8)),
                status: 400, code: "malformed-request", says: "UTF-8"),
            Case(
                name: "UTF-16", request: order("{}".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }), status: 400,
                code: "malformed-request"),
            Case(
                name: "too large", request: order(String(repeating: " ", count: 1_048_577)), status: 413,
                code: "body-too-large", says: "1048576"),
            Case(
                name: "text", request: request("POST", "/v1/orders", .bytes(Array("{}".utf8), type: "text/plain")),
                status: 415, code: "unsupported-media-type", says: "application/json"),
            Case(
                name: "charset",
                request: request(
                    "POST", "/v1/orders", .bytes(Array("{}".utf8), type: "application/json; charset=utf-16")),
                status: 415, code: "unsupported-media-type"),
            invalid(
                "marks", "POST", "/v1/orders", #"{"items":[{"sku":"e\#(marks)","quantity":1}]}"#, at: "/items/0/sku"),
            invalid(
                "marks", "POST", "/v1/orders", #"{"items":[\#(line)],"paymentMethod":"e\#(marks)"}"#,
                at: "/paymentMethod"),
            invalid("marks", "PATCH", "/v1/products/apple", #"{"name":"e\#(marks)"}"#, at: "/name", says: "too-long"),
        ]
    }

    /// Well-formed bodies with members that cannot be.
    var fields: [Case] {
        let line = #"{"sku":"apple","quantity":1}"#
        let wrong = ["[]": "", "\"x\"": "", "7": "", "null": "", "{}": "/items"].map { body, pointer in
            invalid("not an order: \(body)", "POST", "/v1/orders", body, at: pointer)
        }
        let nested = String(repeating: #"{"a":"#, count: 20) + "1" + String(repeating: "}", count: 20)
        let orders: [(String, String)] = [
            (#"{"items":"x"}"#, "/items"), (#"{"items":{}}"#, "/items"), (#"{"items":[]}"#, "/items"),
            (#"{"items":["x"]}"#, "/items/0"), (#"{"items":[{"sku":1,"quantity":1}]}"#, "/items/0/sku"),
            (#"{"items":[{"sku":null,"quantity":1}]}"#, "/items/0/sku"),
            (#"{"items":[{"quantity":1}]}"#, "/items/0/sku"),
            (#"{"items":[{"sku":"a\u0000","quantity":1}]}"#, "/items/0/sku"),
            (#"{"items":[{"sku":"a b","quantity":1}]}"#, "/items/0/sku"),
            (#"{"items":[{"sku":"\#(String(repeating: "a", count: 65))","quantity":1}]}"#, "/items/0/sku"),
            (#"{"items":[\#(line),{"sku":"nope","quantity":1}]}"#, "/items/1/sku"),
            (#"{"items":[\#(line),{"sku":"euro","quantity":1}]}"#, "/items/1/sku"),
            (#"{"items":[\#(line)],"paymentMethod":3}"#, "/paymentMethod"),
            (#"{"items":[\#(line)],"paymentMethod":"pm_gold"}"#, "/paymentMethod"),
            (#"{"items":[\#(line)],"onPaymentUnavailable":"wait"}"#, "/onPaymentUnavailable"),
            (#"{"items":[\#(line)],"metadata":[]}"#, "/metadata"),
            (#"{"items":[\#(line)],"metadata":{"a":"\u0000"}}"#, "/metadata"),
            (#"{"items":[\#(line)],"metadata":{"a":"\#(String(repeating: "x", count: 9_000))"}}"#, "/metadata"),
            (#"{"items":[\#(line)],"metadata":\#(nested)}"#, "/metadata"),
            (#"{"items":[\#(line)],"coupon":1}"#, "/coupon"), (#"{"items":[\#(line)],"a/b~c":1}"#, "/a~1b~0c"),
            (#"{"items":[\#(Array(repeating: line, count: 1_001).joined(separator: ","))]}"#, "/items"),
        ]
        return wrong + orders.map { invalid("order", "POST", "/v1/orders", $0.0, at: $0.1) } + otherFields
    }

    private var operatorFields: [Case] {
        let marks = String(repeating: "\u{301}", count: 150_000)
        return [
            ("{}", "/name"), (#"{"name":""}"#, "/name"), (#"{"name":"a\u0000"}"#, "/name"), (#"{"name":5}"#, "/name"),
            (#"{"name":"e\#(marks)"}"#, "/name"), (#"{"name":"x","plan":"gold"}"#, "/plan"),
            (#"{"name":"x","plan":"e\#(marks)"}"#, "/plan"), (#"{"name":"x","number":7}"#, "/number"),
        ].map { body, pointer in
            var item = invalid("organization", "POST", "/v1/organizations", body, at: pointer)
            item.request.credential = grocery.installation.operatorToken
            return item
        }
    }

    private var otherFields: [Case] {
        let products: [(String, String)] = [
            (#"{"name":"x","unitPrice":{"amount":1,"currency":"USD"}}"#, "/sku"),
            (#"{"sku":"x","name":"","unitPrice":{"amount":1,"currency":"USD"}}"#, "/name"),
            (#"{"sku":"x","name":"a\nb","unitPrice":{"amount":1,"currency":"USD"}}"#, "/name"),
            (#"{"sku":"x","name":"x","unitPrice":5}"#, "/unitPrice"),
            (#"{"sku":"x","name":"x","unitPrice":{"amount":1,"currency":"usd"}}"#, "/unitPrice/currency"),
            (#"{"sku":"x","name":"x","unitPrice":{"amount":1}}"#, "/unitPrice/currency"),
            (#"{"sku":"x","name":"x","unitPrice":{"amount":1,"currency":"USD"},"category":1}"#, "/category"),
            (#"{"sku":"x","name":"x","unitPrice":{"amount":1,"currency":"USD"},"attributes":"x"}"#, "/attributes"),
        ]
        let refunds = "/v1/orders/\(order)/refunds"
        return products.map { invalid("product", "POST", "/v1/products", $0.0, at: $0.1) } + [
            invalid("patch", "PATCH", "/v1/products/apple", #"{"name":null}"#, at: "/name"),
            invalid("patch", "PATCH", "/v1/products/apple", #"{"sku":"other"}"#, at: "/sku"),
            invalid("count", "PUT", "/v1/stock/apple", #"{"onHand":"1"}"#, at: "/onHand"),
            invalid("count", "PUT", "/v1/stock/apple", "{}", at: "/onHand"),
            invalid("adjustment", "POST", "/v1/stock/apple/adjustments", #"{"delta":1}"#, at: "/reason"),
            invalid("adjustment", "POST", "/v1/stock/apple/adjustments", #"{"delta":1,"reason":""}"#, at: "/reason"),
            invalid("refund", "POST", refunds, "{}", at: "/reason"),
            invalid("refund", "POST", refunds, #"{"reason":5}"#, at: "/reason"),
            invalid("cancel", "POST", "/v1/orders/\(order)/cancel", #"{"x":1}"#, at: "/x"),
            invalid("role", "POST", "/v1/keys", #"{"role":"root"}"#, at: "/role"),
            invalid("role", "POST", "/v1/keys", #"{"role":1}"#, at: "/role"),
            invalid("subject", "POST", "/v1/sessions", #"{"subject":""}"#, at: "/subject"),
            invalid("role", "POST", "/v1/sessions", #"{"subject":"x","role":"root"}"#, at: "/role"),
            invalid("attributes", "POST", "/v1/sessions", #"{"subject":"x","attributes":[]}"#, at: "/attributes"),
        ] + operatorFields
    }
}
