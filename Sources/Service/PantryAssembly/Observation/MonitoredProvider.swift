import CoreMetrics
import Determinism
import OpenTelemetryTracing
import PantryDomain
import Sagas
import Tracing

/// Measures and traces every call of a payment provider.
struct MonitoredProvider: PaymentProvider {
    private enum Operation: String, CaseIterable {
        case authorize
        case capture
        case void
        case refund
        case lookup

        /// Literals, which cost nothing.
        var spanName: String {
            switch self {
            case .authorize: "payment authorize"
            case .capture: "payment capture"
            case .void: "payment void"
            case .refund: "payment refund"
            case .lookup: "payment lookup"
            }
        }
    }
    private struct Call: Hashable {
        let operation: Operation
        let outcome: String
    }
    private let provider: any PaymentProvider
    private let calls: CounterFamily<Call>
    private let durations: [Operation: CoreMetrics.Timer]
    private let tracer: OpenTelemetryTracer?
    private let time: any TimeSource

    init(_ provider: any PaymentProvider, _ observation: Observation) {
        (self.provider, tracer, time) = (provider, observation.tracer, observation.time)
        calls = CounterFamily("pantry_provider_calls", observation.metrics) {
            [("operation", $0.operation.rawValue), ("outcome", $0.outcome)]
        }
        let timers = Operation.allCases.map { operation in
            let dimensions = [("operation", operation.rawValue)]
            return (
                operation,
                Timer(label: "pantry_provider_call_duration", dimensions: dimensions, factory: observation.metrics)
            )
        }
        durations = Dictionary(uniqueKeysWithValues: timers)
    }

    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult {
        await observed(.authorize, Self.outcome) { await provider.authorize(charge, capture: capture) }
    }
    func capture(_ charge: ProviderCharge) async -> CallResult {
        await observed(.capture, Self.outcome) { await provider.capture(charge) }
    }
    func void(_ charge: ProviderCharge) async -> CallResult {
        await observed(.void, Self.outcome) { await provider.void(charge) }
    }
    func refund(_ refund: ProviderRefund) async -> CallResult {
        await observed(.refund, Self.outcome) { await provider.refund(refund) }
    }
    func lookup(_ charge: ProviderCharge) async -> AskResult {
        await observed(.lookup, Self.outcome) { await provider.lookup(charge) }
    }
    func lookup(_ refund: ProviderRefund) async -> AskResult {
        await observed(.lookup, Self.outcome) { await provider.lookup(refund) }
    }

    private func observed<Answer: Sendable>(
        _ operation: Operation, _ outcome: (Answer) -> String, _ call: () async -> Answer
    ) async -> Answer {
        let began = time.instant()
        let answer: Answer
        let word: String
        if let tracer, let place = SpanContext.current {
            let span = tracer.startSpan(below: place, ofKind: .client) { $0.name = operation.spanName }
            answer = await span.run { await call() }
            word = outcome(answer)
            span.end { details in
                details.add("pantry.payment.operation", operation.rawValue)
                details.add("pantry.payment.outcome", word)
                if word == "unknown" { details.set(SpanStatus(code: .error)) }
            }
        } else {
            answer = await call()
            word = outcome(answer)
        }
        durations[operation]?.recordNanoseconds((time.instant() - began).inNanoseconds)
        calls.increment(Call(operation: operation, outcome: word))
        return answer
    }

    private static func outcome(_ answer: CallResult) -> String {
        switch answer {
        case .done: "done"
        case .refused: "refused"
        case .notSent, .unavailable: "not-sent"
        case .unknown: "unknown"
        }
    }

    private static func outcome(_ answer: AskResult) -> String {
        switch answer {
        case .done: "done"
        case .refused: "refused"
        case .pending: "pending"
        case .absent: "absent"
        case .unknown: "unknown"
        case .unavailable: "not-sent"
        }
    }
}
