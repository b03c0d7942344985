import HTTPTypes
import PantryHTTP
import Testing

@Suite("Server: HTTP/1 over real sockets", .timeLimit(.minutes(1)))
struct ServerProtocolTests {
    private let json = ["Content-Type: application/json"]

    @Test("keep-alive and pipelining: answers come in order, also with bodies that nobody read")
    func pipelining() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            try await client.send(
                get("/items/1") + request("POST", "/v1/orders", json, body: "unread") + get("/items/2")
                    + request("POST", "/echo", json, body: "3") + get("/items/4", "Connection: close"))
            var statuses: [Int] = []
            var bodies = ""
            for _ in 0..<5 {
                let response = try await client.response()
                statuses.append(response.status)
                bodies += response.body
                #expect(response["Connection"] == (statuses.count == 5 ? "close" : nil))
            }
            #expect(statuses == [200, 401, 200, 200, 200])
            #expect(["sku=1", "sku=2", "[3]", "sku=4"].allSatisfy { bodies.contains($0) })
            #expect(try await client.end() == "")
        }
    }

    @Test("a request in single bytes, and a chunked one")
    func dribble() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            for byte in request("POST", "/echo", json, body: "abc").utf8 { try await client.send([byte]) }
            #expect(try await client.response().body.hasSuffix("[abc]"))
            let chunks = "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n"
            let head = request("POST", "/echo", json + ["Transfer-Encoding: chunked"])
            #expect(try await client.exchange(head + chunks).body.hasSuffix("[abcdefg]"))
            #expect(try await client.exchange(get("/open")).status == 200)
        }
    }

    @Test("HTTP/1.0 closes, unless it asks not to")
    func http10() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            let kept = try await client.exchange("GET /open HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(kept.status == 200)
            #expect(kept["Connection"] == "keep-alive")
            let last = try await client.exchange("GET /open HTTP/1.0\r\n\r\n")
            #expect(last["Connection"] == "close")
            #expect(try await client.end() == "")
        }
    }

    @Test("413 by Content-Length before anything is read, and while chunks stream in")
    func tooLarge() async throws {
        try await withServer(echoRoutes, configure: { $0.maxBody = 2000 }) { server in
            let declared = try server.client()
            let head = ["Content-Type: application/json", "Content-Length: 100000000"]
            let response = try await declared.exchange(request("POST", "/echo", head))
            #expect(response.status == 413)
            #expect(response.code == "body-too-large")
            #expect(response["Connection"] == "close")
            #expect(try await declared.end() == "")

            let routed = try server.client()
            let authorized = json + ["Authorization: Bearer writer"]
            let over = String(repeating: " ", count: 1001)
            #expect(try await routed.exchange(request("POST", "/v1/orders", authorized, body: over)).status == 413)
            #expect(try await routed.exchange(request("POST", "/v1/orders", authorized, body: "{}")).status == 200)

            let chunked = try server.client()
            try await chunked.send(request("POST", "/echo", json + ["Transfer-Encoding: chunked"]))
            let chunk = "200\r\n" + String(repeating: "x", count: 512) + "\r\n"
            for _ in 0..<8 { try await chunked.send(chunk) }
            #expect(try await chunked.response().status == 413)
            #expect(try await chunked.end() == "")
        }
    }

    @Test("408 for a slow body, and for a slow head; the connection closes")
    func slow() async throws {
        let quick: (inout HTTPServerConfiguration) -> Void = {
            // What comes at once is in time on a busy machine, too.
            $0.bodyTimeout = .milliseconds(400)
            $0.headTimeout = .milliseconds(800)
        }
        try await withServer(echoRoutes, configure: quick) { server in
            let body = try server.client()
            try await body.send(request("POST", "/echo", json + ["Content-Length: 10"]) + "half")
            let response = try await body.response()
            #expect(response.status == 408)
            #expect(response.code == "request-timeout")
            #expect(response["Connection"] == "close")
            #expect(try await body.end() == "")

            let head = try server.client()
            try await head.send("GET /open HTTP/1.1\r\nHo")
            #expect(try await head.response().status == 408)
            #expect(try await head.end() == "")

            let silent = try server.client()
            #expect(try await silent.end() == "")

            let second = try server.client()
            #expect(try await second.exchange(get("/open")).status == 200)
            try await second.send("GET")
            #expect(try await second.response().status == 408)
        }
    }

    @Test("an idle connection closes without a word")
    func idle() async throws {
        try await withServer(echoRoutes, configure: { $0.idleTimeout = .milliseconds(60) }) { server in
            let client = try server.client()
            #expect(try await client.exchange(get("/open")).status == 200)
            #expect(try await client.end() == "")
        }
    }

    @Test(
        "what is not HTTP: 400 with a problem, and the connection closes",
        arguments: [
            "nonsense\r\n\r\n", "GET /open HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
            "GET /open HTTP/1.1\r\nHost: a\r\nbad name: x\r\n\r\n", "GET /open HTTP/1.1\r\n\r\n",
            "GET /open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET open HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /é HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST /hook/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
        ])
    func malformed(text: String) async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            let first = try await client.exchange(get("/open") + text)
            #expect(first.status == 200)
            let response = try await client.response()
            #expect(response.status == 400)
            #expect(response.code == "malformed-request")
            #expect(response["Connection"] == "close")
            #expect(response["X-Request-Id"]?.count == 32)
            #expect(try await client.end() == "")
        }
    }

    @Test("505 for another HTTP")
    func version() async throws {
        try await withServer(echoRoutes) { server in
            let response = try await server.exchange("GET /open HTTP/2.0\r\nHost: a\r\n\r\n")
            #expect(response.status == 505)
        }
    }

    @Test("431 for headers that are too large or too many, 414 for a target that is too long")
    func overflow() async throws {
        try await withServer(echoRoutes) { server in
            let large = "X: " + String(repeating: "x", count: 50_000)
            let many = (0..<120).map { "X-\($0): y" }
            let sum = (0..<50).map { "X-\($0): \(String(repeating: "y", count: 1000))" }
            for headers in [[large], many, sum] {
                let client = try server.client()
                let response = try await client.exchange(request("GET", "/open", headers))
                #expect(response.status == 431)
                #expect(response.code == "headers-too-large")
                #expect(try await client.end() == "")
            }
            for length in [9_000, 100_000, 1_000_000] {
                let client = try server.client()
                let response = try await client.exchange(get("/" + String(repeating: "x", count: length)))
                #expect(response.status == 414, "\(length)")
                #expect(response.code == "uri-too-long")
                #expect(try await client.end() == "")
            }
            let fits = (0..<30).map { "X-\($0): \(String(repeating: "y", count: 1000))" }
            let path = "/open?q=" + String(repeating: "x", count: 8000)
            #expect(try await server.exchange(request("GET", path, fits)).status == 200)
        }
    }

    @Test("100 Continue is sent after the checks, and not to a request that they refuse")
    func expectation() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            let expecting = json + ["Content-Length: 2", "Expect: 100-continue"]
            #expect(try await client.exchange(request("POST", "/echo", expecting)).status == 100)
            #expect(try await client.exchange("{}").body.hasSuffix("[{}]"))
            let refused = try await client.exchange(request("POST", "/v1/orders", expecting))
            #expect(refused.status == 401)
            #expect(refused["Connection"] == "close")
            #expect(try await client.end() == "")
            let other = try server.client()
            let unknown = json + ["Content-Length: 2", "Expect: more"]
            #expect(try await other.exchange(request("POST", "/echo", unknown) + "{}").status == 417)
        }
    }

    @Test("an offer to upgrade is answered, and the connection closed, since NIO reads no further")
    func upgrade() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            let response = try await client.exchange(get("/open", "Connection: Upgrade", "Upgrade: h2c"))
            #expect(response.status == 200)
            #expect(response["Connection"] == "close")
            #expect(try await client.end() == "")
        }
    }

    @Test("a client that ends its side after the request still gets a large answer whole")
    func halfClose() async throws {
        let large = Route(.get, "/large", access: .open) { _ in
            Reply(status: .ok, body: .bytes([UInt8](repeating: 65, count: 4_000_000)))
        }
        try await withServer([large]) { server in
            let client = try server.client(receiveBuffer: 4096)
            try await client.send(get("/large"))
            client.endSending()
            #expect(try await client.response().body.utf8.count == 4_000_000)
            #expect(try await client.end() == "")
        }
    }

    @Test("beyond the most connections, the next one waits until one closes")
    func maxConnections() async throws {
        try await withServer(echoRoutes, configure: { $0.maxConnections = 2 }) { server in
            let first = try server.client()
            let second = try server.client()
            #expect(try await first.exchange(get("/open")).status == 200)
            #expect(try await second.exchange(get("/open", "Connection: close")).status == 200)
            let third = try server.client()
            try await third.send(get("/open"))
            second.endSending()
            #expect(try await third.response().status == 200)
            #expect(try await first.exchange(get("/open")).status == 200)
        }
    }
}
