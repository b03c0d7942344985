import Determinism
import RateLimiting
import StrictJSON
import Testing

@testable import PantryHTTP

/// An organization's events, by polls and as streams.
@Suite("Routes: events", .timeLimit(.minutes(1)))
struct RoutesEventTests {
    @Test("a poll has the events behind a position, in order, each with a token that a read takes")
    func poll() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            let none = try await shop.get("/v1/events?after=0&wait=0")
            #expect(none.status == 200 && none.items.isEmpty)
            #expect(none["page.nextCursor"] == "0" && none["page.hasMore"] == false)

            try await shop.stock("APPLE-1", onHand: 10)
            let order = try await shop.order(key: "first").text("id")
            let all = try await shop.get("/v1/events?after=0&wait=0")
            #expect(all.positions == Array(1...Int64(all.items.count)))
            let last = try #require(all.positions.last)
            #expect(all["page.nextCursor"]?.string == "\(last)" && all["page.hasMore"] == false)
            let types = all.types
            #expect(types.contains("order:created") && types.last == "order:confirmed", "\(types)")
            #expect(all.header("Cache-Control") == "no-store")
            #expect(all.header("Pantry-Served-By") == "shard-0/primary")

            let token = try #require(all.header("Pantry-Consistency-Token"))
            let tokens = all.items.map { $0.object?["consistencytoken"]?.string }
            #expect(tokens == Array(repeating: token, count: tokens.count))
            let read = try await shop.get("/v1/orders/\(order)", headers: ["Pantry-Consistency-Token: \(token)"])
            #expect(read.status == 200 && read["status"] == "confirmed")

            var paged: [Int64] = []
            while Int64(paged.count) < last {
                let page = try await shop.get("/v1/events?after=\(paged.last ?? 0)&wait=0&limit=2")
                #expect(!page.items.isEmpty && page.items.count <= 2)
                paged += page.positions
                #expect(page["page.hasMore"] == .bool(paged.last != last))
                if page.items.isEmpty { break }
            }
            #expect(paged == all.positions)
        }
    }

    @Test("without a position: the events from now on")
    func fromNowOn() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            _ = try await shop.order(key: "before")
            let now = try await shop.get("/v1/events?wait=0")
            #expect(now.items.isEmpty)
            let cursor = try now.text("page.nextCursor")
            #expect(try await shop.get("/v1/events?after=0&wait=0").positions.last.map { "\($0)" } == cursor)
            let order = try await shop.order(key: "after").text("id")
            let next = try await shop.get("/v1/events?after=\(cursor)&wait=0")
            #expect(next.types.last == "order:confirmed")
            #expect(next.items.allSatisfy { $0.serialized().contains(order) })
        }
    }

    @Test("a poll that waits is answered as soon as something happens, and at its end if nothing does")
    func waiting() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let nothing = try await shop.get("/v1/events?wait=1")
            #expect(nothing.status == 200 && nothing.items.isEmpty && nothing["page.hasMore"] == false)
            let cursor = try nothing.text("page.nextCursor")
            async let waiting = shop.get("/v1/events?after=\(cursor)&wait=60")
            let order = try await shop.order(key: "first").text("id")
            // Far below the sixty seconds, or the suite's time is over.
            let reply = try await waiting
            #expect(reply.types.first == "order:created")
            #expect(reply.items.first?.object?["subject"]?.string == order)
        }
    }

    @Test("a stream has what a poll has, and goes on behind its last id")
    func stream() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let live = try EventClient(shop)
            try await live.open("/v1/events")
            let head = try await live.text(until: "\n\n")
            #expect(head.contains("\r\nContent-Type: text/event-stream\r\n"))
            #expect(head.contains("\r\nCache-Control: no-store\r\n") && head.contains("\r\nX-Accel-Buffering: no\r\n"))
            let first = try await shop.get("/v1/events?after=0&wait=0")
            let start = try first.text("page.nextCursor")
            #expect(head.hasSuffix("\r\n\r\nretry: 2000\nid: \(start)\n\n"))

            _ = try await shop.order(key: "first")
            let events = SentEvent.all(in: try await live.text(until: "event: order:confirmed\n", andThen: "\n\n"))
            let polled = try await shop.get("/v1/events?after=\(start)&wait=0")
            #expect(events.map(\.id) == polled.positions)
            #expect(events.map(\.type) == polled.types)
            #expect(events.map { $0["id"] } == polled.items.map { $0.object?["id"]?.string })
            #expect(events.allSatisfy { $0["consistencytoken"]?.isEmpty == false })

            // As `after`, as a header, and as a header that wins.
            let second = try #require(polled.positions.dropFirst().first)
            for (path, headers) in [
                ("?after=\(second)", []), ("", ["Last-Event-ID: \(second)"]),
                ("?after=0", ["Last-Event-ID: \(second)"]), ("?wait=60&after=\(second)", ["Accept: text/event-stream"]),
            ] {
                let client = try EventClient(shop)
                try await client.open("/v1/events\(path)", headers)
                let text = try await client.text(until: "event: order:confirmed\n", andThen: "\n\n")
                #expect(SentEvent.all(in: text).map(\.id) == polled.positions.filter { $0 > second }, "\(path)")
            }
        }
    }

    @Test("what nobody can go on from is refused, and says what would be right")
    func refused() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            for query in [
                "after=", "after=-1", "after=x", "after=1.5", "after=1234567890123456789", "after=1&after=2", "wait=61",
                "wait=-1", "wait=1s", "wait=", "wait=1&wait=2", "limit=0&wait=0", "limit=101&wait=0", "since=1",
            ] {
                let reply = try await shop.get("/v1/events?\(query)")
                #expect(reply.status == 400 && reply.code == "malformed-request", "\(query)")
            }
            for headers in [["Last-Event-ID: x"], ["Last-Event-ID:"], ["Last-Event-ID: 1", "Last-Event-ID: 2"]] {
                let reply = try await shop.get("/v1/events?wait=0", headers: headers)
                #expect(reply.status == 400 && reply.code == "malformed-request", "\(headers)")
                #expect(try reply.text("detail").contains("Last-Event-ID"))
            }
            #expect(try await pantry.client(nil).get("/v1/events?wait=0").status == 401)
            #expect(try await pantry.asOperator.get("/v1/events?wait=0").status == 403)
        }
    }

    @Test("another organization's events are nobody else's")
    func tenants() async throws {
        try await withPantry { pantry in
            let (shop, other) = (try await pantry.shop(), try await pantry.organization("Other"))
            _ = try await shop.order(key: "first")
            #expect(try await other.get("/v1/events?after=0&wait=0").items.isEmpty)
        }
    }

    @Test("a key that is revoked ends its streams in good order, and its polls with 401")
    func revoked() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            let made = try await shop.send("POST", "/v1/keys", #"{"role":"read"}"#)
            let reader = pantry.client(try made.text("apiKey"))
            let live = try EventClient(reader)
            try await live.open("/v1/events", version: "1.1")
            _ = try await live.text(until: "retry: 2000")
            let polling = try EventClient(reader)
            try await polling.open("/v1/events?wait=60", version: "1.1")
            let revoked = try await shop.send("DELETE", "/v1/keys/\(try made.text("id"))")
            #expect(revoked.status == 204)
            #expect(try await live.text(until: "0\r\n\r\n").hasSuffix("0\r\n\r\n"))
            #expect(try await polling.text(until: "unauthorized").hasPrefix("HTTP/1.1 401 "))
        }
    }

    @Test("a poll and a stream are one request each")
    func limits() async throws {
        let time = SystemTime()
        let store = try InMemoryRateLimitStore(time: time)
        let limits = RequestLimits(
            plans: [
                "standard": .init(
                    requests: try .fixedWindow("requests", quota: 2, per: .seconds(600)), orders: nil)
            ],
            anonymous: nil, form: .current,
            decide: { store.decision(for: $0, at: time.instant()) })
        try await withPantry(limits: limits) { pantry in
            let shop = try await pantry.organization()
            #expect(try await shop.get("/v1/events?wait=0").header("RateLimit")?.contains("r=1;") == true)
            let live = try EventClient(shop)
            try await live.open("/v1/events")
            #expect(try await live.text(until: "retry: 2000").contains("RateLimit: \"requests\";r=0;"))
            #expect(try await shop.get("/v1/events?wait=0").status == 429)
        }
    }
}

/// Opens a stream, or a poll, with a client's credential.
private struct EventClient {
    let connection: TestClient
    let credential: String

    init(_ client: PantryClient) throws {
        connection = try client.harness.client()
        credential = client.credential ?? ""
    }

    /// - Parameter version: 1.0 has no chunks between the events.
    func open(_ path: String, _ headers: [String] = [], version: String = "1.0") async throws {
        let lines = ["GET \(path) HTTP/\(version)", "Host: test", "Authorization: Bearer \(credential)"] + headers
        try await connection.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
    }

    /// What has come when a text has come, and behind it another one.
    func text(until mark: String, andThen end: String = "") async throws -> String {
        var text = try await connection.text(until: mark)
        guard let place = text.firstRange(of: mark)?.upperBound else { return text }
        if !end.isEmpty, !text[place...].contains(end) { text += try await connection.text(until: end) }
        return text
    }
}

/// An event of a stream.
private struct SentEvent {
    var id: Int64
    var type: String
    var data: JSONObject

    subscript(name: String) -> String? { data[name]?.string }

    static func all(in text: String) -> [SentEvent] {
        text.split(separator: "\n\n").compactMap { block in
            var fields: [Substring: Substring] = [:]
            for line in block.split(separator: "\n") {
                guard let colon = line.firstRange(of: ": ") else { continue }
                fields[line[..<colon.lowerBound]] = line[colon.upperBound...]
            }
            guard let id = fields["id"].flatMap({ Int64($0) }), let type = fields["event"],
                let data = fields["data"].flatMap({ try? JSONReader.parse(String($0)) })?.object
            else { return nil }
            return SentEvent(id: id, type: String(type), data: data)
        }
    }
}

extension PantryReply {
    fileprivate var positions: [Int64] { items.compactMap { $0.object?["position"]?.integer } }
    fileprivate var types: [String] { items.compactMap { $0.object?["type"]?.string } }
}
