import CoreMetrics
import Determinism
import OpenTelemetryTracing
import PantryDomain
import Sagas
import Tracing

/// Counts sagas and the orders that they settle, and traces them below the request that began them. One that is taken
/// up later begins a trace of its own.
struct SagaMonitor: SagaObserver {
    private struct Ending: Hashable {
        let definition: String
        let outcome: String
    }
    private let tracer: OpenTelemetryTracer?
    private let alerts: AlertDispatcher?
    private let running: Meter
    private let endings: CounterFamily<Ending>
    private let orders: CounterFamily<String>

    init(_ observation: Observation, alerts: AlertDispatcher?) {
        (tracer, self.alerts) = (observation.tracer, alerts)
        running = Meter(label: "pantry_sagas_running", factory: observation.metrics)
        endings = CounterFamily("pantry_sagas", observation.metrics) {
            [("definition", $0.definition), ("outcome", $0.outcome)]
        }
        orders = CounterFamily("pantry_orders", observation.metrics) { [("outcome", $0)] }
    }

    func sagaStarted(_ ticket: SagaTicket) -> (any Sendable)? { tracer == nil ? nil : SpanContext.current }

    func working<Report: Sendable>(
        on ticket: SagaTicket, _ mark: (any Sendable)?, _ work: () async -> Report?
    ) async -> Report? {
        running.increment()
        defer { running.decrement() }
        let report: Report?
        let begun = mark as? SpanContext
        let span = tracer?.startSpan(below: begun) { $0.name = "saga " + ticket.definition }
        if let span {
            report = await span.run { await work() }
            span.end { details in
                details.add("pantry.saga.id", ticket.id.description)
                details.add("pantry.saga.definition", ticket.definition)
                details.add("pantry.saga.outcome", Self.outcome(report))
                details.add("pantry.saga.taken_up", begun == nil)
            }
        } else {
            report = await work()
        }
        endings.increment(Ending(definition: ticket.definition, outcome: Self.outcome(report)))
        if let stuck = report as? SagaReport, stuck.state == .stuck {
            let reason = stuck.reason.map { ": \($0)" } ?? ""
            alerts?.raise(
                .sagaStuck, "\(ticket.id)", "a \(ticket.definition) waits for an operator\(reason)", in: span?.place)
        }
        if ticket.definition == "checkout", let order = Self.order(report) { orders.increment(order) }
        return report
    }

    /// `left`: somebody else holds it, or it is taken up again later.
    private static func outcome(_ report: (any Sendable)?) -> String {
        switch (report as? SagaReport)?.checkout {
        case .answer: "ended"
        case .refused: "undone"
        case .waiting: "waiting"
        case nil: "left"
        }
    }

    /// nil while the order waits.
    private static func order(_ report: (any Sendable)?) -> String? {
        switch (report as? SagaReport)?.checkout {
        case .answer(let answer):
            switch answer.kind {
            case .created: "confirmed"
            case .paymentDeclined: "declined"
            default: "closed"
            }
        case .refused: "undone"
        case .waiting, nil: nil
        }
    }
}
