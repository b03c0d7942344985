import PantryHTTP
import StrictJSON
import Testing

@Suite("Routes: product imports", .timeLimit(.minutes(2)))
struct RoutesImportTests {
    private static let path = "/v1/product-imports"
    private static let header = "sku,name,amount,currency,category,onHand\n"

    /// `count` rows `S-1` … with 10 units each.
    private func rows(_ range: ClosedRange<Int>, onHand: Int = 10) -> String {
        range.map { "S-\($0),Product \($0),\($0),USD,,\(onHand)\n" }.joined()
    }

    private func upload(
        _ client: PantryClient, _ text: String, type: String = "text/csv", key: String? = nil, path: String = path
    ) async throws -> PantryReply {
        PantryReply(
            response: try await client.harness.exchange(
                request("POST", path, headers(client, type, key), body: text)))
    }

    private func headers(_ client: PantryClient, _ type: String = "text/csv", _ key: String?) -> [String] {
        var headers = ["Content-Type: \(type)"]
        if let credential = client.credential { headers.append("Authorization: Bearer \(credential)") }
        if let key { headers.append("Idempotency-Key: \(key)") }
        return headers
    }

    /// An upload whose end has not come yet.
    private func begin(_ client: PantryClient, _ text: String, key: String) async throws -> TestClient {
        let socket = try client.harness.client()
        try await socket.send(
            request("POST", Self.path, headers(client, key) + ["Transfer-Encoding: chunked"]) + chunk(text))
        return socket
    }

    private func headers(_ client: PantryClient, _ key: String) -> [String] { headers(client, "text/csv", key) }

    private func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }

    /// Waits until a chunk of rows is durable.
    private func untilStored(_ sku: String, _ client: PantryClient) async throws {
        for _ in 0..<10_000 {
            if try await client.get("/v1/products/\(sku)").status == 200 { return }
        }
        throw TestClient.Failure(description: "\(sku) never comes")
    }

    @Test("CSV and NDJSON bring the same; again, nothing changes; wrong rows are told by line")
    func formats() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            let csv = Self.header + "A,Apple,250,USD,fruit,5\nB b,Bad,1,USD,,\nC,\"Cake, whole\",900,USD,,1\n"
            let first = try await upload(shop, csv)
            #expect(first.status == 200)
            #expect(first.header("Pantry-Consistency-Token") != nil)
            #expect(first["imported"] == 2)
            #expect(first["failed"] == 1)
            let errors = first["errors"]?.array ?? []
            #expect(errors.map { $0.object?["line"] } == [3])
            #expect(errors.map { $0.object?["code"] } == ["invalid-sku"])
            let before = try await shop.get("/v1/products").response.body
            let ndjson = [
                #"{"sku":"A","name":"Apple","unitPrice":{"amount":250,"currency":"USD"},"category":"fruit"}"#,
                #"{"sku":"C","name":"Cake, whole","unitPrice":{"amount":900,"currency":"USD"},"onHand":1}"#,
            ].joined(separator: "\n")
            for type in ["application/x-ndjson", "application/ndjson; charset=utf-8", "application/jsonl"] {
                let again = try await upload(shop, ndjson, type: type)
                #expect(again.status == 200)
                #expect(again.response.body == #"{"imported":2,"failed":0,"errors":[]}"#)
            }
            #expect(try await shop.get("/v1/products").response.body == before, "not even updatedAt")
            #expect(try await shop.get("/v1/stock/A/ledger").items.count == 1)
            #expect(try await shop.balance("A") == [5, 0, 5])
        }
    }

    /// A row of seven kilobytes made a detail of eighty-six, a thousand of which were kept, answered, and parsed on the
    /// lane with every chunk.
    @Test("of a row with a thousand faults, some are told")
    func manyFaults() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            let members = (0..<1_000).map { "\"m\($0)\":1" }.joined(separator: ",")
            let reply = try await upload(shop, "{\(members)}\n", type: "application/x-ndjson", key: "k")
            #expect(reply.status == 200)
            let detail = reply["errors"]?.array?.first?.object?["detail"]?.string ?? ""
            #expect(detail.contains("more.") && detail.utf8.count < 800, "\(detail)")
        }
    }

    /// What had been imported by then could be missed by a read that went to a replica right afterwards.
    @Test("an import that stops says how far the log had come, too")
    func tokenOfAStop() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            let socket = try await begin(shop, Self.header + rows(1...300), key: "k")
            try await untilStored("S-250", shop)
            try await socket.send(chunk(String(repeating: "x", count: 200_000)) + chunk("\n") + "0\r\n\r\n")
            let reply = PantryReply(response: try await socket.response())
            #expect(reply.status == 400, "\(reply.response.body)")
            #expect(reply["import"]?.object?["imported"] == 300)
            #expect(reply.header("Pantry-Consistency-Token") != nil)
        }
    }

    /// Some slow senders took the room in which everybody's orders are answered.
    @Test("one organization's slow uploads take nobody's room")
    func slowUploads() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            var slow: [TestClient] = []
            for number in 0..<4 {
                slow.append(try await begin(shop, Self.header + rows(1...260), key: "k\(number)"))
                try await untilStored("S-250", shop)
            }
            let fifth = try await upload(shop, Self.header + rows(1...1))
            #expect(fifth.status == 503 && fifth.code == "overloaded")
            let other = try await pantry.organization()
            #expect(try await upload(other, Self.header + rows(1...1)).status == 200)
            for socket in slow {
                try await socket.send("0\r\n\r\n")
                #expect(try await socket.response().status == 200)
            }
            #expect(try await upload(shop, Self.header + rows(1...1)).status == 200)
        }
    }

    @Test("more than an ordinary body may have, in many chunks, with orders in between")
    func large() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.shop()
            // As long as a row can be: what counts here are bytes.
            let (name, category) = (String(repeating: "🥑", count: 200), String(repeating: "🥑", count: 100))
            let text = Self.header + (1...1_000).map { "S-\($0),\(name),\($0),USD,\(category),1\n" }.joined()
            #expect(text.utf8.count > 1_100_000)
            async let order = shop.order(key: "meanwhile")
            let reply = try await upload(shop, text)
            #expect(reply["imported"] == 1_000)
            #expect(try await order.status == 201)
            #expect(try await shop.balance("S-1000") == [1, 0, 1])
        }
    }

    @Test("who may, and what else is refused before a row is read")
    func refusals() async throws {
        try await withPantry { pantry in
            let admin = try await pantry.organization()
            let reader = pantry.client(try await admin.send("POST", "/v1/keys", #"{"role":"read"}"#).text("apiKey"))
            #expect(try await upload(reader, Self.header).status == 403)
            #expect(try await upload(pantry.client(nil), Self.header).status == 401)
            #expect(try await upload(pantry.asOperator, Self.header).status == 403)
            #expect(try await upload(admin, "{}", type: "application/json").code == "unsupported-media-type")
            #expect(try await upload(admin, Self.header, type: "text/csv; charset=latin1").status == 415)
            let bare = try await admin.send("POST", Self.path)
            #expect(bare.code == "malformed-request")
            #expect(try await upload(admin, Self.header, path: "\(Self.path)?dry=1").code == "malformed-request")
            #expect(try await upload(admin, Self.header, key: "with space").code == "malformed-request")
            let none = try await upload(admin, Self.header)
            #expect(none.response.body == #"{"imported":0,"failed":0,"errors":[]}"#)
            #expect(try await admin.get("/v1/products").items.isEmpty)
        }
    }

    @Test("what is no table: 400 with the line, and what was imported before it")
    func unreadable() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            let wrong = try await upload(shop, "sku,price\nA,1\n")
            #expect(wrong.status == 400)
            #expect(wrong.code == "malformed-request")
            #expect(wrong["line"] == 1)
            #expect(wrong["import"] == nil)
            #expect(try wrong.text("detail").contains("sku,name,amount,currency"))

            let open = try await upload(shop, Self.header + rows(1...300) + "x x,X,1,USD,,\nB,\"open,1,USD,,\n")
            #expect(open.status == 400)
            #expect(open["line"] == 303)
            #expect(open["import.imported"] == 300)
            #expect(open["import.failed"] == 1)
            #expect(open["import.errors"]?.array?.first?.object?["line"] == 302)
            #expect(try open.text("detail").contains("300 rows were imported and 1 were refused"))
            #expect(try await shop.balance("S-300") == [10, 0, 10])

            let long = Self.header + rows(1...1) + String(repeating: "x", count: 70_000)
            let over = try await upload(shop, long)
            #expect(over["line"] == 3)
            #expect(try over.text("detail").contains("65536 bytes"))
        }
    }

    @Test("a key: a finished import is told again, and is not another one's")
    func replay() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            let text = Self.header + rows(1...300) + "x x,X,1,USD,,\n"
            let first = try await upload(shop, text, key: "k")
            #expect(first.status == 200)
            #expect(!first.isReplay)
            #expect(try await shop.order("S-1", 4, key: "o").status == 201)
            #expect(
                try await shop.send(
                    "POST", "/v1/stock/S-2/adjustments", #"{"delta":-3,"reason":"sold"}"#, key: "a"
                ).status == 201)
            let again = try await upload(shop, text, key: "k")
            #expect(again.status == 200)
            #expect(again.isReplay)
            #expect(again.response.body == first.response.body)
            #expect(try await shop.balance("S-2") == [7, 0, 7], "the older count is not set again")

            let others = [
                Self.header + rows(1...300, onHand: 11) + "x x,X,1,USD,,\n", text + rows(301...301), text + "\n",
                String(text.dropLast()), Self.header, "", text.replacing("Product 7,", with: "Product 8,"),
            ]
            for other in others {
                let reply = try await upload(shop, other, key: "k")
                #expect(reply.status == (other.isEmpty ? 400 : 422), "\(other.prefix(80)): \(reply.response.body)")
                if !other.isEmpty { #expect(reply.code == "idempotency-key-reused") }
            }
            let lines = #"{"sku":"A","name":"A","unitPrice":{"amount":1,"currency":"USD"}}"#
            #expect(try await upload(shop, lines, type: "application/jsonl", key: "k").status == 422)
            let other = try await pantry.organization()
            #expect(try await upload(other, text, key: "k").isReplay == false)
        }
    }

    @Test("a key: after a lost connection it goes on behind the last durable row, sums included")
    func resume() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            let start = Self.header + "x x,X,1,USD,,\n\n" + rows(1...250)
            let text = start + rows(251...400)
            do {
                let lost = try await begin(shop, start, key: "k")
                try await untilStored("S-250", shop)
                lost.endSending()
                _ = try await lost.end()
            }
            #expect(
                try await shop.send(
                    "POST", "/v1/stock/S-1/adjustments", #"{"delta":-3,"reason":"sold"}"#, key: "a"
                ).status == 201)
            let other = text.replacing("Product 9,", with: "Product 0,")
            #expect(try await upload(shop, other, key: "k").code == "idempotency-key-reused")
            let reply = try await upload(shop, text, key: "k")
            #expect(reply.status == 200)
            #expect(!reply.isReplay)
            #expect(reply["imported"] == 400)
            #expect(reply["failed"] == 1)
            #expect(reply["errors"]?.array?.first?.object?["line"] == 2)
            #expect(try await shop.balance("S-1") == [7, 0, 7], "what was sold since stays sold")
            #expect(try await shop.balance("S-400") == [10, 0, 10])
            #expect(try await upload(shop, text, key: "k").isReplay)
        }
    }

    @Test("a key: a repeat takes over from a request that is still at work, which then hears 409")
    func takeover() async throws {
        try await withPantry { pantry in
            let shop = try await pantry.organization()
            let text = Self.header + rows(1...600)
            let slow = try await begin(shop, Self.header + rows(1...300), key: "k")
            try await untilStored("S-250", shop)
            let reply = try await upload(shop, text, key: "k")
            #expect(reply["imported"] == 600)
            try await slow.send(chunk(rows(301...600)) + "0\r\n\r\n")
            let late = PantryReply(response: try await slow.response())
            #expect(late.status == 409)
            #expect(late.code == "idempotency-in-progress")
            #expect(try await shop.get("/v1/stock/S-600/ledger").items.count == 1)
        }
    }

    @Test("the operator imports for an organization")
    func operatorRoute() async throws {
        try await withPantry { pantry in
            let made = try await pantry.asOperator.send("POST", "/v1/organizations", #"{"name":"Grocer"}"#)
            let (id, shop) = (try made.text("id"), pantry.client(try made.text("apiKey")))
            let path = "/ops/organizations/\(id)/product-imports"
            let text = Self.header + rows(1...3)
            #expect(try await upload(shop, text, path: path).status == 403)
            let reply = try await upload(pantry.asOperator, text, key: "k", path: path)
            #expect(reply["imported"] == 3)
            #expect(try await upload(pantry.asOperator, text, key: "k", path: path).isReplay)
            #expect(try await shop.balance("S-3") == [10, 0, 10])
            let unknown = path.replacing(id, with: "org_nobody")
            #expect(try await upload(pantry.asOperator, text, path: unknown).status == 404)
        }
    }
}
