import HTTPTypes
import PantryHTTP
import Testing

@Suite("Route table")
struct ServerRouteTableTests {
    private func table(_ routes: (HTTPRequest.Method, String)...) throws -> RouteTable {
        try RouteTable(routes.map { Route($0.0, $0.1, access: .open) { _ in Reply(status: .ok) } })
    }

    @Test("a literal beats a parameter, and the parameter is tried when the literal has no answer")
    func literalBeatsParameter() throws {
        let table = try table(
            (.get, "/v1/sessions/{id}"), (.get, "/v1/sessions/current"), (.delete, "/v1/sessions/{id}"),
            (.get, "/v1/{kind}/current/x"))
        #expect(table.find(.get, "/v1/sessions/current") == .found(1, values: []))
        #expect(table.find(.get, "/v1/sessions/other") == .found(0, values: ["other"]))
        #expect(table.find(.delete, "/v1/sessions/current") == .found(2, values: ["current"]))
        #expect(table.find(.get, "/v1/sessions/current/x") == .found(3, values: ["sessions"]))
    }

    @Test("unknown paths, trailing slashes and empty segments match nothing")
    func unknown() throws {
        let table = try table((.get, "/v1/orders/{id}"), (.get, "/"))
        for path in ["/v1/orders", "/v1/orders/", "/v1/orders/1/", "/v1//1", "/v2/orders/1", "*", "//"] {
            #expect(table.find(.get, path[...]) == .unknown, "\(path)")
        }
        #expect(table.find(.get, "/") == .found(1, values: []))
    }

    @Test("another method lists what there is, HEAD and OPTIONS included")
    func allow() throws {
        let table = try table((.delete, "/a"), (.get, "/a"), (.post, "/b"), (.patch, "/{x}"))
        #expect(table.find(.put, "/a") == .notAllowed(allow: "GET, HEAD, PATCH, DELETE, OPTIONS"))
        #expect(table.find(.get, "/b") == .notAllowed(allow: "POST, PATCH, OPTIONS"))
        #expect(table.find(.options, "/b") == .options(allow: "POST, PATCH, OPTIONS"))
        #expect(table.find(.head, "/a") == .found(1, values: []))
        #expect(table.find(.head, "/b") == .notAllowed(allow: "POST, PATCH, OPTIONS"))
    }

    @Test("segments are split before they are decoded, and decoded once")
    func decoding() throws {
        let table = try table((.get, "/items/{sku}/x"), (.get, "/items/{sku}"))
        #expect(table.find(.get, "/items/a%2Fb") == .found(1, values: ["a/b"]))
        #expect(table.find(.get, "/items/%2525") == .found(1, values: ["%25"]))
        #expect(table.find(.get, "/%69tems/a+b") == .found(1, values: ["a+b"]))
        #expect(table.find(.get, "/items/%C3%A9/x") == .found(0, values: ["é"]))
        for bad in ["%", "%4", "%zz", "%FF", "%00", "%C3"] {
            #expect(table.find(.get, "/items/\(bad)"[...]) == .malformed, "\(bad)")
        }
    }

    @Test(
        "conflicts and malformed patterns are found when the table is built",
        arguments: [
            ["/a/{x}", "/a/{y}"], ["/a", "/a"], ["a"], ["/a//b"], ["/a/"], ["/{}"], ["/a{b}"], ["/{a}/{a}"],
        ])
    func conflicts(patterns: [String]) {
        #expect(throws: RouteError.self) {
            try RouteTable(patterns.map { Route(.get, $0, access: .open) { _ in Reply(status: .ok) } })
        }
    }

    @Test("a query keeps order and duplicates, and is decoded once")
    func query() throws {
        let query = try #require(Query(decoding: "a=1&b=x%20y+z&a=2&flag&&e=%3D%2526"))
        #expect(query.items.map(\.name) == ["a", "b", "a", "flag", "e"])
        #expect(query["b"] == "x y z")
        #expect(query.values(of: "a") == ["1", "2"])
        #expect(query["flag"] == "")
        #expect(query["e"] == "=%26")
        #expect(query.firstRepeatedName == "a")
        #expect(Query(decoding: "a=%ff") == nil)
        #expect(Query(decoding: "") == .empty)
    }
}
