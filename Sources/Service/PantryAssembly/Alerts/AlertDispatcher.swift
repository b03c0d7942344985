import CallPolicies
import Determinism
import Logging
import Messaging
import OpenTelemetryTracing
import Retrying
import Synchronization
import Tracing

/// What became of a request that was posted.
package enum PostOutcome: Sendable, Hashable {
    /// It is where it should be.
    case accepted
    /// Not now; the same may be sent again.
    case unavailable(String)
    /// Never, by this status.
    case refused(String, status: Int)
}

/// Posts one request. Must not take longer than some seconds.
package typealias HTTPPost =
    @Sendable (_ url: String, _ headers: [(name: String, value: String)], _ body: [UInt8]) async -> PostOutcome

/// Brings alerts to `alerts.webhook`, one after the other, each tried some times. Nobody waits for it: what comes while
/// a hundred wait pushes the oldest out, and is in the log in any case.
package final class AlertDispatcher: Sendable {
    private struct NotDelivered: RepeatAdvising, CustomStringConvertible {
        let description: String
        let repeatAdvice: RepeatAdvice
    }
    private struct Waiting: Sendable {
        let alert: OperatorAlert
        /// The headers of the trace that it was raised in. Not the context, which would keep the span in memory.
        let trace: [(name: String, value: String)]
    }
    private let url: String
    private let post: HTTPPost
    private let retry: Retry
    private let time: any TimeSource
    private let random: any RandomSource
    private let logger: Logger
    private let instrument: (any Instrument)?
    private let alerts: AsyncStream<Waiting>
    private let queue: AsyncStream<Waiting>.Continuation
    private let dropped = Atomic<Int>(0)

    /// - Parameter instrument: tells the receiver which trace an alert was raised in; nil where nothing is traced.
    package init(
        url: String, time: any TimeSource, random: any RandomSource, logger: Logger,
        instrument: (any Instrument)? = nil, post: @escaping HTTPPost
    ) throws(AssemblyError) {
        (self.url, self.post, self.time, self.random, self.logger) = (url, post, time, random, logger)
        self.instrument = instrument
        (alerts, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(100))
        var configuration = RetryConfiguration()
        (configuration.attempts, configuration.backoff) = (6, Backoff(base: .seconds(1), longest: .seconds(30)))
        do throws(RetryConfigurationError) {
            retry = try Retry(configuration, time: time, random: random)
        } catch { throw AssemblyError("alerts: \(error)") }
    }

    /// How many were pushed out by newer ones.
    package var droppedCount: Int { dropped.load(ordering: .relaxed) }

    /// - Parameter place: what the alert came of. Whoever receives it is told its trace, if it has one.
    package func raise(
        _ kind: OperatorAlert.Kind, _ subject: String, _ message: String, in place: SpanContext? = .current
    ) {
        let id = EventID(UUIDv7(time: time.now(), slot: 0, random: random.next()))
        let alert = OperatorAlert(kind, subject, message, id: id, time: time.now())
        let result = queue.yield(Waiting(alert: alert, trace: trace(of: place)))
        if case .dropped = result { dropped.add(1, ordering: .relaxed) }
    }

    /// Posts what comes, until the task is cancelled.
    package func run() async {
        for await waiting in alerts {
            do {
                try await retry.run { try await deliver(waiting) }
            } catch {
                if Task.isCancelled { return }
                // Not the URL: those of chat services are secrets.
                let alert = waiting.alert
                logger.error(
                    "an alert could not be delivered",
                    metadata: ["alert": "\(alert.kind.rawValue)", "subject": "\(alert.subject)", "error": "\(error)"])
            }
        }
    }

    private func trace(of place: SpanContext?) -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        if let instrument, let place { instrument.inject(place.context, into: &headers, using: HeaderInjector()) }
        return headers
    }

    private func deliver(_ waiting: Waiting) async throws {
        let headers = [(name: "Content-Type", value: "application/json")] + waiting.trace
        switch await post(url, headers, Array(waiting.alert.json.utf8)) {
        case .accepted: return
        case .unavailable(let reason): throw NotDelivered(description: reason, repeatAdvice: .repeatable())
        case .refused(let reason, let status):
            // Whatever is wrong with the other side may pass; what is wrong with the request does not.
            let mayPass = status == 408 || (500...599).contains(status)
            throw NotDelivered(description: reason, repeatAdvice: mayPass ? .repeatable() : .pointless)
        }
    }
}

/// Puts what an instrument passes on beside the other headers.
private struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into headers: inout [(name: String, value: String)]) {
        headers.append((name: key, value: value))
    }
}
