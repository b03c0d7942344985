import Determinism
import DeterminismTestKit
import StripeDriver
import StripeTestKit

/// A driver and a server that speak to each other, with a wall clock that can be put forward.
struct Bench: Sendable {
    static let secret = "sk_test_51TheSecretOfThisTest"
    let time: SteppedTime
    let server: StripeTestServer
    let payments: StripePayments

    var ledger: StripeLedger { server.ledger }
    var faults: StripeFaultScript { server.faults }

    static func with(
        requestTimeout: Duration = .seconds(10), _ body: (Bench) async throws -> Void
    ) async throws {
        let time = SteppedTime()
        let server = try await StripeTestServer(
            ledger: StripeLedger(metadataPrefix: "pantry", time: time), secretKey: secret)
        let payments = try StripePayments(
            configuration: configuration(server.baseURL, requestTimeout: requestTimeout), time: time)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(Bench(time: time, server: server, payments: payments)))
        } catch {
            result = .failure(error)
        }
        await payments.shutdown()
        await server.stop()
        try result.get()
    }

    static func configuration(_ url: String, requestTimeout: Duration = .seconds(10)) -> StripeConfiguration {
        var configuration = StripeConfiguration(secretKey: StripeSecret(secret))
        (configuration.baseURL, configuration.allowsPlainHTTP) = (url, true)
        configuration.metadataPrefix = "pantry"
        configuration.requestTimeout = requestTimeout
        return configuration
    }

    func charge(
        _ key: String, _ method: String = "pm_card_visa", amount: Int64 = 1_250, captures: Bool = true
    ) -> StripeCharge {
        StripeCharge(
            key: key, reference: "order \(key)", amount: StripeAmount(amount, "EUR"), paymentMethod: method,
            capturesAtOnce: captures, begunAt: time.now())
    }
    func refund(_ key: String, of charge: StripeCharge, amount: Int64 = 500) -> StripeRefund {
        StripeRefund(
            key: key, charge: charge, reference: "refund \(key)", amount: StripeAmount(amount, "eur"),
            begunAt: time.now())
    }
}

/// The machine's clocks, with a wall clock that is put forward by the test: days pass in no time, and timeouts are
/// real.
final class SteppedTime: TimeSource {
    private let system = SystemTime()
    private let steps = ManualTime()

    func now() -> Timestamp { system.now() + (steps.instant() - Instant(nanoseconds: 0)) }
    func instant() -> Instant { system.instant() }
    func sleep(until deadline: Instant) async throws { try await system.sleep(until: deadline) }
    func step(by duration: Duration) { steps.advance(by: duration) }
}

extension StripeOutcome {
    var effect: StripeReceipt.Effect? { if case .done(let receipt) = self { receipt.effect } else { nil } }
    var refusal: StripeRefusal? { if case .refused(let refusal) = self { refusal } else { nil } }
    var isUnknown: Bool { if case .unknown = self { true } else { false } }
    var unsent: StripeCause? { if case .notSent(let cause) = self { cause } else { nil } }
    var reference: String? { if case .done(let receipt) = self { receipt.reference } else { nil } }
}

extension StripeAnswer {
    var effect: StripeReceipt.Effect? { if case .done(let receipt) = self { receipt.effect } else { nil } }
    var refusal: StripeRefusal? { if case .refused(let refusal) = self { refusal } else { nil } }
    var isPending: Bool { if case .pending = self { true } else { false } }
    var isUnknown: Bool { if case .unknown = self { true } else { false } }
}

/// Brings a call to an outcome that is known, as the saga's machine does: what is unknown is asked for, what is absent
/// or was not sent is called again.
enum Settling {
    enum End: Sendable, Equatable {
        case done(StripeReceipt.Effect)
        case refused(String)
        case open
    }
    static func settle(
        rounds: Int = 40, call: () async -> StripeOutcome, ask: () async -> StripeAnswer
    ) async -> End {
        var mayCall = true
        for _ in 0..<rounds {
            if mayCall {
                switch await call() {
                case .done(let receipt): return .done(receipt.effect)
                case .refused(let refusal): return .refused(refusal.code)
                case .notSent: continue
                case .unknown: mayCall = false
                }
            }
            switch await ask() {
            case .done(let receipt): return .done(receipt.effect)
            case .refused(let refusal): return .refused(refusal.code)
            case .absent: mayCall = true
            case .pending, .unknown: break
            }
        }
        return .open
    }
}
