import HTTPTypes
import Testing

@testable import PantryHTTP

/// Bodies that their handler reads as they come: the same refusals, limits and connections as with whole ones.
@Suite("Server: streamed bodies over real sockets", .timeLimit(.minutes(1)))
struct ServerStreamTests {
    private static let large = 16 << 20

    private func route(
        _ path: String, maxBody: Int = large, stall: Duration = .seconds(10),
        _ handler: @escaping Route.Streaming.Handler
    ) -> Route {
        Route(
            .post, path, access: .open, bodyKinds: Route.anyBody, maxBody: maxBody,
            streaming: Route.Streaming(stall: stall, handler: handler))
    }

    /// Answers with the number of bytes, and takes them in.
    private func counting(maxBody: Int = large, stall: Duration = .seconds(10)) -> Route {
        route("/count", maxBody: maxBody, stall: stall) { _, body in
            var count = 0
            while let part = try await body.next() { count += part.count }
            return .text(.ok, "counted \(count)")
        }
    }

    /// Reads one part, and has seen enough.
    private var first: Route {
        route("/first") { _, body in .text(.ok, "first of \(try await body.next()?.count ?? 0)") }
    }

    private var refusing: Route {
        route("/refuse") { _, _ in throw Problem(status: .conflict, code: "no", title: "No") }
    }

    private func chunked(_ path: String, _ headers: String...) -> String {
        request("POST", path, headers + ["Transfer-Encoding: chunked"])
    }

    private func chunk(_ size: Int) -> String {
        "\(String(size, radix: 16))\r\n\(String(repeating: "x", count: size))\r\n"
    }

    @Test("whole, in chunks, in single bytes and none at all; the connection goes on")
    func counts() async throws {
        try await withServer([counting()] + echoRoutes) { server in
            let client = try server.client()
            #expect(try await client.exchange(request("POST", "/count", body: "abc")).body == "counted 3")
            #expect(try await client.exchange(request("POST", "/count")).body == "counted 0")
            #expect(try await client.exchange(chunked("/count") + "0\r\n\r\n").body == "counted 0")
            let chunks = chunk(5) + chunk(100_000) + "0\r\nTrailer: t\r\n\r\n"
            #expect(try await client.exchange(chunked("/count") + chunks).body == "counted 100005")
            for byte in request("POST", "/count", body: "abcd").utf8 { try await client.send([byte]) }
            #expect(try await client.response().body == "counted 4")
            try await client.send(
                request("POST", "/count", body: "12") + get("/items/2") + request("POST", "/count", body: "123"))
            #expect(try await client.response().body == "counted 2")
            #expect(try await client.response().body.contains("sku=2"))
            #expect(try await client.response().body == "counted 3")
        }
    }

    @Test("413 by Content-Length before the handler runs, and by count in the middle of chunks")
    func tooLarge() async throws {
        try await withServer([counting(maxBody: 1000)]) { server in
            let declared = try server.client()
            let head = ["Content-Length: 100000000", "Expect: 100-continue"]
            let response = try await declared.exchange(request("POST", "/count", head))
            #expect(response.status == 413)
            #expect(response.code == "body-too-large")
            #expect(response["Connection"] == "close")
            #expect(try await declared.end() == "")

            let small = try server.client()
            let over = String(repeating: "x", count: 1001)
            #expect(try await small.exchange(request("POST", "/count", body: over)).status == 413)
            #expect(try await small.exchange(request("POST", "/count", body: "x")).body == "counted 1")

            let many = try server.client()
            try await many.send(chunked("/count"))
            for _ in 0..<8 { try await many.send(chunk(512)) }
            #expect(try await many.response().status == 413)
            #expect(try await many.end() == "")
        }
    }

    @Test("100 Continue comes with the first part that is asked for, and never where none is")
    func expectation() async throws {
        try await withServer([counting(), refusing]) { server in
            let expecting = ["Content-Length: 2", "Expect: 100-continue"]
            let client = try server.client()
            #expect(try await client.exchange(request("POST", "/count", expecting)).status == 100)
            #expect(try await client.exchange("{}").body == "counted 2")
            let refused = try await client.exchange(request("POST", "/refuse", expecting))
            #expect(refused.status == 409)
            #expect(refused["Connection"] == "close")
            #expect(try await client.end() == "")
            let other = try server.client()
            let unknown = ["Content-Length: 2", "Expect: more"]
            #expect(try await other.exchange(request("POST", "/count", unknown) + "{}").status == 417)
        }
    }

    @Test("a handler that stops early: a short rest is read, a long or unknown one ends the connection")
    func stopsEarly() async throws {
        try await withServer([first, refusing] + echoRoutes) { server in
            let client = try server.client()
            let rest = String(repeating: "x", count: 60_000)
            try await client.send(request("POST", "/first", ["Content-Length: 60001"]) + "y")
            #expect(try await client.response().body == "first of 1")
            try await client.send(rest)
            #expect(try await client.exchange(get("/open")).status == 200)
            #expect(try await client.exchange(request("POST", "/refuse", body: "unread")).status == 409)
            #expect(try await client.exchange(get("/open")).status == 200)

            for request in [
                request("POST", "/first", ["Content-Length: 10000000"]) + "y", chunked("/first") + chunk(1),
            ] {
                let client = try server.client()
                let response = try await client.exchange(request)
                #expect(response.body == "first of 1")
                #expect(response["Connection"] == "close")
                #expect(try await client.end() == "")
            }
        }
    }

    @Test("the server's time for a body is not a stream's; a stall has its own, ends in 408 and closes")
    func stalls() async throws {
        try await withServer([counting()] + echoRoutes, configure: { $0.bodyTimeout = .seconds(1) }) { server in
            let client = try server.client()
            try await client.send(request("POST", "/count", ["Content-Length: 2"]))
            for _ in 0..<2 {
                try await passBodyTimeout(server)
                try await client.send("x")
            }
            #expect(try await client.response().body == "counted 2")
        }
        let routes = [counting(stall: .milliseconds(80))]
        try await withServer(routes, configure: { $0.bodyTimeout = .seconds(60) }) { server in
            for start in ["", "half"] {
                let client = try server.client()
                let response = try await client.exchange(request("POST", "/count", ["Content-Length: 10"]) + start)
                #expect(response.status == 408)
                #expect(response.code == "request-timeout")
                #expect(response["Connection"] == "close")
                #expect(try await client.end() == "")
            }
        }
    }

    @Test("a busy handler holds the client back, and does not blame it")
    func backpressure() async throws {
        let isHeld = Box(true)
        let hasBegun = Box(false)
        let held = route("/held", stall: .seconds(3)) { _, body in
            var count = try await body.next()?.count ?? 0
            hasBegun.set(true)
            try await poll("the release", within: .seconds(60)) { isHeld.value ? nil : () }
            while let part = try await body.next() { count += part.count }
            return .text(.ok, "counted \(count)")
        }
        try await withServer([held] + echoRoutes, configure: { $0.bodyTimeout = .seconds(1) }) { server in
            let client = try server.client()
            try await client.send(request("POST", "/held", ["Content-Length: \(Self.large)"]))
            let bytes = [UInt8](repeating: 120, count: Self.large)
            var sent = try client.sendAvailable(bytes[...])
            _ = try await poll("the handler") { hasBegun.value ? () : nil }
            // What the kernel and a few parts hold goes out, and no more however long one tries.
            for _ in 0..<4 {
                sent += try client.sendAvailable(bytes[sent...])
                try await passBodyTimeout(server)
            }
            #expect(sent < Self.large * 3 / 4, "\(sent) bytes went into a handler that took one part")
            isHeld.set(false)
            try await client.send(Array(bytes[sent...]))
            #expect(try await client.response().body == "counted \(Self.large)")
        }
    }

    @Test("a client that goes away in the middle ends its handler, and nothing else")
    func gone() async throws {
        let ends = Box<[String]>([])
        let watched = route("/watched") { _, body in
            do {
                while try await body.next() != nil { ends.update { $0.append("part") } }
                ends.update { $0.append("end") }
            } catch {
                ends.update { $0.append("error") }
                throw error
            }
            return .text(.ok, "done")
        }
        try await withServer([watched] + echoRoutes) { server in
            let client = try server.client()
            try await client.send(request("POST", "/watched", ["Content-Length: 10"]) + "half")
            _ = try await poll("the first part") { ends.value.isEmpty ? nil : () }
            client.endSending()
            _ = try await client.end()
            #expect(ends.value == ["part", "error"])
            #expect(try await server.exchange(get("/open")).status == 200)
        }
    }

    /// Lets the time pass that the server grants an ordinary body, by the server's own clock.
    private func passBodyTimeout(_ server: Harness) async throws {
        let json = ["Content-Type: application/json", "Content-Length: 10"]
        #expect(try await server.exchange(request("POST", "/echo", json) + "half").status == 408)
    }
}

@Suite("Server: what a connection waits for during a streamed body")
struct ServerStreamMachineTests {
    private func streaming(isWanted: Bool = true) -> ConnectionMachine {
        var machine = ConnectionMachine(limits: .init(head: 3, body: 5, idle: 7))
        machine.bytesArrived()
        machine.headRead(hasBody: true)
        machine.bodyStreams(limit: 4)
        if isWanted { machine.readWanted() }
        return machine
    }

    private func ticks(_ count: Int, _ machine: inout ConnectionMachine) -> [ConnectionMachine.Action] {
        (0..<count).map { _ in machine.tick() }.filter { $0 != .nothing }
    }

    @Test("each part has the whole time; bytes without a part have none")
    func progress() {
        var machine = streaming()
        for _ in 0..<10 {
            #expect(ticks(4, &machine).isEmpty)
            machine.bytesArrived()
            machine.bodyArrived()
            machine.readWanted()
        }
        #expect(ticks(3, &machine).isEmpty)
        machine.bytesArrived()
        machine.readWanted()
        #expect(ticks(2, &machine) == [.failBody])
        #expect(machine.discardsInput)
    }

    @Test("nobody is slow whom nobody listens to")
    func paused() {
        var machine = streaming(isWanted: false)
        #expect(ticks(100, &machine).isEmpty)
        machine.readWanted()
        #expect(ticks(5, &machine) == [.failBody])
    }

    @Test("the rest of a body that was answered early has the time of any body")
    func answeredEarly() {
        var machine = streaming()
        #expect(machine.answered(isLast: false) == .nothing)
        #expect(machine.wait == .body)
        #expect(machine.bodyEnded() == .nothing)
        #expect(machine.wait == .nextRequest)
    }

    @Test("a stream that is told of too late changes nothing for the next request")
    func late() {
        var machine = ConnectionMachine(limits: .init(head: 3, body: 5, idle: 7))
        machine.bytesArrived()
        machine.headRead(hasBody: true)
        _ = machine.bodyEnded()
        machine.bodyStreams(limit: 4)
        machine.bytesArrived()
        machine.headRead(hasBody: true)
        machine.bodyStreams(limit: 4)
        #expect(machine.answered(isLast: false) == .nothing)
        #expect(machine.wait == .body)
    }
}
