import CircuitBreaking
import Determinism
import DeterminismTestKit
import Logging
import StrictJSON
import Testing

@testable import PantryAssembly

/// How people hear of a circuit that opens: in the log, on the page of the metrics, and by an alert.
@Suite("Circuit monitor", .timeLimit(.minutes(1)))
struct CircuitMonitorTests {
    private let time = ManualTime(start: Timestamp(microseconds: 1_764_000_000_000_000))
    private let log = Notes<String>()
    private let posted = Notes<String>()
    private let circuit: CircuitBreaker
    private let alerts: AlertDispatcher
    private let observation: Observation

    init() throws {
        let payments = PantryConfiguration.Payments(
            provider: .sandbox, timeout: .seconds(3), errorThreshold: 50, resetTimeout: .seconds(30), url: nil,
            key: nil, webhookSecrets: []
        )
        circuit = try CircuitBreaker.payments(payments, time: time, random: SeededRandom(seed: 7))
        let posted = posted
        alerts = try AlertDispatcher(
            url: "https://hooks.example/secret", time: time, random: SeededRandom(seed: 1), logger: Logger(label: "t")
        ) { _, _, body in
            posted.note(String(decoding: body, as: UTF8.self))
            return .accepted
        }
        observation = try ExportedSpans().observation(isTraced: false)
        observation.measure(circuit)
    }

    private func whileWatching(_ body: () async throws -> Void) async throws {
        let log = log
        let monitor = CircuitMonitor(
            circuit: circuit, logger: Logger(label: "test") { _ in NotingLogHandler(lines: log) }, alerts: alerts)
        let (changes, alerts) = (circuit.changes(), alerts)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await monitor.run(changes) }
            group.addTask { await alerts.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    private func calls(_ count: Int, _ outcome: CallOutcome) throws {
        for _ in 0..<count { try circuit.acquire().record(outcome) }
    }

    /// `type subject` of each alert that was posted.
    private func heard() throws -> [String] {
        try posted.all.map {
            let event = try JSONReader.parse($0).object
            return "\(event?["type"]?.string ?? "?") \(event?["subject"]?.string ?? "?")"
        }
    }

    /// The states that are 1 on the page of the metrics, and how often it has opened: `open 1`.
    private func measured() -> String {
        let lines = observation.page(accept: "text/plain").text.split(separator: "\n").map(String.init)
        let states = CircuitState.allCases.filter { state in
            lines.contains(#"pantry_circuit_state{circuit="payments",state="\#(state.rawValue)"} 1"#)
        }
        let prefix = #"pantry_circuit_openings_total{circuit="payments"} "#
        let openings = lines.first { $0.hasPrefix(prefix) }
        return states.map(\.rawValue).joined(separator: "+") + " \(openings?.dropFirst(prefix.count) ?? "?")"
    }

    @Test func outageIsLoggedMeasuredAndOneAlertAndItsEndAnother() async throws {
        #expect(measured() == "closed 0")
        try await whileWatching {
            try calls(10, .failure())
            await eventually("it is logged") { log.all.count == 1 }
            #expect(log.all == ["warning payments: the circuit to payments opened: 100 % of 10 calls failed"])
            #expect(measured() == "open 1")
            for _ in 0..<20 { #expect(throws: CircuitOpenError.self) { try calls(1, .success) } }
            // Tried in vain, which is still the same outage.
            time.advance(by: .seconds(30))
            try calls(1, .failure())
            #expect(measured() == "open 2")
            time.advance(by: .seconds(30))
            try calls(1, .success)
            await eventually("its end is told") { posted.all.contains { $0.contains("circuit:closed") } }
        }
        #expect(
            log.all == [
                "warning payments: the circuit to payments opened: 100 % of 10 calls failed",
                "notice payments: the circuit to payments is tried: its wait is over",
                "warning payments: the circuit to payments opened: 1 of 1 trial calls failed",
                "notice payments: the circuit to payments is tried: its wait is over",
                "notice payments: the circuit to payments closed: it works again",
            ])
        #expect(try heard() == ["circuit:opened payments", "circuit:closed payments"])
        #expect(measured() == "closed 2")
    }

    @Test func nextOutageIsAnAlertOfItsOwn() async throws {
        try await whileWatching {
            for round in 1...2 {
                try calls(10, .failure())
                circuit.close()
                await eventually("both are told") { posted.all.count == 2 * round }
            }
        }
        let outage = ["circuit:opened payments", "circuit:closed payments"]
        #expect(try heard() == outage + outage)
    }

    @Test func circuitThatOnlyObservesWakesNobody() async throws {
        circuit.setMode(.observing)
        try await whileWatching {
            try calls(10, .failure())
            circuit.close()
            try calls(10, .failure())
            // What the first two would have raised was raised before the third is logged.
            await eventually("all is logged") { log.all.count == 3 }
            alerts.raise(.sagaStuck, "saga_1", "something else")
            await eventually("something else is told") { posted.all.contains { $0.contains("saga_1") } }
        }
        let opened =
            "warning payments: the circuit to payments opened: 100 % of 10 calls failed"
            + " (it only observes; no call is kept back)"
        #expect(log.all.first == opened && log.all.last == opened)
        #expect(try heard() == ["saga:stuck saga_1"])
        #expect(measured() == "open 2", "its settings can be judged by what it would have done")
    }
}

/// Keeps each line as `level circuit: message`.
private struct NotingLogHandler: LogHandler {
    let lines: Notes<String>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let circuit = event.metadata?["circuit"].map { "\($0)" } ?? "?"
        lines.note("\(event.level.rawValue) \(circuit): \(event.message)")
    }
}
