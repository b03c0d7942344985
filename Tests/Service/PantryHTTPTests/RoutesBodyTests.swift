import Foundation
import PantryDomain
import StrictJSON
import Testing

@testable import PantryHTTP

@Suite("Routes: bodies")
struct RoutesBodyTests {
    @Test("an order takes its defaults, and all that it may say")
    func orders() throws {
        let least = try order(#"{"items":[{"sku":"A","quantity":1}]}"#)
        #expect(least.items.map(\.sku) == ["A"])
        #expect(least.method == "pm_ok")
        #expect(least.onUnavailable == .queue)
        #expect(least.metadata == nil)
        let most = try order(
            #"{"items":[{"quantity":1000000000,"sku":"A.b_c-9"},{"sku":"A","quantity":2}],"#
                + #""paymentMethod":"pm_lost","onPaymentUnavailable":"fail","metadata":{"b":[1.50,null],"a":"é"}}"#)
        #expect(most.items.map(\.quantity) == [1_000_000_000, 2])
        #expect(most.method == "pm_lost")
        #expect(most.onUnavailable == .fail)
        #expect(most.metadata == #"{"b":[1.50,null],"a":"é"}"#)
        let nulls = try order(#"{"items":[{"sku":"A","quantity":1}],"paymentMethod":null,"metadata":null}"#)
        #expect(nulls.method == "pm_ok")
    }

    @Test(
        "what an order may not say",
        arguments: [
            (#"[]"#, [" wrong-type"]),
            (#""text""#, [" wrong-type"]),
            (#"{}"#, ["/items required"]),
            (#"{"items":null}"#, ["/items wrong-type"]),
            (#"{"items":{}}"#, ["/items wrong-type"]),
            (#"{"items":[]}"#, ["/items too-few"]),
            (#"{"items":[1]}"#, ["/items/0 wrong-type"]),
            (#"{"items":[{"sku":"A","quantity":0}]}"#, ["/items/0/quantity out-of-range"]),
            (#"{"items":[{"sku":"A","quantity":-1}]}"#, ["/items/0/quantity out-of-range"]),
            (#"{"items":[{"sku":"A","quantity":1000000001}]}"#, ["/items/0/quantity out-of-range"]),
            (#"{"items":[{"sku":"A","quantity":99999999999999999999}]}"#, ["/items/0/quantity out-of-range"]),
            (#"{"items":[{"sku":"A","quantity":1.0}]}"#, ["/items/0/quantity wrong-type"]),
            (#"{"items":[{"sku":"A","quantity":1e2}]}"#, ["/items/0/quantity wrong-type"]),
            (#"{"items":[{"sku":"A","quantity":"1"}]}"#, ["/items/0/quantity wrong-type"]),
            (#"{"items":[{"sku":"A","quantity":true}]}"#, ["/items/0/quantity wrong-type"]),
            (#"{"items":[{"sku":7,"quantity":1}]}"#, ["/items/0/sku wrong-type"]),
            (#"{"items":[{"sku":"","quantity":1}]}"#, ["/items/0/sku invalid-sku"]),
            (#"{"items":[{"sku":"Ä","quantity":1}]}"#, ["/items/0/sku invalid-sku"]),
            (#"{"items":[{"sku":"A","quantity":1,"price":1}]}"#, ["/items/0/price unknown-member"]),
            (#"{"items":[{"sku":"A","quantity":1}],"a/b~c":1}"#, ["/a~1b~0c unknown-member"]),
            (
                #"{"items":[{"sku":"A","quantity":1}],"paymentMethod":"PM_OK"}"#,
                ["/paymentMethod unknown-payment-method"]
            ),
            (#"{"items":[{"sku":"A","quantity":1}],"paymentMethod":1}"#, ["/paymentMethod wrong-type"]),
            (
                #"{"items":[{"sku":"A","quantity":1}],"onPaymentUnavailable":"wait"}"#,
                ["/onPaymentUnavailable invalid-value"]
            ),
            (#"{"items":[{"sku":"A","quantity":1}],"metadata":[]}"#, ["/metadata wrong-type"]),
            (#"{"items":[{"sku":"A","quantity":1}],"metadata":{"a":"\u0000"}}"#, ["/metadata control-character"]),
            (#"{"items":[{"sku":"A","quantity":1}],"metadata":{"\u0000":[]}}"#, ["/metadata control-character"]),
        ])
    func badOrders(body: String, expected: [String]) {
        #expect(faults { _ = try order(body) } == expected)
    }

    @Test("bounds of lists, lengths and depths")
    func bounds() throws {
        let line = #"{"sku":"A","quantity":1}"#
        func items(_ count: Int) -> String { #"{"items":["# + repeated(line, count, ",") + "]" }
        #expect(try order(items(1_000) + "}").items.count == 1_000)
        #expect(faults { _ = try order(items(1_001) + "}") } == ["/items too-many"])
        let long = repeated("x", 8 * 1024 - 8, "")
        #expect(try order(items(1) + #","metadata":{"a":"\#(long)"}}"#).metadata?.utf8.count == 8 * 1024)
        #expect(faults { _ = try order(items(1) + #","metadata":{"a":"\#(long)x"}}"#) } == ["/metadata too-long"])
        func nested(_ depth: Int) -> String {
            #","metadata":{"a":"# + repeated("[", depth - 1, "") + repeated("]", depth - 1, "") + "}}"
        }
        #expect(try order(items(1) + nested(16)).metadata != nil)
        #expect(faults { _ = try order(items(1) + nested(17)) } == ["/metadata too-deep"])
        let wrongLines = #"{"items":["# + repeated("{}", 1_000, ",") + "]}"
        #expect(faults { _ = try order(wrongLines) }.count == FieldProblemList.limit)
    }

    /// How long a processor has worked for this thread.
    private static func workedByThisThread() -> Duration {
        var reading = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &reading)
        return Duration.seconds(Int64(reading.tv_sec)) + .nanoseconds(Int64(reading.tv_nsec))
    }

    @Test("hostile combining marks take linear time")
    func combiningMarks() throws {
        let marks = repeated("\u{301}\u{327}", 40_000, "")
        // Of this thread alone: a busy machine has others to run.
        let before = Self.workedByThisThread()
        let body = #"{"items":[{"sku":"\#(marks)","quantity":1,"\#(marks)":1}],"paymentMethod":"\#(marks)"}"#
        #expect(
            faults { _ = try order(body) } == [
                "/items/0/\(ClientText.pointerStep(marks)) unknown-member", "/items/0/sku invalid-sku",
                "/paymentMethod too-long",
            ])
        #expect(faults { _ = try ProductRequest(body: json(#"{"name":"\#(marks)"}"#)) }.contains("/name too-long"))
        #expect(Self.workedByThisThread() - before < .seconds(2))
        #expect(ClientText.shown(marks).unicodeScalars.count == 65)
    }

    @Test("products")
    func products() throws {
        let product = try ProductRequest(
            body: json(
                #"{"sku":"A","name":"Äpfel","unitPrice":{"amount":1,"currency":"EUR"},"#
                    + #""category":"","attributes":{"x":1}}"#
            ))
        #expect(product.name == "Äpfel")
        #expect(product.unitPrice == Money(1, "EUR"))
        #expect(product.category == "")
        #expect(product.attributes == #"{"x":1}"#)
        let wrong =
            #"{"sku":"","name":"","unitPrice":{"amount":0,"currency":"usd","vat":1},"category":1,"attributes":"x"}"#
        #expect(
            faults { _ = try ProductRequest(body: json(wrong)) } == [
                "/sku invalid-sku", "/name too-short", "/unitPrice/vat unknown-member",
                "/unitPrice/amount out-of-range", "/unitPrice/currency invalid-currency", "/category wrong-type",
                "/attributes wrong-type",
            ])
        #expect(
            faults { _ = try ProductRequest(body: json("{}")) } == [
                "/sku required", "/name required", "/unitPrice required",
            ])
        let name = repeated("é", 200, "")
        let rest = #","sku":"A","unitPrice":{"amount":9007199254740991,"currency":"USD"}}"#
        #expect(try ProductRequest(body: json(#"{"name":"\#(name)"\#(rest)"#)).name == name)
        #expect(faults { _ = try ProductRequest(body: json(#"{"name":"\#(name)x"\#(rest)"#)) } == ["/name too-long"])
        for control in ["\\u0000", "\\n", "\\u007f", "\\u0085"] {
            let body = #"{"name":"a\#(control)"\#(rest)"#
            #expect(faults { _ = try ProductRequest(body: json(body)) } == ["/name control-character"])
        }
    }

    @Test("a patch tells null from nothing")
    func patches() throws {
        let empty = try ProductPatch(body: json("{}"))
        #expect(empty.name == nil && empty.unitPrice == nil && empty.category == nil && empty.attributes == nil)
        let cleared = try ProductPatch(body: json(#"{"category":null,"attributes":null}"#))
        #expect(cleared.category == .some(nil))
        #expect(cleared.attributes == .some(nil))
        let set = try ProductPatch(body: json(#"{"name":"B","category":"c"}"#))
        #expect(set.name == "B")
        #expect(set.category == "c")
        #expect(
            faults { _ = try ProductPatch(body: json(#"{"name":null,"unitPrice":null,"sku":"B"}"#)) } == [
                "/sku unknown-member", "/name wrong-type", "/unitPrice wrong-type",
            ])
    }

    @Test("counts, adjustments, refunds, organizations, keys")
    func others() throws {
        #expect(
            try CountBody(json(#"{"onHand":0,"expectedOnHand":9007199254740991}"#)).expectedOnHand
                == 9_007_199_254_740_991)
        #expect(
            faults { _ = try CountBody(json(#"{"onHand":-1,"expectedOnHand":1.5}"#)) } == [
                "/onHand out-of-range", "/expectedOnHand wrong-type",
            ])
        #expect(try AdjustmentBody(json(#"{"delta":-9007199254740991,"reason":"r"}"#)).reference == nil)
        #expect(
            faults { _ = try AdjustmentBody(json(#"{"delta":0}"#)) } == ["/delta out-of-range", "/reason required"])
        #expect(
            faults { _ = try AdjustmentBody(json(#"{"delta":9007199254740992,"reason":"","reference":7}"#)) } == [
                "/delta out-of-range", "/reason too-short", "/reference wrong-type",
            ])
        #expect(try RefundBody(json(#"{"reason":"r","amount":null}"#)).amount == nil)
        let money = try RefundBody(json(#"{"reason":"r","amount":{"amount":5,"currency":"USD"}}"#))
        #expect(money.amount == 5 && money.currency == "USD")
        #expect(faults { _ = try RefundBody(json(#"{"reason":"r","amount":{"amount":5}}"#)) }.count == 1)
        #expect(faults { _ = try RefundBody(json(#"{"amount":0}"#)) } == ["/amount out-of-range", "/reason required"])
        #expect(faults { _ = try RefundBody(json("3")) } == [" wrong-type"])
        #expect(try OrganizationBody(json(#"{"name":"O","region":"eu"}"#)).plan == nil)
        #expect(
            faults { _ = try OrganizationBody(json(#"{"plan":1,"region":""}"#)) } == [
                "/name required", "/plan wrong-type", "/region too-short",
            ])
        #expect(faults { _ = try PlanBody(json("{}")) } == ["/plan required"])
        #expect(try KeyBody(json(#"{"role":"write"}"#)).role == .write)
        #expect(faults { _ = try KeyBody(json(#"{"role":"root"}"#)) } == ["/role invalid-value"])
    }
}

private func json(_ text: String) throws -> JSONValue { try JSONReader.parse(text) }

private func order(_ text: String) throws -> OrderRequest {
    try OrderRequest(body: json(text), paymentMethods: .known(SandboxProvider.methods))
}

private func repeated(_ text: String, _ count: Int, _ separator: String) -> String {
    [String](repeating: text, count: count).joined(separator: separator)
}

/// `pointer code` of everything that is refused. Every detail says something.
private func faults(_ body: () throws -> Void) -> [String] {
    do {
        try body()
        return []
    } catch let Refusal.invalid(problems) {
        return problems.map { $0.detail.isEmpty ? "no detail" : "\($0.pointer) \($0.code)" }
    } catch {
        return ["\(error)"]
    }
}
