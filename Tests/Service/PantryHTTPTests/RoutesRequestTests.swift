import Determinism
import HTTPTypes
import Logging
import PantryDomain
import StrictJSON
import Testing

@testable import PantryHTTP

@Suite("Routes: headers, queries, cursors and problems")
struct RoutesRequestTests {
    @Test(
        "forms of Idempotency-Key",
        arguments: [
            (["abc"], "abc"), (["\"abc\""], "abc"), (["!~,;"], "!~,;"), (["\""], "\""), (["a\"b"], "a\"b"),
            ([String(repeating: "k", count: 255)], String(repeating: "k", count: 255)),
            (["\"" + String(repeating: "k", count: 255) + "\""], String(repeating: "k", count: 255)),
            ([""], nil), (["\"\""], nil), (["a b"], nil), (["é"], nil), (["a", "b"], nil), (["a", "a"], nil),
            ([String(repeating: "k", count: 256)], nil),
        ] as [([String], String?)])
    func idempotencyKey(values: [String], expected: String?) throws {
        var headers = HTTPFields()
        headers[values: .idempotencyKey] = values
        do {
            #expect(try IdempotencyHeader.key(in: headers, .required) == expected)
        } catch {
            #expect(expected == nil)
            #expect(error.code == "malformed-request")
        }
    }

    @Test("a missing key is refused where it is required")
    func missingKey() throws {
        #expect(try IdempotencyHeader.key(in: [:], .optional) == nil)
        let problem = #expect(throws: Problem.self) { try IdempotencyHeader.key(in: [:], .required) }
        #expect(problem?.code == "idempotency-key-required")
        #expect(problem?.status == .badRequest)
    }

    @Test("the fingerprint is of path and meaning")
    func fingerprints() throws {
        func key(_ path: String, _ body: String) throws -> RequestKey? {
            try WriteRequest(call(path, body: body, headers: [.idempotencyKey: "k"]), key: .required).key
        }
        let first = try key("/v1/a", #"{"a":1,"b":"é"}"#)
        #expect(try key("/v1/a", #" {"b":"\u00e9", "a":1} "#) == first)
        #expect(try key("/v1/b", #"{"a":1,"b":"é"}"#) != first)
        #expect(try key("/v1/a", #"{"a":2,"b":"é"}"#) != first)
        #expect(first?.scope == "POST /v1/{x} k")
        func bodiless(_ body: String) throws -> RequestKey? {
            try WriteRequest(bodiless: call("/v1/a", body: body, headers: [.idempotencyKey: "k"])).key
        }
        #expect(try bodiless("") == bodiless("{}"))
    }

    @Test(
        "queries that are refused",
        arguments: [
            "limit=0", "limit=101", "limit=-1", "limit=1.5", "limit=", "limit=%D9%A3", "limit=1&limit=1", "limits=1",
            "status=done", "createdAfter=yesterday", "createdAfter=2026-11-23T10:05:01+01:00", "%CC%81=1", "Limit=1",
        ])
    func badQueries(text: String) throws {
        let problem = #expect(throws: Problem.self) { try read(text) }
        #expect(problem?.code == "malformed-request")
        #expect(problem?.detail?.hasSuffix(".") == true)
    }

    @Test("queries that are taken")
    func goodQueries() throws {
        #expect(try read("").limit == 50)
        #expect(try read("limit=100").limit == 100)
        #expect(try read("status=confirmed&sku=A&sku=B").status == .confirmed)
        let moment = try read("createdAfter=2026-11-23T10:05:01.5%2B01:00").createdAfter
        #expect(moment?.rfc3339 == "2026-11-23T09:05:01.500Z")
    }

    @Test("a cursor opens in its own list only")
    func cursors() throws {
        let seal = FleetSeal(secrets: [1: [UInt8](repeating: 7, count: 32)])
        func scope(
            _ path: String = "/v1/orders", _ owner: String = "org_1", _ filters: [String] = ["", ""]
        ) -> ListScope {
            ListScope(call(path), owner: owner, filters: filters, seal: seal)
        }
        let cursor = scope().cursor(after: "ord_9")
        func open(_ cursor: String, in scope: ListScope) throws -> String? {
            let query = Query(items: [Query.Item(name: "cursor", value: cursor)])
            return try scope.position(try QueryReader(query, known: ["cursor"]))
        }
        #expect(try open(cursor, in: scope()) == "ord_9")
        var tampered = Array(cursor.utf8)
        tampered[tampered.count / 2] ^= 1
        let foreign: [(String, ListScope)] = [
            (cursor, scope("/v1/products")), (cursor, scope("/v1/orders", "org_2")),
            (cursor, scope("/v1/orders", "org_1", ["confirmed", ""])),
            (cursor, scope("/v1/orders", "org_1", ["", "confirmed"])), (cursor, scope("/v1/orders", "org_1", [""])),
            (String(decoding: tampered, as: UTF8.self), scope()), ("", scope()), ("1.AAAA", scope()),
            (seal.seal("ord_9", for: .cursor), scope()), (cursor + "A", scope()),
            (String(repeating: "1.A", count: 1_000), scope()),
        ]
        for (cursor, scope) in foreign {
            let problem = #expect(throws: Problem.self) { try open(cursor, in: scope) }
            #expect(problem?.code == "invalid-cursor")
            #expect(problem?.status == .badRequest)
        }
    }

    @Test(
        "each refusal has the contract's answer",
        arguments: [
            (.notFound("x"), 404, "not-found", nil), (.alreadyExists("x"), 409, "already-exists", nil),
            (.invalid([FieldProblem("/a", "b", "c")]), 422, "invalid", nil),
            (.outOfStock([]), 409, "out-of-stock", nil), (.stockChanged(onHand: 3), 409, "stock-changed", nil),
            (.invalidTransition(from: "a", allowed: ["b"], detail: "c"), 409, "invalid-transition", nil),
            (.busy("x"), 409, "order-busy", 1), (.paymentDeclined(code: "x"), 402, "payment-declined", nil),
            (.paymentUnavailable("x"), 503, "payment-unavailable", 5),
            (.keyReused, 422, "idempotency-key-reused", nil), (.keyInProgress, 409, "idempotency-in-progress", 1),
            (.overloaded("x"), 503, "overloaded", 1), (.shardUnavailable("x"), 503, "shard-unavailable", 1),
            (.unknownOutcome("x"), 503, "shard-unavailable", 1),
        ] as [(Refusal, Int, String, Int?)])
    func problems(refusal: Refusal, status: Int, code: String, retryAfter: Int?) throws {
        let problem = Problem(refusal)
        #expect(problem.status.code == status)
        #expect(problem.code == code)
        #expect(problem.retryAfter == retryAfter)
        #expect(problem.retryable == (retryAfter != nil))
        #expect(problem.detail?.isEmpty == false)
    }

    @Test("a problem's own members")
    func members() throws {
        func rendered(_ refusal: Refusal) throws -> JSONObject? {
            try JSONReader.parse(Problem(refusal).rendered(requestID: "r")).object
        }
        #expect(try rendered(.stockChanged(onHand: 3))?["current"] == ["onHand": 3])
        let transition = try rendered(.invalidTransition(from: "a\"", allowed: ["b"], detail: "c"))
        #expect(transition?["from"] == "a\"")
        #expect(transition?["allowed"] == ["b"])
        #expect(transition?["detail"] == "C.")
        let errors = try rendered(.invalid([FieldProblem("/a", "b", "it is c")]))?["errors"]
        #expect(errors == [["pointer": "/a", "code": "b", "detail": "It is c."]])
        #expect(try rendered(.paymentDeclined(code: "x"))?["declineCode"] == "x")
        // It used to say that the order had failed, to somebody whose refund was refused.
        #expect(
            try rendered(.paymentDeclined(code: "x"))?["detail"]
                == "The provider refused to give the money back. Nothing has changed.")
    }

    // MARK: What the tests have in common

    private func read(
        _ text: String
    ) throws -> (limit: Int, status: OrderStatus?, createdAfter: Timestamp?) {
        let query = try #require(Query(decoding: text[...]))
        let reader = try QueryReader(query, known: ["limit", "status", "createdAfter", "sku"], repeatable: ["sku"])
        return (
            try PageLimit.read(reader), try reader.choice("status", OrderStatus.allCases),
            try reader.moment("createdAfter")
        )
    }

    private func call(_ path: String, body: String = "", headers: HTTPFields = [:]) -> Call {
        Call(
            method: .post, path: path, pattern: "/v1/{x}", headers: headers, body: Array(body.utf8), requestID: "r",
            receivedAt: ContinuousClock().now, baseLogger: Logger(label: "test"))
    }
}
