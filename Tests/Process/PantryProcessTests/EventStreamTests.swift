import Foundation
import PantryTestKit
import StrictJSON
import Testing

extension ProcessTests {
    /// A client that follows events, beside orders and kills.
    @Suite("Events as they happen")
    struct EventStreamTests {
        @Test(.timeLimit(.minutes(3)))
        func eachEventOnceAndInOrderBeyondKills() async throws {
            try await Installation.with { installation in
                var process = try await installation.start()
                let shop = try await Shop.open(Catalog(count: 1, stocked: 100), in: installation, on: process)
                var events: [EventReader.Event] = []
                for round in 1...4 {
                    var reader = try EventReader(shop, on: process, after: events.last?.position ?? 0)
                    let key = "round-\(round)"
                    let order = await (try shop.session(on: process)).order([(sku: "SKU-0001", quantity: 1)], key: key)
                    #expect(order.status == 201, "\(order)")
                    let id = try #require(order.answer?["id"]?.string)
                    try await Poll.untilTrue("\(key) to be confirmed on the stream", within: .seconds(20)) {
                        try reader.read()
                        return reader.events.contains { $0.type == "order:confirmed" && $0.subject == id }
                    }
                    try await process.killAndWait()
                    try await Poll.untilTrue("the stream to end") {
                        try reader.read()
                        return reader.hasEnded
                    }
                    events += reader.events
                    process = try await installation.start()
                }
                #expect(events.map(\.position) == Array(1...Int64(events.count)))
                #expect(Set(events.map(\.id)).count == events.count)
                #expect(events.count(where: { $0.type == "order:confirmed" }) == 4)
                let polled = await (try process.client()).get(
                    "/v1/events?after=0&wait=0&limit=100", key: shop.tenant.apiKey)
                let ids = polled.answer?["data"]?.array?.compactMap { $0.object?["id"]?.string }
                #expect(ids == events.map(\.id), "\(polled)")
                try await shop.expectNoViolations(on: process)
            }
        }

        @Test func aStreamHoldsUpNoStop() async throws {
            var settings = InstallationSettings()
            settings["server", "drain"] = "0s"
            settings["server", "shutdownTimeout"] = "20s"
            try await Installation.with(settings) { installation in
                let process = try await installation.start()
                let shop = try await Shop.open(Catalog(count: 1, stocked: 1), in: installation, on: process)
                var reader = try EventReader(shop, on: process, after: 0)
                try await Poll.untilTrue("the first event") {
                    try reader.read()
                    return !reader.events.isEmpty
                }
                process.terminate()
                // Well before what is left at the end of the time is cut off.
                #expect(try await process.ended(within: .seconds(12)) == .status(0))
                try await Poll.untilTrue("the stream to end") {
                    try reader.read()
                    return reader.hasEnded
                }
            }
        }
    }
}

/// Reads a stream of events, as it comes.
private struct EventReader {
    struct Event {
        let position: Int64
        let type: String
        let id: String
        let subject: String
    }

    private let connection: RawConnection
    /// What has come and is no whole block yet.
    private var rest: [UInt8] = []
    private(set) var events: [Event] = []
    private(set) var hasEnded = false

    init(_ shop: Shop, on process: PantryProcess, after position: Int64) throws {
        let port = try #require(process.port)
        connection = try RawConnection(port: port)
        // HTTP/1.0 has no chunks between the events.
        let head = [
            "GET /v1/events HTTP/1.0", "Host: localhost", "Authorization: Bearer \(shop.tenant.apiKey)",
            "Accept: text/event-stream", "Last-Event-ID: \(position)", "", "",
        ]
        connection.send(head.joined(separator: "\r\n"))
    }

    /// Takes what has come.
    mutating func read() throws {
        while !hasEnded {
            guard let bytes = connection.receive() else {
                hasEnded = true
                return
            }
            if bytes.isEmpty { return }
            rest += bytes
            while let end = rest.firstRange(of: Array("\n\n".utf8)) {
                try take(String(decoding: rest[..<end.lowerBound], as: UTF8.self))
                rest.removeSubrange(..<end.upperBound)
            }
        }
    }

    private mutating func take(_ block: String) throws {
        var fields: [String: String] = [:]
        for line in block.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstRange(of: ": ") else { continue }
            fields[String(line[..<colon.lowerBound])] = String(line[colon.upperBound...])
        }
        guard let data = fields["data"] else { return }
        let event = try #require(try JSONReader.parse(data).object)
        events.append(
            Event(
                position: try #require(fields["id"].flatMap { Int64($0) }), type: try #require(fields["event"]),
                id: try #require(event["id"]?.string), subject: event["subject"]?.string ?? ""))
    }
}
