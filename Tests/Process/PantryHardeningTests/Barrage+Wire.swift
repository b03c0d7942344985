import Foundation
import PantryTestKit
import StrictJSON
import Testing

extension Barrage {
    /// Bytes on a connection, and how the answer to them begins.
    struct WireCase: Sendable {
        var name: String
        var bytes: [UInt8]
        var status: Int
        var code: String

        init(_ name: String, _ text: String, _ status: Int, _ code: String = "malformed-request") {
            self.init(name, bytes: Array(text.utf8), status, code)
        }
        init(_ name: String, bytes: [UInt8], _ status: Int, _ code: String = "malformed-request") {
            (self.name, self.bytes, self.status, self.code) = (name, bytes, status, code)
        }
    }

    private var body: String { #"{"items":[{"sku":"apple","quantity":1}]}"# }
    private var chunked: String { "28\r\n\(body)\r\n0\r\n\r\n" }

    /// An order that would go through if only its framing were right.
    private func order(_ headers: String, _ body: String, line: String = "POST /v1/orders HTTP/1.1") -> String {
        "\(line)\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer \(grocery.owner.apiKey)\r\n"
            + "Content-Type: application/json\r\nIdempotency-Key: smuggled\r\n\(headers)\r\n\(body)"
    }
    private func get(_ target: String, _ headers: String = "") -> String {
        "GET \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + "Authorization: Bearer \(grocery.owner.apiKey)\r\n\(headers)\r\n"
    }

    var raw: [WireCase] { framings + chunks + lines + sizes }

    /// What two servers in a row may understand differently.
    private var framings: [WireCase] {
        let length = "Content-Length: \(body.utf8.count)\r\n"
        let coding = "Transfer-Encoding: chunked\r\n"
        return [
            WireCase("TE and CL", order(coding + "Content-Length: 5\r\n", chunked), 400),
            WireCase("CL and TE", order("Content-Length: 5\r\n" + coding, chunked), 400),
            WireCase("two lengths", order(length + "Content-Length: 3\r\n", body), 400),
            WireCase("one length twice", order(length + length, body), 400),
            WireCase("a list of lengths", order("Content-Length: 40, 40\r\n", body), 400),
            WireCase("+40", order("Content-Length: +40\r\n", body), 400),
            WireCase("-1", order("Content-Length: -1\r\n", body), 400),
            WireCase("hexadecimal", order("Content-Length: 0x28\r\n", body), 400),
            WireCase("endless", order("Content-Length: 99999999999999999999\r\n", body), 400),
            WireCase("no length", order("Content-Length: \r\n", body), 400),
            WireCase("blank before colon", order("Content-Length : 40\r\n", body), 400),
            WireCase("TE, blank", order("Transfer-Encoding : chunked\r\n", chunked), 400),
            WireCase("xchunked", order("Transfer-Encoding: xchunked\r\n", chunked), 400),
            WireCase("chunked, identity", order("Transfer-Encoding: chunked, identity\r\n", chunked), 400),
            WireCase("gzip, chunked", order("Transfer-Encoding: gzip, chunked\r\n", chunked), 400),
            WireCase("twice chunked", order(coding + coding, chunked), 400),
            WireCase("vertical tab", order("Transfer-Encoding:\u{B}chunked\r\n", chunked), 400),
            WireCase("chunked 1.0", order(coding, chunked, line: "POST /v1/orders HTTP/1.0"), 400),
        ]
    }

    private var chunks: [WireCase] {
        let coding = "Transfer-Encoding: chunked\r\n"
        let large = "10000\r\n\(String(repeating: " ", count: 65_536))\r\n"
        return [
            WireCase("no hex", order(coding, "zz\r\n\(body)\r\n0\r\n\r\n"), 400),
            WireCase("negative", order(coding, "-28\r\n\(body)\r\n0\r\n\r\n"), 400),
            WireCase("overflow", order(coding, "ffffffffffffffffff\r\n\(body)\r\n0\r\n\r\n"), 400),
            WireCase("bare line feed", order(coding, "28\n\(body)\r\n0\r\n\r\n"), 400),
            WireCase("longer than said", order(coding, "28\r\n\(body)XX\r\n0\r\n\r\n"), 400),
            WireCase(
                "many trailers", order(coding, "28\r\n\(body)\r\n0\r\n" + Self.headers(20_000)), 431,
                "headers-too-large"),
            WireCase("too large", order(coding, String(repeating: large, count: 20)), 413, "body-too-large"),
        ]
    }

    private static func headers(_ count: Int) -> String { String(repeating: "X-Filler: a\r\n", count: count) }

    /// Request lines and headers.
    private var lines: [WireCase] {
        let length = "Content-Length: 40\r\n"
        let credentials = "Authorization: Bearer not-a-secret-but-a-header\r\n"
        return [
            WireCase("folded header", order("X: a\r\n b\r\n" + length, body), 400),
            WireCase("bare line feed", order("X: a\nY: b\r\n" + length, body), 400),
            WireCase("bare return", order("X: a\rY: b\r\n" + length, body), 400),
            WireCase("NUL in a header", order("X: a\u{0}b\r\n" + length, body), 400),
            WireCase("NUL in a name", order("X\u{0}: a\r\n" + length, body), 400),
            WireCase("second host", order("Host: y\r\n" + length, body), 400),
            WireCase("no host", "GET /livez HTTP/1.1\r\n\r\n", 400),
            WireCase("two credentials", order(credentials + length, body), 400),
            WireCase("two media types", order("Content-Type: text/plain\r\n" + length, body), 400),
            WireCase("two keys", order("Idempotency-Key: other\r\n" + length, body), 400),
            WireCase("key that is not ASCII", order(length, body).replacingOccurrences(of: "smuggled", with: "é"), 400),
            WireCase("expects more", order("Expect: a-miracle\r\n" + length, body), 417, "expectation-failed"),
            WireCase("HTTP/2.0", "GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", 505, "unsupported-http-version"),
            WireCase("HTTP/0.9", "GET /livez\r\n\r\n", 505, "unsupported-http-version"),
            WireCase("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
            WireCase("unknown method", get("/livez").replacingOccurrences(of: "GET", with: "BREW"), 400),
            WireCase("lower case", get("/livez").replacingOccurrences(of: "GET", with: "get"), 400),
            WireCase("TLS", bytes: [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3] + Array(repeating: 0x80, count: 200), 400),
            WireCase("tunnel", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            WireCase("fragment", get("/livez#a"), 400),
            WireCase(
                "not UTF-8", bytes: Array("GET /v1/products/".utf8) + [0xFF] + Array(get("").utf8.dropFirst(4)), 400),
            WireCase("raw UTF-8", get("/v1/products/é"), 400),
            WireCase("NUL in a path", get("/v1/orders/%00"), 400),
            WireCase("no UTF-8 in a path", get("/v1/products/%C3%28"), 400),
            WireCase("broken escape", get("/v1/products/%zz"), 400),
            WireCase("half an escape", get("/v1/orders/%"), 400),
            WireCase("escape in a query", get("/v1/orders?cursor=%"), 400),
            WireCase("escape in a name", get("/v1/orders?lim%zzt=1"), 400),
        ]
    }

    private var sizes: [WireCase] {
        let long = String(repeating: "a", count: 70_000)
        return [
            WireCase("declared too large", order("Content-Length: 1048577\r\n", ""), 413, "body-too-large"),
            WireCase("absurd length", order("Content-Length: 9223372036854775807\r\n", ""), 413, "body-too-large"),
            WireCase(
                "too large, asked first", order("Expect: 100-continue\r\nContent-Length: 1048577\r\n", ""), 413,
                "body-too-large"),
            WireCase("long path", get("/\(long.prefix(9_000))"), 414, "uri-too-long"),
            WireCase("very long path", get("/\(long)\(long)\(long)"), 414, "uri-too-long"),
            WireCase("long header", get("/livez", "X: \(long)\r\n"), 431, "headers-too-large"),
            WireCase("long name", get("/livez", "\(long): x\r\n"), 431, "headers-too-large"),
            WireCase("many headers", get("/livez", Self.headers(200)), 431, "headers-too-large"),
            WireCase("endless headers", get("/livez", Self.headers(50_000)), 431, "headers-too-large"),
        ]
    }

    func expect(_ item: WireCase) async throws {
        let answer = try await answer(to: item.bytes, item.name)
        #expect(answer.hasPrefix("HTTP/1.1 \(item.status) "), "\(item.name): \(answer.prefix(300))")
        #expect(answer.contains("\"code\":\"\(item.code)\""), "\(item.name): \(answer.suffix(300))")
        // One answer only: what follows such a request is never taken for another one.
        #expect(answer.components(separatedBy: "\r\nX-Request-Id: ").count == 2, "\(item.name): \(answer)")
    }

    /// Everything that comes until the server closes: by itself, in less than the ten seconds that it waits for a
    /// request's rest.
    func answer(to bytes: [UInt8], _ name: String, within limit: Duration = .seconds(8)) async throws -> String {
        let connection = try RawConnection(port: try #require(grocery.process.port))
        connection.send(bytes: bytes)
        var answer: [UInt8] = []
        do {
            try await Poll.untilTrue("the end of “\(name)”", within: limit, every: .milliseconds(2)) {
                guard let more = connection.receive() else { return true }
                answer += more
                return false
            }
        } catch {
            Issue.record("\(error), after \(String(decoding: answer.prefix(300), as: UTF8.self))")
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// Senders that never come to an end are shown out, all of them within the one real timeout.
    func slowSenders() async throws {
        let openings = [
            "", "GET /livez HT", "GET /livez HTTP/1.1\r\nHost: x\r\nX: ", order("Content-Length: 40\r\n", "{\"items\""),
            order("Transfer-Encoding: chunked\r\n", "28\r\n{"),
        ]
        let answers = try await openings.concurrentMap(limit: openings.count) { opening in
            try await answer(to: Array(opening.utf8), "slow: \(opening.prefix(20))", within: .seconds(25))
        }
        for (opening, answer) in zip(openings, answers) where !opening.isEmpty {
            #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(opening.suffix(40)): \(answer.prefix(200))")
            #expect(answer.contains("request-timeout"))
        }
    }

    /// Beside the refusals: unusual requests that are right, and change nothing.
    func wellFormed() async {
        let question = #"{"items":[{"sku":"apple","quantity":1}]}"#
        func calculate(_ headers: String, _ body: String, version: String = "1.1") -> String {
            order(headers, body, line: "POST /v1/orders/calculate HTTP/\(version)")
        }
        let alive = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        let requests: [(String, String, Int)] = [
            ("HTTP/1.0", calculate("Content-Length: 40\r\n", question, version: "1.0"), 1),
            (
                "chunks",
                calculate("Transfer-Encoding: chunked\r\n", "1;a=b\r\n{\r\n27\r\n\(question.dropFirst())\r\n0\r\n\r\n"),
                1
            ),
            ("trailer", calculate("Transfer-Encoding: chunked\r\n", "28\r\n\(question)\r\n0\r\nX: a\r\n\r\n"), 1),
            ("pipeline", String(repeating: alive, count: 100) + get("/v1/organization"), 101),
            ("absolute", get("http://x/livez"), 1), ("blank lines first", "\r\n\r\n" + get("/livez"), 1),
        ]
        for (name, text, count) in requests {
            let answer = (try? await answer(to: Array(text.utf8), name)) ?? "nothing"
            #expect(
                answer.components(separatedBy: "HTTP/1.1 200 OK").count == count + 1, "\(name): \(answer.prefix(400))")
        }
        let asking = calculate("Expect: 100-continue\r\nContent-Length: 40\r\n", question)
        let answer = (try? await answer(to: Array(asking.utf8), "100-continue")) ?? "nothing"
        #expect(answer.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"), "\(answer.prefix(200))")
    }
}
