import HTTPTypes
import Logging
import Testing

@testable import PantryHTTP

/// Who waits when the server stops, and how many may wait.
@Suite("Server: listeners, stops and room", .timeLimit(.minutes(1)))
struct ServerListenerStopTests {
    private let live = Route(.get, "/live", access: .open) { _ in
        .stream("text/event-stream") { writer in
            try await writer.write("begun")
            await untilCancelled()
            try Task.checkCancellation()
        }
    }.listening()

    /// A long poll: it waits for what never comes.
    private func longPoll(_ begun: Box<Bool>, _ ends: Box<[String]> = Box([])) -> Route {
        Route(.get, "/poll", access: .open) { call in
            begun.set(true)
            do {
                let came: Void? = try await call.untilStopped { await untilCancelled() }
                ends.update { $0.append(came == nil ? "stopped" : "came") }
            } catch {
                ends.update { $0.append("gone") }
                throw error
            }
            return .text(.ok, "nothing came")
        }.listening()
    }

    @Test("at the first sign of a stop streams and polls end in good order; the rest is served until the drain is over")
    func drain() async throws {
        let sleep = HeldSleep()
        let begun = Box(false)
        let slow: (inout HTTPServerConfiguration) -> Void = {
            ($0.drain, $0.shutdownTimeout) = (.seconds(2), .seconds(20))
        }
        let routes = echoRoutes + [live, longPoll(begun)]
        try await withServer(routes, configure: slow, sleep: { try await sleep.sleep($0) }) { server in
            let (stream, polling) = (try server.client(), try server.client())
            try await stream.send(get("/live"))
            _ = try await stream.text(until: "begun\r\n")
            try await polling.send(get("/poll"))
            _ = try await poll("the poll") { begun.value ? true : nil }

            await server.stop()
            #expect(try await stream.end() == "0\r\n\r\n")
            let answer = try await polling.response()
            #expect(answer.status == 200 && answer.body == "nothing came")
            #expect(answer["Connection"] == "close", "it comes again at once, and should come to another server")
            // Whoever comes back too early is sent away again, politely: a browser gives up after a refusal.
            let late = try server.client()
            try await late.send(get("/live"))
            let end = try await late.end()
            #expect(end.contains("\r\nTransfer-Encoding: chunked\r\n") && end.hasSuffix("\r\n\r\n0\r\n\r\n"))
            #expect(end.contains("\r\nConnection: close\r\n"))
            #expect(try await server.exchange(get("/open")).status == 200)
            _ = try await poll("the drain") { sleep.asked == [.seconds(2)] ? true : nil }

            sleep.release()
            _ = try await poll("the end") { server.isEnded ? true : nil }
            let endings = server.log.entries.compactMap { $0.metadata["ending"]?.description }
            #expect(endings == ["stopping", "stopping"])
        }
    }

    @Test("a client that does not read holds up no stop")
    func stubborn() async throws {
        let flood = Route(.get, "/flood", access: .open) { _ in
            .stream("text/plain") { writer in
                while true { try await writer.write([UInt8](repeating: 120, count: 1 << 20)) }
            }
        }.listening()
        try await withServer([flood, live], configure: { $0.shutdownTimeout = .seconds(1) }) { server in
            let reader = try server.client(receiveBuffer: 4096)
            try await reader.send(get("/flood"))
            _ = try await poll("the stream") { reader.hasBytes() ? true : nil }
            let other = try server.client()
            try await other.send(get("/live"))
            _ = try await other.text(until: "begun\r\n")
            await server.stop()
            #expect(try await other.end() == "0\r\n\r\n")
            _ = try await poll("the end") { server.isEnded ? true : nil }
            #expect(!server.log.entries.contains { $0.message.contains("leaving them behind") })
        }
    }

    @Test("a poll whose client goes away does not wait any longer")
    func pollGone() async throws {
        let (begun, ends) = (Box(false), Box<[String]>([]))
        let room = InFlightLimit(10)
        try await withServer([longPoll(begun, ends)], room: room) { server in
            var client: TestClient? = try server.client()
            try await client?.send(get("/poll"))
            _ = try await poll("the poll") { begun.value ? true : nil }
            #expect(room.current == 0 && room.listenerCount == 1)
            client = nil
            _ = try await poll("its end") { ends.value.isEmpty ? nil : true }
            #expect(ends.value == ["gone"])
            _ = try await poll("its place") { room.listenerCount == 0 ? true : nil }
        }
    }

    @Test("listeners have places of their own, for each organization and in all")
    func places() throws {
        let room = InFlightLimit(2)
        for _ in 0..<64 { try room.enterListener(of: "one") }
        #expect(throws: Problem.self) { try room.enterListener(of: "one") }
        try room.enterListener(of: "another")
        #expect(throws: Problem.self) { try room.enterListener(of: "a third") }
        #expect(room.listenerCount == 65 && room.refusals == 2 && room.current == 0)
        room.leaveListener(of: "one")
        try room.enterListener(of: "a third")
        room.leaveListener(of: "nobody")
        #expect(room.listenerCount == 65)
        let large = InFlightLimit(1_000)
        for number in 0..<500 { try large.enterListener(of: "\(number)") }
        #expect(throws: Problem.self) { try large.enterListener(of: "500") }
    }

    @Test("without a place: 503 before the head, and others are served; without room for others, a listener is")
    func refused() async throws {
        let live = Route(.get, "/v1/live", access: .organization(.read)) { _ in
            .stream("text/event-stream") { try await $0.write("done") }
        }.listening()
        let room = InFlightLimit(2)
        try await withServer([live] + echoRoutes, room: room) { server in
            let request = get("/v1/live", "Authorization: Bearer reader")
            for _ in 0..<64 { try room.enterListener(of: "org_7") }
            let refused = try await server.exchange(request)
            #expect(refused.status == 503 && refused.code == "overloaded" && refused["Retry-After"] == "5")
            #expect(try await server.exchange(get("/open")).status == 200)
            room.leaveListener(of: "org_7")
            for _ in 0..<2 { try room.enter(isFinishing: true) }
            #expect(try await server.exchange(get("/open")).code == "overloaded")
            let client = try server.client()
            try await client.send(request)
            #expect(try await client.text(until: "0\r\n\r\n").hasSuffix("4\r\ndone\r\n0\r\n\r\n"))
            _ = try await poll("its place") { room.listenerCount == 63 ? true : nil }
        }
    }
}
