import CircuitBreaking
import CoreMetrics
import Determinism
import Logging
import PrometheusMetrics

/// Writes into the log what becomes of a circuit, and tells whoever is on call.
struct CircuitMonitor: Sendable {
    let circuit: CircuitBreaker
    let logger: Logger
    let alerts: AlertDispatcher?

    /// Listens until the task is cancelled.
    func run(_ changes: AsyncStream<CircuitChange>) async {
        var (before, isAlerted) = (CircuitState.closed, false)
        for await change in changes {
            let state = change.effective
            defer { before = state }
            guard state != before else { continue }
            let message = Self.words(change, circuit.name)
            let level: Logger.Level = state == .open ? .warning : .notice
            logger.log(level: level, "\(message)", metadata: ["circuit": "\(circuit.name)"])
            // A circuit that is tried in vain, again and again, is one outage.
            if state == .open, !isAlerted, change.mode != .observing {
                alerts?.raise(.circuitOpened, circuit.name, message)
                isAlerted = true
            } else if state == .closed, isAlerted {
                alerts?.raise(.circuitClosed, circuit.name, message)
                isAlerted = false
            }
        }
    }

    /// What happened, and why, in a sentence.
    static func words(_ change: CircuitChange, _ name: String) -> String {
        let verb =
            switch change.effective {
            case .closed: "closed"
            case .open: "opened"
            case .halfOpen: "is tried"
            }
        let would = change.mode == .observing ? " (it only observes; no call is kept back)" : ""
        return "the circuit to \(name) \(verb): \(reason(change.reason))\(would)"
    }

    private static func reason(_ reason: CircuitChangeReason) -> String {
        switch reason {
        case .failureRate(let percent, let calls): "\(percent) % of \(calls) calls failed"
        case .slowRate(let percent, let calls): "\(percent) % of \(calls) calls were slow"
        case .consecutiveFailures(let count): "\(count) calls failed in a row"
        case .waitOver: "its wait is over"
        case .probesSucceeded: "it works again"
        case .probesFailed(let failed, let count): "\(failed) of \(count) trial calls failed"
        case .probesSlow(let slow, let count): "\(slow) of \(count) trial calls were slow"
        case .probesExpired(let count): "\(count) trial calls did not end"
        case .operatorDecision: "an operator said so"
        }
    }
}

extension Observation {
    /// Publishes where a circuit stands, and what it counts.
    func measure(_ circuit: CircuitBreaker) {
        let labels = [("circuit", circuit.name)]
        for state in CircuitState.allCases {
            metrics.addGauge(label: "pantry_circuit_state", dimensions: labels + [("state", state.rawValue)]) {
                circuit.snapshot.state == state ? 1 : 0
            }
        }
        for (outcome, count): (String, @Sendable (CircuitTotals) -> UInt64) in [
            ("success", { $0.successes }), ("failure", { $0.failures }), ("ignored", { $0.ignored }),
            ("rejected", { $0.rejections }), ("stale", { $0.stale }), ("timeout", { $0.timeouts }),
            ("dropped", { $0.dropped }), ("would_reject", { $0.wouldHaveRejected }),
        ] {
            metrics.addCounter(label: "pantry_circuit_calls", dimensions: labels + [("outcome", outcome)]) {
                count(circuit.snapshot.totals)
            }
        }
        metrics.addCounter(label: "pantry_circuit_openings", dimensions: labels) {
            circuit.snapshot.totals.openings
        }
        for (percentile, read): (String, @Sendable (CircuitSnapshot) -> Duration?) in [
            ("50", { $0.median }), ("95", { $0.percentile95 }), ("99", { $0.percentile99 }),
        ] {
            metrics.addGauge(label: "pantry_circuit_latency_seconds", dimensions: labels + [("percentile", percentile)])
            {
                read(circuit.snapshot).map { Double($0.inNanoseconds) / 1e9 } ?? .nan
            }
        }
    }
}
