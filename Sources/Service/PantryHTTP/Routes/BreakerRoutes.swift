import CircuitBreaking
import Determinism
import HTTPTypes
import Logging
import PantryDomain
import StrictJSON

/// The circuit breakers of the process that answers, and what an operator may do to them. Each process has its own.
struct BreakerRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(.get, "/ops/breakers", .operatorOnly, answering: list),
            Route(.post, "/ops/breakers/{name}", .operatorOnly, answering: direct),
        ]
    }

    private func list(_ call: Call) async throws -> Reply {
        let query = try QueryReader(call.query, known: ["status"])
        let status = try query.choice("status", CircuitState.allCases)
        let circuits = services.circuits().map(\.snapshot).filter { status == nil || $0.state == status }
        var json = JSONWriter(capacity: 64 + 512 * circuits.count)
        json.object { json in
            json.member("data", array: { list in for circuit in circuits { list.object { circuit.write(to: &$0) } } })
        }
        return .json(.ok, bytes: json.bytes)
    }

    private func direct(_ call: Call) async throws -> Reply {
        let request = try WriteRequest(call, key: .optional)
        let action = try BreakerActionBody(request.body).action
        guard let circuit = services.circuits().first(where: { $0.name == call.parameters["name"] }) else {
            throw Problem.notFound("There is no such circuit breaker.")
        }
        action.perform(on: circuit)
        call.logger.notice(
            "a circuit was directed", metadata: ["circuit": "\(circuit.name)", "action": "\(action.rawValue)"])
        var json = JSONWriter(capacity: 512)
        json.object { circuit.snapshot.write(to: &$0) }
        return .json(.ok, bytes: json.bytes)
    }
}

extension BreakerActionBody.Action {
    fileprivate func perform(on circuit: CircuitBreaker) {
        switch self {
        case .open: circuit.open()
        case .close: circuit.close()
        case .tryNow: circuit.tryNow()
        case .automatic: circuit.setMode(.automatic)
        case .observe: circuit.setMode(.observing)
        case .forceOpen: circuit.setMode(.forcedOpen)
        case .disable: circuit.setMode(.disabled)
        }
    }
}

extension CircuitSnapshot {
    fileprivate func write(to json: inout JSONWriter) {
        json.member("name", name)
        json.member("state", state.rawValue)
        json.member("mode", mode.rawValue)
        json.member("generation", Int64(clamping: generation))
        json.member("retryAfterMilliseconds", retryAfter.map { $0.inMilliseconds })
        json.member("calls", calls)
        json.member("failurePercent", failurePercent.map(Int64.init))
        json.member("slowPercent", slowPercent.map(Int64.init))
        json.member(
            "latencyMicroseconds",
            object: { json in
                json.member("p50", median.map { $0.inMicroseconds })
                json.member("p95", percentile95.map { $0.inMicroseconds })
                json.member("p99", percentile99.map { $0.inMicroseconds })
            })
        json.member(
            "totals",
            object: { json in
                for (name, count) in [
                    ("successes", totals.successes), ("failures", totals.failures), ("timeouts", totals.timeouts),
                    ("ignored", totals.ignored), ("slow", totals.slow), ("rejections", totals.rejections),
                    ("wouldHaveRejected", totals.wouldHaveRejected), ("stale", totals.stale),
                    ("dropped", totals.dropped), ("expiredProbes", totals.expiredProbes),
                    ("openings", totals.openings),
                ] { json.member(name, Int64(clamping: count)) }
            })
    }
}
