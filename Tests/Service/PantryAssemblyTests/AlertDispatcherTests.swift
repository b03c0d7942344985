import Determinism
import DeterminismTestKit
import Logging
import OpenTelemetryTracing
import StrictJSON
import Synchronization
import Testing
import Tracing

@testable import PantryAssembly

/// How alerts come to whoever is on call.
@Suite("Alerts", .timeLimit(.minutes(1)))
struct AlertDispatcherTests {
    private let time = ManualTime(start: Timestamp(microseconds: 1_764_000_000_000_000))
    private let posted = Notes<String>()
    private let headers = Notes<[String: String]>()
    private let tracer: OpenTelemetryTracer
    /// What an alert comes of.
    private let cause: OpenTelemetrySpan

    init() {
        tracer = OpenTelemetryTracer(
            exporter: SpanExporter(
                resource: TraceResource(attributes: [:], scope: "test", scopeVersion: "1"), time: time,
                report: { _ in }, send: { _ in .accepted }),
            random: SeededRandom(seed: 1))
        cause = tracer.startServerSpan(
            "order", traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "x=1")
    }

    private func dispatcher(
        _ answers: [PostOutcome] = [], _ instrument: (any Instrument)? = nil
    ) throws -> AlertDispatcher {
        let (posted, noted, left) = (posted, headers, Answers(answers))
        return try AlertDispatcher(
            url: "https://hooks.example/secret", time: time, random: SeededRandom(seed: 1), logger: Logger(label: "t"),
            instrument: instrument
        ) { url, headers, body in
            noted.note(Dictionary(headers.map { ($0.name, $0.value) }, uniquingKeysWith: { "\($0),\($1)" }))
            // The last, because it is what the tests wait for.
            posted.note(String(decoding: body, as: UTF8.self))
            return left.next()
        }
    }

    private func raise(_ dispatcher: AlertDispatcher) {
        dispatcher.raise(.sagaStuck, "saga_1", "a refund waits for an operator")
    }

    private func whileRunning(_ dispatcher: AlertDispatcher, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await dispatcher.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    @Test func alertIsACloudEventWithASentence() async throws {
        let dispatcher = try dispatcher()
        try await whileRunning(dispatcher) {
            dispatcher.raise(.circuitOpened, "payments", "the circuit to payments opened: 60 % of 10 calls failed")
            await eventually("it is posted") { posted.all.count == 1 }
        }
        let event = try #require(try JSONReader.parse(posted.all[0]).object)
        #expect(event["specversion"]?.string == "1.0" && event["type"]?.string == "circuit:opened")
        #expect(event["subject"]?.string == "payments" && event["id"]?.string?.hasPrefix("evt_") == true)
        #expect(event["time"]?.string == "2025-11-24T16:00:00.000Z")
        #expect(event["text"]?.string == "circuit:opened: the circuit to payments opened: 60 % of 10 calls failed")
    }

    @Test func alertIsTriedAgainUntilItIsTaken() async throws {
        let dispatcher = try dispatcher([.unavailable("503"), .refused("500", status: 500)])
        try await whileRunning(dispatcher) {
            dispatcher.raise(.sagaStuck, "saga_1", "a refund waits for an operator")
            for count in 1...2 {
                await eventually("it rests") { posted.all.count == count && time.sleeperCount == 1 }
                time.advance(by: .seconds(30))
            }
            await eventually("it is taken") { posted.all.count == 3 }
        }
        #expect(Set(posted.all).count == 1, "the same event each time, by its id")
    }

    @Test func alertNamesTheSpanThatItWasRaisedInEachTimeItIsTried() async throws {
        let dispatcher = try dispatcher([.unavailable("503")], tracer)
        try await whileRunning(dispatcher) {
            cause.run { raise(dispatcher) }
            await eventually("it rests") { posted.all.count == 1 && time.sleeperCount == 1 }
            time.advance(by: .seconds(30))
            await eventually("it is taken") { posted.all.count == 2 }
        }
        let expected = [
            "Content-Type": "application/json", "traceparent": cause.traceParent.description, "tracestate": "x=1",
        ]
        #expect(headers.all == [expected, expected])
    }

    @Test func alertNamesNoTraceWithoutOneOrWithoutAnInstrument() async throws {
        for (instrument, isTraced) in [(tracer, false), (nil, true)] as [((any Instrument)?, Bool)] {
            let dispatcher = try dispatcher([], instrument)
            let before = posted.all.count
            try await whileRunning(dispatcher) {
                if isTraced { cause.run { raise(dispatcher) } } else { raise(dispatcher) }
                await eventually("it is posted") { posted.all.count == before + 1 }
            }
        }
        #expect(headers.all == Array(repeating: ["Content-Type": "application/json"], count: 2))
    }

    @Test func alertThatIsRefusedDoesNotKeepTheNextOne() async throws {
        let dispatcher = try dispatcher([.refused("404", status: 404)])
        try await whileRunning(dispatcher) {
            dispatcher.raise(.circuitOpened, "a", "first")
            dispatcher.raise(.circuitClosed, "a", "second")
            await eventually("both were tried") { posted.all.count == 2 }
        }
        #expect(time.sleeperCount == 0)
    }

    @Test func whatComesWhileAHundredWaitPushesTheOldestOut() async throws {
        let dispatcher = try dispatcher()
        for number in 0..<130 { dispatcher.raise(.sagaStuck, "saga_\(number)", "stuck") }
        #expect(dispatcher.droppedCount == 30)
        try await whileRunning(dispatcher) { await eventually("the rest is posted") { posted.all.count == 100 } }
        #expect(posted.all[0].contains("saga_30"))
    }
}

/// Answers in their order, then success.
private final class Answers: Sendable {
    private let left: Mutex<[PostOutcome]>
    init(_ answers: [PostOutcome]) { left = Mutex(answers) }
    func next() -> PostOutcome { left.withLock { $0.isEmpty ? .accepted : $0.removeFirst() } }
}
