import HTTPTypes
import PantryHTTP
import ServiceLifecycle
import Testing

@Suite("Server: start and stop", .timeLimit(.minutes(1)))
struct ServerStopTests {
    /// A route that waits until it is let go.
    private func held(_ begun: Box<Bool>, _ released: Box<Bool>) -> Route {
        Route(.get, "/held", access: .open) { _ in
            begun.set(true)
            while !released.value { try await ContinuousClock().sleep(for: .milliseconds(1)) }
            return .text(.ok, "held")
        }
    }

    @Test("drain, then no new connection, then in-flight requests finish and keep-alive connections close")
    func sequence() async throws {
        let sleep = HeldSleep()
        let (begun, released) = (Box(false), Box(false))
        let slow: (inout HTTPServerConfiguration) -> Void = {
            $0.drain = .seconds(2)
            $0.shutdownTimeout = .seconds(20)
        }
        let routes = echoRoutes + [held(begun, released)]
        try await withServer(routes, configure: slow, sleep: { try await sleep.sleep($0) }) { server in
            let busy = try server.client()
            let idle = try server.client()
            let silent = try server.client()
            #expect(try await idle.exchange(get("/open")).status == 200)
            try await busy.send(get("/held") + get("/items/never"))
            _ = try await poll("the held request") { begun.value ? true : nil }
            #expect(!server.state.isDraining)

            await server.stop()
            _ = try await poll("the drain") { sleep.asked == [.seconds(2)] ? true : nil }
            #expect(server.state.isDraining)
            let kept = try await idle.exchange(get("/open"))
            #expect(kept.status == 200)
            #expect(kept["Connection"] == nil)
            #expect(try await server.exchange(get("/open")).status == 200)

            sleep.release()
            #expect(try await idle.end() == "")
            #expect(try await silent.end() == "")
            _ = try await poll("the listener to close") { (try? server.client()) == nil ? true : nil }
            #expect(!busy.isEnded())
            released.set(true)
            let last = try await busy.response()
            #expect(last.body == "held")
            #expect(last["Connection"] == "close")
            #expect(try await busy.end() == "")
            _ = try await poll("the end") { server.isEnded ? true : nil }
            #expect(sleep.asked == [.seconds(2), .milliseconds(17500)])
        }
    }

    @Test("a half-sent body at a stop may still be completed")
    func halfSentBodyCompleted() async throws {
        try await withServer(echoRoutes) { server in
            let client = try server.client()
            let head = ["Content-Type: application/json", "Content-Length: 2"]
            // The answer to the first shows that the second has been read.
            #expect(try await client.exchange(get("/open") + request("POST", "/echo", head) + "{").status == 200)
            await server.stop()
            _ = try await poll("the listener to close") { (try? server.client()) == nil ? true : nil }
            let response = try await client.exchange("}")
            #expect(response.body.hasSuffix("[{}]"))
            #expect(response["Connection"] == "close")
        }
    }

    /// What the channel still held was thrown away with the connection: the body was shorter than its length said.
    @Test("an answer that is on its way at a stop arrives whole")
    func answerOnItsWay() async throws {
        let size = 8_000_000
        let large = Route(.get, "/large", access: .open) { _ in
            Reply(status: .ok, body: .bytes([UInt8](repeating: 65, count: size)))
        }
        // A thousand reads with a pause after each: how long they take is not the test's subject.
        try await withServer(echoRoutes + [large], configure: { $0.shutdownTimeout = .seconds(60) }) { server in
            let reader = try server.client(receiveBuffer: 4096)
            try await reader.send(get("/large"))
            _ = try await poll("the answer") { reader.hasBytes() ? true : nil }
            await server.stop()
            _ = try await poll("the listener to close") { (try? server.client()) == nil ? true : nil }
            let answer = try await reader.end(within: .seconds(40)).utf8
            #expect(answer.count > size && answer.suffix(size).allSatisfy { $0 == 65 })
        }
    }

    @Test("whatever a client does, the stop is over in time")
    func stubbornClients() async throws {
        let large = Route(.get, "/large", access: .open) { _ in
            Reply(status: .ok, body: .bytes([UInt8](repeating: 65, count: 20_000_000)))
        }
        let (begun, released) = (Box(false), Box(false))
        try await withServer(
            echoRoutes + [large, held(begun, released)],
            configure: {
                $0.shutdownTimeout = .seconds(1)
                $0.lingerTimeout = .seconds(30)
            }
        ) { server in
            let halfBody = try server.client()
            let head = ["Content-Type: application/json", "Content-Length: 2"]
            #expect(try await halfBody.exchange(get("/open") + request("POST", "/echo", head) + "{").status == 200)
            let reader = try server.client(receiveBuffer: 4096)
            try await reader.send(get("/large"))
            let lingerer = try server.client()
            #expect(try await lingerer.exchange(get("/open", "Connection: close")).status == 200)
            let dribbler = try server.client()
            try await dribbler.send("GET /o")
            let waiting = try server.client()
            try await waiting.send(get("/held"))
            _ = try await poll("the held request") { begun.value ? true : nil }
            let clock = ContinuousClock()
            let start = clock.now
            await server.stop()
            _ = try await poll("the end") { server.isEnded ? true : nil }
            // Far more than the configured time: two busy cores are allowed to be slow, a client is not allowed to
            // hold.
            #expect(clock.now - start < .seconds(20))
            _ = try await waiting.end()
        }
    }

    @Test("a handler that ignores its cancellation is left behind")
    func stubbornHandler() async throws {
        let (begun, released) = (Box(false), Box(false))
        let stubborn = Route(.get, "/stubborn", access: .open) { _ in
            begun.set(true)
            while !released.value { await Task.yield() }
            return Reply(status: .ok)
        }
        try await withServer([stubborn], configure: { $0.shutdownTimeout = .milliseconds(400) }) { server in
            defer { released.set(true) }
            let client = try server.client()
            try await client.send(get("/stubborn"))
            _ = try await poll("the request") { begun.value ? true : nil }
            await server.stop()
            _ = try await poll("the end") { server.isEnded ? true : nil }
            #expect(server.log.entries.contains { $0.message.contains("leaving them behind") })
        }
    }

    @Test("a port in use, a host that is not ours, a name that is none")
    func listenErrors() async throws {
        try await withServer(echoRoutes) { server in
            var configuration = HTTPServerConfiguration()
            for (host, cause) in [
                ("127.0.0.1", "in use"), ("192.0.2.1", "does not have"), ("no.such.host.invalid", "unknown"),
            ] {
                configuration.host = host
                configuration.port = server.port
                let second = try PantryHTTPServer(
                    configuration: configuration, routes: [], authenticator: TestAuthenticator(),
                    state: ServerState(), ports: .system(seed: 1), logger: server.log.logger())
                let error = await #expect(throws: ListenError.self) { try await second.run() }
                #expect(error?.address == "\(host):\(server.port)")
                #expect(error?.cause.contains(cause) == true, "\(String(describing: error))")
            }
        }
    }

    @Test("cancelled without a graceful stop, it closes everything and returns")
    func cancellation() async throws {
        let port = Box<Int?>(nil)
        let book = LogBook()
        var configuration = HTTPServerConfiguration()
        configuration.port = 0
        let server = try PantryHTTPServer(
            configuration: configuration, routes: echoRoutes, authenticator: TestAuthenticator(),
            state: ServerState(isReady: true), ports: .system(seed: 1), logger: book.logger(),
            onListening: { port.set($0) })
        let client = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            let client = try TestClient(port: try await poll("listening") { port.value })
            #expect(try await client.exchange(get("/open")).status == 200)
            group.cancelAll()
            try await group.waitForAll()
            return client
        }
        #expect(try await client.end() == "")
    }

    @Test("two routes that conflict are found before anything listens")
    func conflict() {
        #expect(throws: RouteError.self) {
            try PantryHTTPServer(
                configuration: HTTPServerConfiguration(), routes: echoRoutes + echoRoutes,
                authenticator: TestAuthenticator(), state: ServerState(), ports: .system(seed: 1),
                logger: LogBook().logger())
        }
    }
}
