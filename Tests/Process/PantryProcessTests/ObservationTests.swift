import DeterminismTestKit
import Foundation
import PantryTestKit
import StrictJSON
import StripeTestKit
import Testing

extension ProcessTests {
    /// What a running Pantry tells about itself.
    @Suite("Observation")
    struct ObservationTests {
        private let catalog = Catalog([Catalog.Item("TEA", price: 250, stocked: 100)])

        /// Starts a server with these variables, and waits until it is ready.
        private func start(
            _ installation: Installation, _ variables: [String: String] = [:]
        ) async throws
            -> PantryProcess
        {
            let process = try installation.launch(
                tracer: ["/usr/bin/env"] + variables.map { "\($0.key)=\($0.value)" })
            if case .ended(let exit) = try await process.readiness(within: .seconds(30)) {
                Issue.record("the server \(exit): \(process.errorText)")
            }
            return process
        }

        // MARK: Traces

        @Test func oneTreeFromTheRequestToTheBatch() async throws {
            try await Installation.with { installation in
                let file = installation.folder.appendingPathComponent("spans.jsonl").path
                let process = try await start(installation, ["PANTRY_TRACE_FILE": file])
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let (trace, caller) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
                let body = TenantSession.orderBody([(sku: "TEA", quantity: 2)], method: "pm_ok", key: "traced")
                let outcome = await (try process.client()).send(
                    PantryRequest(
                        "POST", "/v1/orders", .json(body), credential: shop.tenant.apiKey, idempotencyKey: "traced",
                        headers: ["traceparent": "00-\(trace)-\(caller)-01", "tracestate": "x=1"]))
                #expect(outcome.status == 201, "\(outcome)")
                let order = try #require(outcome.answer?["id"]?.string)
                process.terminate()
                #expect(try await process.ended(within: .seconds(11)) == .status(0))

                let spans = try Span.read(file).filter { $0.trace == trace }
                let tree = SpanTree(spans)
                let root = try #require(spans.first { $0.parent == caller })
                #expect(spans.filter { $0.parent == caller }.count == 1, "one span below the caller's")
                #expect(root.name == "POST /v1/orders" && root.kind == 2)
                #expect(root.attribute("http.route") == "/v1/orders")
                #expect(root.attribute("http.response.status_code") == "201")
                #expect(root.state == "x=1")
                for span in spans { #expect(tree.root(of: span) == root.id, "\(span.name) is not below the request") }

                let first = try #require(spans.first { $0.name == "lane PlaceOrder" })
                #expect(first.parent == root.id)
                // Alone in its batch, it tells of that.
                #expect(!spans.contains { $0.name == "BATCH shard-0" })
                #expect(first.kind == 3 && first.attribute("db.system.name") == "sqlite")
                // Key, stock, reservation, order, payment, saga, its log, events.
                #expect(first.attribute("pantry.batch.rows").flatMap { Int($0) } ?? 0 >= 9)
                #expect(first.attribute("pantry.batch.commands") == "1")
                #expect(first.attribute("pantry.queue.wait_us").flatMap { Int($0) } != nil)
                let saga = try #require(spans.first { $0.name == "saga checkout" })
                #expect(saga.parent == root.id)
                #expect(saga.attribute("pantry.saga.outcome") == "ended")
                let payment = try #require(spans.first { $0.name == "payment authorize" })
                #expect(payment.parent == saga.id && payment.attribute("pantry.payment.outcome") == "done")
                let confirmation = "lane SagaCommand<AdvanceSaga<CheckoutState>>"
                #expect(spans.contains { $0.name == confirmation && $0.parent == saga.id }, "\(spans.map(\.name))")

                try await expectOutbox(of: order, in: installation, carries: "00-\(trace)-\(root.id)-01")
                #expect(process.errorText.contains("\"traceId\":\"\(trace)\""), "the access log names the trace")
            }
        }

        private func expectOutbox(
            of order: String, in installation: Installation, carries traceparent: String
        ) async throws {
            let file = installation.dataDirectory.appendingPathComponent("shard-0.db").path
            let query = "SELECT type, traceparent FROM outbox WHERE data LIKE '%\(order)%'"
            let result = try await Program.run("/usr/bin/env", ["sqlite3", "-readonly", file, query])
            let rows = result.text.split(separator: "\n")
            #expect(rows.contains { $0.hasPrefix("order:confirmed|") }, "\(result.errors)")
            for row in rows { #expect(row.hasSuffix("|\(traceparent)"), "\(row)") }
        }

        @Test func stripeIsToldThePaymentsSpanInTheRequestsTrace() async throws {
            let heard = Notes<LedgerRequest>()
            let stripe = try await StripeTestServer(
                ledger: StripeLedger(metadataPrefix: "pantry"), onRequest: { heard.note($0) })
            var settings = InstallationSettings()
            settings["payments", "provider"] = "stripe"
            settings["payments", "url"] = "\"\(stripe.baseURL)\""
            settings["payments", "key"] = "sk_test_key"
            settings["payments", "webhookSecrets"] = "[whsec_of_a_test]"
            try await Installation.with(settings) { installation in
                let file = installation.folder.appendingPathComponent("spans.jsonl").path
                let process = try await start(installation, ["PANTRY_TRACE_FILE": file])
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
                let body = TenantSession.orderBody([(sku: "TEA", quantity: 1)], method: "pm_card_visa", key: "traced")
                let outcome = await (try process.client()).send(
                    PantryRequest(
                        "POST", "/v1/orders", .json(body), credential: shop.tenant.apiKey, idempotencyKey: "traced",
                        headers: ["traceparent": "00-\(trace)-00f067aa0ba902b7-01", "tracestate": "x=1"]))
                #expect(outcome.status == 201, "\(outcome)")
                process.terminate()
                #expect(try await process.ended(within: .seconds(11)) == .status(0))
                let payments = try Span.read(file).filter { $0.trace == trace && $0.name.hasPrefix("payment ") }
                let told = Set(payments.map { "00-\(trace)-\($0.id)-01" })
                #expect(heard.all.count >= 2, "a charge is two requests")
                for request in heard.all {
                    #expect(told.contains(request.traceparent ?? ""), "\(request.path): \(request.traceparent ?? "-")")
                    #expect(request.tracestate == "x=1")
                }
            }
            await stripe.stop()
        }

        @Test func withoutVariablesTheCallersTraceIsPassedOnAsItIs() async throws {
            try await Installation.with { installation in
                let process = try await installation.start()
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                let body = TenantSession.orderBody([(sku: "TEA", quantity: 1)], method: "pm_ok", key: "k")
                let outcome = await (try process.client()).send(
                    PantryRequest(
                        "POST", "/v1/orders", .json(body), credential: shop.tenant.apiKey, idempotencyKey: "k",
                        headers: ["traceparent": traceparent]))
                let order = try #require(outcome.answer?["id"]?.string)
                try await expectOutbox(of: order, in: installation, carries: traceparent)
            }
        }

        @Test(arguments: [
            ("OTEL_TRACES_SAMPLER", "sometimes", "must be always_on"),
            ("OTEL_TRACES_SAMPLER_ARG", "2", "between 0 and 1"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "must be a URL"),
            ("PANTRY_TRACE_FILE", "/nowhere/spans.jsonl", "cannot be written"),
        ])
        func aBadVariableStopsTheStart(name: String, value: String, says: String) async throws {
            try await Installation.with { installation in
                let process = try installation.launch(tracer: ["/usr/bin/env", "\(name)=\(value)"])
                let exit = try await process.ended(within: .seconds(20))
                #expect(!exit.isSuccess)
                for words in [name, value, says] { #expect(process.errorText.contains(words), "\(process.errorText)") }
            }
        }

        // MARK: Metrics

        @Test func theMetricsAgreeWithWhatWasSent() async throws {
            try await Installation.with { installation in
                let process = try await installation.start()
                let shop = try await Shop.open(catalog, in: installation, on: process)
                let session = try shop.session(on: process)
                for number in 0..<3 {
                    #expect(await session.order([(sku: "TEA", quantity: 1)], key: "good-\(number)").status == 201)
                }
                #expect(await session.order([(sku: "TEA", quantity: 1_000)], key: "short").status == 409)
                let declined = await session.order([(sku: "TEA", quantity: 1)], method: "pm_declined", key: "declined")
                #expect(declined.status == 402)
                let client = session.client
                for path in ["/nothing/here", "/v1/nothing"] { #expect(await client.get(path).status == 404) }
                #expect(await client.send("PUT", "/v1/orders").status == 405)
                #expect(await client.get("/v1/orders").status == 401)

                let answer = try #require(await client.get("/metrics").answer)
                #expect(answer.status == 200)
                #expect(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
                let page = String(decoding: answer.body, as: UTF8.self)
                try await expectClean(page, in: installation)
                let metrics = MetricsPage(page)
                let orders = #"method="POST",route="/v1/orders""#
                for (series, value) in [
                    ("pantry_http_requests_total{\(orders),status=\"201\"}", 3),
                    ("pantry_http_requests_total{\(orders),status=\"409\"}", 1),
                    ("pantry_http_requests_total{\(orders),status=\"402\"}", 1),
                    ("pantry_http_request_duration_seconds_count{\(orders)}", 5),
                    (#"pantry_http_requests_total{method="GET",route="unmatched",status="404"}"#, 2),
                    (#"pantry_http_requests_total{method="PUT",route="unmatched",status="405"}"#, 1),
                    (#"pantry_http_requests_total{method="GET",route="/v1/orders",status="401"}"#, 1),
                    (#"pantry_orders_total{outcome="confirmed"}"#, 3),
                    (#"pantry_orders_total{outcome="declined"}"#, 1),
                    (#"pantry_sagas_total{definition="checkout",outcome="ended"}"#, 4),
                    (#"pantry_provider_calls_total{operation="authorize",outcome="done"}"#, 3),
                    (#"pantry_provider_calls_total{operation="authorize",outcome="refused"}"#, 1),
                    ("pantry_sagas_running", 0), ("pantry_ready", 1),
                    // The scrape itself.
                    ("pantry_http_requests_in_flight", 1),
                ] as [(String, Double)] {
                    #expect(metrics[series] == value, "\(series)")
                }
                // Two commits for each order that came to a payment, one for the one that did not.
                let batches = metrics[#"pantry_lane_batch_commands_count{database="shard-0"}"#] ?? 0
                #expect(batches >= 9)
                #expect(metrics[#"pantry_commit_duration_seconds_count{database="shard-0"}"#] ?? 0 >= 8)
                #expect(metrics["process_resident_memory_bytes"] ?? 0 > 1_000_000)

                let open = await client.send(
                    PantryRequest(
                        "GET", "/metrics", headers: ["Accept": "application/openmetrics-text;version=1.0.0"]))
                #expect(
                    open.answer?.header("Content-Type")
                        == "application/openmetrics-text; version=1.0.0; charset=utf-8")
                #expect(open.answer.map { String(decoding: $0.body, as: UTF8.self).hasSuffix("# EOF\n") } == true)
                try await shop.expectNoViolations(on: process)
            }
        }

        private func expectClean(_ page: String, in installation: Installation) async throws {
            let file = installation.folder.appendingPathComponent("metrics.txt")
            try Data(page.utf8).write(to: file)
            let check = try await Program.run("/bin/sh", ["-c", "promtool check metrics <'\(file.path)'"])
            #expect(check.exit.isSuccess, "\(check.text)\(check.errors)")
            #expect(check.text + check.errors == "")
        }
    }
}

/// A span as it stands in the file.
private struct Span {
    var trace: String
    var id: String
    var parent: String?
    var name: String
    var kind: Int64
    var state: String?
    private var attributes: [JSONValue]

    func attribute(_ key: String) -> String? {
        let value = attributes.first { $0.object?["key"]?.string == key }?.object?["value"]?.object
        return value?["stringValue"]?.string ?? value?["intValue"]?.string
    }

    static func read(_ file: String) throws -> [Span] {
        var spans: [Span] = []
        for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
            for resource in try JSONReader.parse(String(line)).object?["resourceSpans"]?.array ?? [] {
                for scope in resource.object?["scopeSpans"]?.array ?? [] {
                    spans += (scope.object?["spans"]?.array ?? []).compactMap { $0.object.flatMap(Span.init) }
                }
            }
        }
        return spans
    }

    init?(_ json: JSONObject) {
        guard let trace = json["traceId"]?.string, let id = json["spanId"]?.string, let name = json["name"]?.string
        else { return nil }
        (self.trace, self.id, self.name) = (trace, id, name)
        (parent, state) = (json["parentSpanId"]?.string, json["traceState"]?.string)
        kind = json["kind"]?.integer ?? 0
        attributes = json["attributes"]?.array ?? []
    }
}

/// Who is below whom.
private struct SpanTree {
    private let parents: [String: String]

    init(_ spans: [Span]) {
        parents = Dictionary(spans.map { ($0.id, $0.parent ?? "") }, uniquingKeysWith: { first, _ in first })
    }

    /// The highest span above this one that is there.
    func root(of span: Span) -> String {
        var id = span.id
        var steps = 0
        while let parent = parents[id], parents[parent] != nil, steps < 100 { (id, steps) = (parent, steps + 1) }
        return id
    }
}
