import HTTPTypes
import Logging
import PantryHTTP
import Testing

@Suite("Server: refusals over real sockets", .timeLimit(.minutes(1)))
struct ServerRefusalTests {
    @Test("404, 405 with Allow, OPTIONS, HEAD")
    func routing() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            let unknown = try await client.exchange(get("/nothing"))
            #expect(unknown.status == 404)
            #expect(unknown.code == "not-found")
            #expect(unknown["Content-Type"] == "application/problem+json")
            let wrong = try await client.exchange(request("PATCH", "/v1/orders/1"))
            #expect(wrong.status == 405)
            #expect(wrong.code == "method-not-allowed")
            #expect(wrong["Allow"] == "GET, HEAD, DELETE, OPTIONS")
            let options = try await client.exchange(request("OPTIONS", "/v1/orders"))
            #expect(options.status == 204)
            #expect(options["Allow"] == "POST, OPTIONS")
            #expect(options["Content-Length"] == nil)
            #expect(try await client.exchange(request("OPTIONS", "*")).status == 204)
            let head = try await client.exchange(request("HEAD", "/open"), toHEAD: true)
            #expect(head.status == 200)
            #expect(head["Content-Length"] == "19")
            #expect(try await client.exchange(get("/open")).body == "GET /open [] [] []")
        }
    }

    @Test("401 and 403")
    func credentials() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            for header in ["X: y", "Authorization: Basic x", "Authorization: Bearer", "Authorization: Bearer unknown"] {
                let response = try await client.exchange(get("/v1/orders/1", header))
                #expect(response.status == 401, "\(header)")
                #expect(response.code == "unauthorized")
                #expect(response["WWW-Authenticate"] == "Bearer")
            }
            for (path, token) in [("/ops/topology", "admin"), ("/v1/orders/1", "operator")] {
                let response = try await client.exchange(get(path, "Authorization: Bearer \(token)"))
                #expect(response.status == 403)
                #expect(response.code == "forbidden")
            }
            let weak = try await client.exchange(request("DELETE", "/v1/orders/1", ["Authorization: Bearer writer"]))
            #expect(weak.status == 403)
            #expect(weak.body.contains("admin"))
            #expect(try await client.exchange(get("/v1/orders/1", "authorization: bearer reader")).status == 200)
            #expect(try await client.exchange(get("/ops/topology", "Authorization: Bearer operator")).status == 200)
            #expect(try await client.exchange(get("/v1/orders/1", "Authorization: Bearer broken")).status == 503)
            let twice = ["Authorization: Bearer admin", "Authorization: Bearer admin"]
            #expect(try await client.exchange(request("GET", "/open", twice)).status == 400)
        }
    }

    @Test("not ready: 503 under /v1 and /ops, before credentials are looked at")
    func readiness() async throws {
        try await withServer(echoRoutes, isReady: false) { server in
            let client = try server.client()
            for path in ["/v1/orders/1", "/ops/topology"] {
                let response = try await client.exchange(get(path))
                #expect(response.status == 503)
                #expect(response.code == "shard-unavailable")
                #expect(response["Retry-After"] == "1")
            }
            #expect(try await client.exchange(get("/open")).status == 200)
            server.state.setReady(true)
            #expect(try await client.exchange(get("/v1/orders/1")).status == 401)
        }
    }

    @Test("415, and which bodies pass")
    func mediaTypes() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            let missing = try await client.exchange(request("POST", "/echo", body: "{}"))
            #expect(missing.status == 415)
            #expect(missing.code == "unsupported-media-type")
            let wrong = try await client.exchange(request("POST", "/echo", ["Content-Type: text/plain"], body: "{}"))
            #expect(wrong.status == 415)
            let json = ["Content-Type: application/json; charset=utf-8"]
            #expect(try await client.exchange(request("POST", "/echo", json, body: "{}")).body.hasSuffix("[{}]"))
            #expect(try await client.exchange(request("POST", "/echo")).status == 200)
            #expect(try await client.exchange(request("POST", "/hook/x", body: "raw")).body.hasSuffix("[raw]"))
            let ignored = try await client.exchange(request("GET", "/open", body: "ignored"))
            #expect(ignored.body.hasSuffix("[]"))
        }
    }

    @Test("percent-decoding once, and 400 for what is not UTF-8")
    func decoding() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            #expect(try await client.exchange(get("/items/%2525?q=%2B+x")).body.contains("[sku=%25] [q=+ x]"))
            #expect(try await client.exchange(get("http://test/items/a%2Fb")).body.contains("[sku=a/b]"))
            for path in ["/items/%FF", "/items/%4", "/items/a?q=%zz", "/items/a?%C0%80"] {
                let response = try await client.exchange(get(path))
                #expect(response.status == 400, "\(path)")
                #expect(response.code == "malformed-request")
            }
        }
    }

    @Test("request ids and traceparent")
    func identity() async throws {
        let seen = Box<[String?]>([])
        let route = Route(.get, "/who", access: .open) { call in
            seen.update { $0.append(call.traceparent) }
            return .text(.ok, call.requestID)
        }
        try await withServer([route]) { server in
            let client = try server.client()
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let own = try await client.exchange(get("/who", "X-Request-Id: my.id-1", "traceparent: \(trace)"))
            #expect(own["X-Request-Id"] == "my.id-1")
            #expect(own.body == "my.id-1")
            let made = try await client.exchange(get("/who", "X-Request-Id: not ok", "traceparent: 00-zz"))
            #expect(made["X-Request-Id"]?.count == 32)
            #expect(made["X-Request-Id"] == made.body)
            #expect(seen.value == [trace, nil])
            let line = try await poll("the access log") {
                server.log.entries.first { $0.message == "request" && $0.metadata["requestId"] == "my.id-1" }
            }
            #expect(line.metadata["route"] == "/who")
            #expect(line.metadata["status"]?.description == "200")
            #expect(line.metadata["method"] == "GET")
            #expect(line.metadata["traceparent"] == .string(trace))
            #expect(line.metadata["micros"].flatMap { Int($0.description) } != nil)
        }
    }

    @Test("what a handler throws: a problem as it is, anything else as 500 without its text")
    func handlerErrors() async throws {
        struct Secret: Error { var password = "hunter2" }
        let routes = [
            Route(.get, "/problem", access: .open) { _ in
                throw Problem(status: .conflict, code: "out-of-stock", title: "Out of stock", retryAfter: 3)
            },
            Route(.get, "/crash", access: .open) { _ in throw Secret() },
        ]
        try await withServer(routes) { server in
            let client = try server.client()
            let problem = try await client.exchange(get("/problem"))
            #expect(problem.status == 409)
            #expect(problem.code == "out-of-stock")
            #expect(problem["Retry-After"] == "3")
            let crash = try await client.exchange(get("/crash?token=abc", "Authorization: Bearer topsecret"))
            #expect(crash.status == 500)
            #expect(crash.code == "internal")
            #expect(!crash.body.contains("hunter2"))
            let logged = "\(server.log.entries)"
            #expect(logged.contains("hunter2"))
            #expect(!logged.contains("topsecret") && !logged.contains("abc"))
        }
    }
}
