import Determinism
import DeterminismTestKit
import StripeDriver
import Testing

/// What the driver says of a request depends on whether it was written, and on nothing else.
@Suite("What was sent, and what was not", .timeLimit(.minutes(2)))
struct TransportTests {
    private let charge = StripeCharge(
        key: "k1", reference: "order 1", amount: StripeAmount(1_250, "eur"), paymentMethod: "pm_card_visa",
        capturesAtOnce: true, begunAt: SystemTime().now())

    private func authorize(
        at url: String, plain: Bool = true, connectTimeout: Duration = .seconds(60)
    ) async throws -> StripeOutcome {
        var configuration = Bench.configuration(url)
        (configuration.allowsPlainHTTP, configuration.connectTimeout) = (plain, connectTimeout)
        let payments = try StripePayments(configuration: configuration)
        let outcome = await payments.authorize(charge)
        await payments.shutdown()
        return outcome
    }

    @Test("A refused connection: not sent")
    func refused() async throws {
        let server = try await SocketServer(.stall)
        await server.stop()
        #expect(try await authorize(at: "http://127.0.0.1:\(server.port)").unsent != nil)
    }

    @Test("A name that does not resolve: not sent")
    func unresolved() async throws {
        #expect(try await authorize(at: "https://stripe.invalid", plain: false).unsent != nil)
    }

    @Test("A server that does not speak TLS: not sent")
    func noTLS() async throws {
        let answering = try await SocketServer(.greet("HTTP/1.1 200 OK\r\n\r\n"))
        #expect(try await authorize(at: "https://127.0.0.1:\(answering.port)", plain: false).unsent != nil)
        await answering.stop()
        let closing = try await SocketServer(.closeAtOnce)
        #expect(try await authorize(at: "https://127.0.0.1:\(closing.port)", plain: false).unsent != nil)
        await closing.stop()
        let silent = try await SocketServer(.stall)
        let url = "https://127.0.0.1:\(silent.port)"
        let outcome = try await authorize(at: url, plain: false, connectTimeout: .milliseconds(100))
        #expect(outcome.unsent != nil, "\(outcome)")
        await silent.stop()
    }

    @Test("A server that closes at once: not sent, or unknown; and not sent only if nothing arrived")
    func closeAtOnce() async throws {
        try await SocketServer.with(.closeAtOnce) { server, payments in
            for _ in 0..<50 {
                let outcome = await payments.authorize(charge)
                #expect(outcome.unsent != nil || outcome.isUnknown, "\(outcome)")
            }
            #expect(server.requestCount == 0)
        }
    }

    @Test(
        "A request that was written, without a whole answer: unknown",
        arguments: [
            SocketServer.Behavior.closeAfterRequest, .resetAfterRequest, .answer("HTTP/1.1 200 OK\r\nContent-Le"),
            .answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"),
            .answer("garbage, no HTTP at all\r\n\r\n"),
            .answer("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + String(repeating: " ", count: 5_000)),
            .answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ])
    func written(_ behavior: SocketServer.Behavior) async throws {
        try await SocketServer.with(behavior) { server, payments in
            let outcome = await payments.authorize(charge)
            #expect(outcome.isUnknown, "\(outcome)")
            #expect(server.requestCount == 1)
            #expect(await payments.lookup(charge).isUnknown)
        }
    }

    @Test(
        "A server that stalls, before the answer or in it: unknown, in time",
        arguments: [
            SocketServer.Behavior.stall, .answerAndStall("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"),
        ])
    func stall(_ behavior: SocketServer.Behavior) async throws {
        let time = ManualTime()
        try await SocketServer.with(behavior, time: time) { server, payments in
            let outcome = await withTaskGroup(of: StripeOutcome.self) { group in
                group.addTask { await payments.authorize(charge) }
                await eventually("the request arrives") { server.requestCount == 1 }
                time.advance(by: .seconds(60))
                return await group.next()
            }
            #expect(outcome == .unknown(StripeCause("no answer from Stripe within 60.0 seconds")))
        }
    }

    @Test(
        "Answers that are nobody's statement about the charge: unknown",
        arguments: [
            ("302 Found", "", "Location: http://127.0.0.1:1/\r\n"), ("200 OK", "<html>", ""), ("200 OK", "[]", ""),
            ("200 OK", "{}", ""), ("200 OK", #"{"object":"payment_intent","id":"pi_1","status":"new_status"}"#, ""),
            ("404 Not Found", "<html>", ""), ("413 Too Large", "", ""), ("400 Bad Request", "{}", ""),
            ("408 Request Timeout", "", ""), ("424 Failed Dependency", "{}", ""), ("500 Oops", "{}", ""),
            ("502 Bad Gateway", "<html>", ""), ("503 Unavailable", "", "Retry-After: 5\r\n"), ("504 Late", "", ""),
        ])
    func strangeAnswers(_ status: String, _ body: String, _ headers: String) async throws {
        try await SocketServer.with(.answer(SocketServer.response(status, body, headers))) { server, payments in
            let outcome = await payments.authorize(charge)
            #expect(outcome.isUnknown, "\(outcome)")
            #expect(server.requestCount == 1)
        }
    }

    @Test(
        "An answer that leaves it unknown says how long to wait, too",
        arguments: [
            ("409 Conflict", "{}"), ("500 Oops", "{}"), ("502 Bad Gateway", "<html>"), ("503 Unavailable", ""),
            ("504 Late", ""), ("408 Request Timeout", ""),
        ])
    func unknownWithPause(_ status: String, _ body: String) async throws {
        let answer = SocketServer.response(status, body, "Retry-After: 5\r\n")
        try await SocketServer.with(.answer(answer)) { _, payments in
            let outcome = await payments.authorize(charge)
            #expect(outcome.unclear?.pause == .seconds(5), "\(outcome)")
        }
    }

    @Test(
        "Answers of somebody who has read nothing: not sent, with the pause that was asked for",
        arguments: [
            ("429 Too Many", "", "Retry-After: 3\r\n", Duration.seconds(3)), ("429 Too Many", "{}", "", nil),
            ("429 Too Many", "", "Retry-After: -1\r\n", nil), ("429 Too Many", "", "Retry-After: 99999\r\n", nil),
            ("401 Unauthorized", "{}", "", nil), ("403 Forbidden", "<html>", "", nil),
        ])
    func unread(_ status: String, _ body: String, _ headers: String, _ pause: Duration?) async throws {
        try await SocketServer.with(.answer(SocketServer.response(status, body, headers))) { _, payments in
            let outcome = await payments.authorize(charge)
            #expect(outcome.unsent != nil, "\(outcome)")
            #expect(outcome.unsent?.pause == pause)
            #expect(await payments.lookup(charge).isUnknown)
        }
    }

    @Test("A caller that was cancelled before: not sent, and nothing is")
    func cancelledBefore() async throws {
        try await SocketServer.with(.stall) { server, payments in
            let outcome = await withTaskGroup(of: StripeOutcome.self) { group in
                group.cancelAll()
                group.addTask { await payments.authorize(charge) }
                return await group.next()
            }
            #expect(outcome?.unsent != nil)
            #expect(server.requestCount == 0)
        }
    }

    @Test("A caller that is cancelled while it waits for the answer: unknown, at once")
    func cancelledWhileWaiting() async throws {
        try await SocketServer.with(.stall) { server, payments in
            let outcome = await withTaskGroup(of: StripeOutcome.self) { group in
                group.addTask { await payments.authorize(charge) }
                await eventually("the request arrives") { server.requestCount == 1 }
                group.cancelAll()
                return await group.next()
            }
            #expect(outcome?.isUnknown == true)
        }
    }

    @Test("Connections that are all in use: not sent when the time is up before one is free")
    func noConnectionFree() async throws {
        let server = try await SocketServer(.stall)
        var configuration = Bench.configuration("http://127.0.0.1:\(server.port)")
        (configuration.connectionLimit, configuration.requestTimeout) = (1, .milliseconds(300))
        let payments = try StripePayments(configuration: configuration)
        let outcomes = await withTaskGroup(of: StripeOutcome.self) { group in
            for _ in 0..<64 { group.addTask { await payments.authorize(charge) } }
            return await group.reduce(into: [StripeOutcome]()) { $0.append($1) }
        }
        await payments.shutdown()
        await server.stop()
        let unknown = outcomes.filter(\.isUnknown).count
        #expect(outcomes.filter { $0.unsent != nil }.count == 64 - unknown)
        #expect(unknown >= server.requestCount, "\(unknown) unknown, \(server.requestCount) arrived")
        #expect(unknown < 64)
    }
}
