import Determinism
import DeterminismTestKit
import StripeDriver
import StripeTestKit

/// A driver and a server that speak to each other. Time is the test's: a request that stalls is out of time at once,
/// and days pass in no time.
struct Bench: Sendable {
    static let secret = "sk_test_51TheSecretOfThisTest"
    let time: ManualTime
    let server: StripeTestServer
    let payments: StripePayments

    var ledger: StripeLedger { server.ledger }
    var faults: StripeFaultScript { server.faults }

    static func with(_ body: (Bench) async throws -> Void) async throws {
        let time = ManualTime(start: Timestamp(microseconds: 1_790_000_000_000_000))
        let configuration = configuration("")
        let faults = StripeFaultScript { time.advance(by: configuration.requestTimeout) }
        let server = try await StripeTestServer(
            ledger: StripeLedger(metadataPrefix: "pantry", time: time), faults: faults, secretKey: secret)
        let payments = try StripePayments(configuration: Self.configuration(server.baseURL), time: time)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(Bench(time: time, server: server, payments: payments)))
        } catch {
            result = .failure(error)
        }
        await payments.shutdown()
        await server.stop()
        // Whoever still waits for a deadline is let go.
        time.advance(by: configuration.requestTimeout)
        try result.get()
    }

    static func configuration(_ url: String) -> StripeConfiguration {
        var configuration = StripeConfiguration(secretKey: StripeSecret(secret))
        (configuration.baseURL, configuration.allowsPlainHTTP) = (url, true)
        configuration.metadataPrefix = "pantry"
        // Long, for a machine that is busy: no test waits for it.
        (configuration.connectTimeout, configuration.requestTimeout) = (.seconds(60), .seconds(60))
        return configuration
    }

    /// Hours and days pass between two calls.
    func pass(_ duration: Duration) { time.stepWallClock(by: duration) }

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

extension StripeOutcome {
    var effect: StripeReceipt.Effect? { if case .done(let receipt) = self { receipt.effect } else { nil } }
    var refusal: StripeRefusal? { if case .refused(let refusal) = self { refusal } else { nil } }
    var isUnknown: Bool { if case .unknown = self { true } else { false } }
    var unclear: StripeCause? { if case .unknown(let cause) = self { cause } else { nil } }
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
