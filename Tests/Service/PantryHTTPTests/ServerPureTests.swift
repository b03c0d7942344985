import HTTPTypes
import Testing

@testable import PantryHTTP

@Suite("Server: pure parts")
struct ServerPureTests {
    @Test(
        "a request id that could forge a log line is not taken",
        arguments: [("a.B_9-", true), ("", false), ("a b", false), ("a\n", false), ("é", false)])
    func requestID(value: String, isValid: Bool) {
        #expect(HeaderRules.isRequestID(value) == isValid)
        #expect(HeaderRules.isRequestID(String(repeating: "x", count: 128)))
        #expect(!HeaderRules.isRequestID(String(repeating: "x", count: 129)))
    }

    @Test(
        "traceparent follows W3C Trace Context",
        arguments: [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false),
            ("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c", false), ("", false),
        ])
    func traceparent(value: String, isValid: Bool) {
        #expect(HeaderRules.isTraceparent(value) == isValid)
    }

    @Test(
        "media types",
        arguments: [
            ("application/json", true), ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true), ("application/json; v=1", true),
            ("application/json; charset=latin1", false), ("text/plain", false), ("application/jsonx", false),
            (nil, false),
        ])
    func mediaType(value: String?, isAccepted: Bool) {
        #expect(HeaderRules.accepts(value, ["application/json"]) == isAccepted)
        #expect(HeaderRules.accepts(value, ["*/*"]))
    }

    @Test("targets come as a path, as an address and as a star")
    func targets() {
        #expect(RequestTarget("/a?b?c") == RequestTarget("http://host:80/a?b?c"))
        #expect(RequestTarget("/a?b?c")?.query == "b?c")
        #expect(RequestTarget("HTTPS://host")?.path == "/")
        #expect(RequestTarget("http://host?q")?.query == "q")
        #expect(RequestTarget("*")?.path == "*")
        for bad in ["", "a", "host:80", "http://", "http:///a", "/a b", "/a#b", "/é"] {
            #expect(RequestTarget(bad) == nil, "\(bad)")
        }
    }

    @Test("the client behind trusted proxies is the last address that is none of theirs")
    func clientAddress() throws {
        let proxies = try [#require(AddressRange("10.0.0.0/8")), #require(AddressRange("::1"))]
        let proxied = Peer(address: "10.1.2.3", proxies: proxies)
        #expect(proxied.clientAddress(forwardedFor: "6.6.6.6, 1.2.3.4, 10.9.9.9") == "1.2.3.4")
        #expect(proxied.clientAddress(forwardedFor: "1.2.3.4, nonsense") == "10.1.2.3")
        #expect(proxied.clientAddress(forwardedFor: nil) == "10.1.2.3")
        #expect(
            Peer(address: "::ffff:10.1.2.3", proxies: proxies).clientAddress(forwardedFor: "2001:db8::7")
                == "2001:db8::7")
        #expect(Peer(address: "9.9.9.9", proxies: proxies).clientAddress(forwardedFor: "1.2.3.4") == "9.9.9.9")
        for bad in ["", "10.0.0.0/33", "10.0.0", "::1/129", "x/8", "10.0.0.0/-1"] { #expect(AddressRange(bad) == nil) }
    }

    @Test("request ids do not repeat and are taken for valid ones")
    func requestIDs() {
        let source = RequestIDSource(seed: 0xABC)
        let ids = (0..<1000).map { _ in source.next() }
        #expect(Set(ids).count == 1000)
        #expect(ids.allSatisfy { $0.count == 32 && $0.hasPrefix("0000000000000abc") && HeaderRules.isRequestID($0) })
    }

    @Test("a problem renders every member that it has")
    func problem() {
        let problem = Problem(
            status: .conflict, code: "out-of-stock", title: "Out of \"stock\"", detail: "d",
            errors: [FieldError(pointer: "/a", code: "c", detail: "e")],
            extraMembers: [ExtraMember("lines", json: #"[{"sku":"a"}]"#)])
        let expected =
            #"{"type":"https://pantry.dev/problems/out-of-stock","title":"Out of \"stock\"","status":409,"#
            + #""detail":"d","code":"out-of-stock","requestId":"r","retryable":false,"#
            + #""errors":[{"pointer":"/a","code":"c","detail":"e"}],"lines":[{"sku":"a"}]}"#
        #expect(String(decoding: problem.rendered(requestID: "r"), as: UTF8.self) == expected)
    }

    @Test("a configuration says what is wrong with it")
    func configuration() {
        #expect(HTTPServerConfiguration().validate().isEmpty)
        var bad = HTTPServerConfiguration()
        bad.port = 70000
        bad.headTimeout = .zero
        bad.shutdownTimeout = bad.drain
        #expect(bad.validate().count == 3)
    }
}

@Suite("Server: connection machine")
struct ServerConnectionMachineTests {
    private func machine() -> ConnectionMachine {
        ConnectionMachine(limits: .init(head: 3, body: 5, idle: 7))
    }

    /// Ticks until something happens.
    private func wait(_ machine: inout ConnectionMachine) -> (ticks: Int, action: ConnectionMachine.Action) {
        for count in 1...20 {
            let action = machine.tick()
            if action != .nothing { return (count, action) }
        }
        return (20, .nothing)
    }

    @Test("a connection that sends nothing closes; one that dribbles from the start is told so in the same time")
    func firstRequest() {
        var silent = machine()
        #expect(wait(&silent) == (4, .close))
        var dribbling = machine()
        _ = (dribbling.tick(), dribbling.tick())
        dribbling.bytesArrived()
        dribbling.bytesArrived()
        #expect(wait(&dribbling) == (2, .failHead))
        #expect(dribbling.discardsInput)
        #expect(dribbling.answered(isLast: true) == .finish)
    }

    @Test("a body has its own time, an answer in the making has any, and an idle connection the longest")
    func waits() {
        var machine = machine()
        machine.bytesArrived()
        machine.headRead(hasBody: true)
        for _ in 1...5 { #expect(machine.tick() == .nothing) }
        machine.bytesArrived()
        #expect(machine.bodyEnded() == .nothing)
        #expect(wait(&machine).action == .nothing)
        #expect(machine.answered(isLast: false) == .nothing)
        #expect(wait(&machine) == (8, .close))
    }

    @Test("a slow body fails; that of a request whose turn has not come has no limit yet")
    func slowBody() {
        var alone = machine()
        alone.bytesArrived()
        alone.headRead(hasBody: true)
        #expect(wait(&alone) == (6, .failBody))

        var pipelined = machine()
        pipelined.bytesArrived()
        pipelined.headRead(hasBody: false)
        pipelined.bytesArrived()
        pipelined.headRead(hasBody: true)
        #expect(wait(&pipelined).action == .nothing)
        #expect(pipelined.answered(isLast: false) == .nothing)
        #expect(wait(&pipelined) == (6, .failBody))
    }

    @Test("a client that does not read has the idle time")
    func reader() {
        var machine = machine()
        machine.bytesArrived()
        machine.headRead(hasBody: false)
        machine.writabilityChanged(false)
        #expect(wait(&machine) == (8, .close))
        var finishing = self.machine()
        #expect(finishing.conversationEnded() == .finish)
        #expect(wait(&finishing) == (8, .close))
    }

    @Test("a stop closes an idle connection, and lets a request finish first")
    func quiesce() {
        var idle = machine()
        #expect(idle.quiesce() == .close)
        var busy = machine()
        busy.bytesArrived()
        #expect(busy.quiesce() == .nothing)
        busy.headRead(hasBody: true)
        #expect(busy.bodyEnded() == .nothing)
        #expect(busy.answered(isLast: false) == .finish)
        busy.outputEnded()
        #expect(busy.phase == .lingering)
        var discarding = machine()
        discarding.headRead(hasBody: true)
        #expect(discarding.answered(isLast: false) == .nothing)
        #expect(discarding.quiesce() == .nothing)
        #expect(discarding.bodyEnded() == .finish)
        var answered = machine()
        answered.headRead(hasBody: false)
        #expect(answered.answered(isLast: false) == .nothing)
        #expect(answered.quiesce() == .closeOnceSent)
        #expect(answered.phase == .finishing)
    }

    /// An order that was declined between the end of the wait and the answer was 200: a placed one, for whoever looks
    /// at the status alone.
    @Test("the first answer of an order is 201 or 202, whatever it has come to")
    func firstAnswers() {
        for (order, first, repeated) in [
            ("pending", 202, 202), ("confirmed", 201, 200), ("failed", 202, 200), ("expired", 202, 200),
            ("canceled", 202, 200),
        ] {
            let document = "{\"status\":\"\(order)\"}"
            #expect(OrderRoutes.status(of: document, false).code == first, "\(order)")
            #expect(OrderRoutes.status(of: document, true).code == repeated, "\(order)")
        }
    }

    @Test("seconds are rounded up from the nanosecond")
    func wholeSeconds() {
        let cases: [(Duration, Int64)] = [
            (.zero, 0), (.nanoseconds(1), 1), (.seconds(1), 1), (.microseconds(1_000_400), 2),
            (.nanoseconds(1_000_000_001), 2), (.seconds(60), 60),
        ]
        for (duration, seconds) in cases { #expect(duration.inSecondsRoundedUp == seconds, "\(duration)") }
    }

    /// An answer of ten megabytes over a narrow line was cut off after the time of a client that reads nothing.
    @Test("a client that reads slowly is one that reads")
    func slowReader() {
        var machine = machine()
        machine.headRead(hasBody: false)
        machine.writabilityChanged(false)
        let actions = (1...8).map { machine.tick(unsent: (1 << 20) - $0 * 1_000) }
        #expect(actions == Array(repeating: .nothing, count: 7) + [.close], "a dribble")

        var reading = self.machine()
        reading.headRead(hasBody: false)
        reading.writabilityChanged(false)
        for tick in 1...60 {
            let left = (1 << 24) - tick / 6 * ConnectionMachine.leastProgress
            #expect(reading.tick(unsent: left) == .nothing)
        }
    }

    /// They were taken for the beginning of a head, and the idle connection was told after a while that it was slow.
    @Test("empty lines between two requests say nothing")
    func emptyLines() {
        var machine = machine()
        machine.headRead(hasBody: false)
        #expect(machine.answered(isLast: false) == .nothing)
        machine.emptyLinesArrived()
        #expect(machine.reading == .idle)
        #expect(wait(&machine) == (8, .close))
    }
}
