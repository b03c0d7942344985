import CircuitBreaking
import Determinism
import DeterminismTestKit
import PantryDomain
import Sagas
import StripeTestKit
import Testing

@testable import PantryAssembly

/// How long a provider is left alone that says how long.
@Suite("Retry-After of a provider", .timeLimit(.minutes(1)))
struct RetryAfterTests {
    private let time = ManualTime(start: Timestamp(microseconds: 1_790_000_000_000_000))

    /// A provider behind its breaker, and Stripe behind that.
    private func withStripe(
        _ body: (StripeTestServer, GuardedProvider, CircuitBreaker) async throws -> Void
    ) async throws {
        let server = try await StripeTestServer(
            ledger: StripeLedger(metadataPrefix: StripeProvider.metadataPrefix, time: time))
        let settings = PantryConfiguration.Payments(
            provider: .stripe, timeout: .seconds(60), errorThreshold: 50, resetTimeout: .seconds(30),
            url: server.baseURL, key: "sk_test_key", webhookSecrets: [])
        let random = SeededRandom(seed: 2)
        let installed = try InstalledPayments.open(settings, sandbox: nil, time: time, instrument: nil)
        let circuit = try CircuitBreaker.payments(settings, time: time, random: random)
        let guarded = GuardedProvider(
            installed.provider, circuit: circuit, bulkhead: installed.bulkhead, random: random)
        let result: Result<Void, any Error>
        do { result = .success(try await body(server, guarded, circuit)) } catch { result = .failure(error) }
        await installed.close()
        await server.stop()
        // Whoever still waits for a deadline is let go.
        time.advance(by: .seconds(120))
        try result.get()
    }

    private func authorize(_ key: String, _ provider: GuardedProvider) async -> PaymentProvider.CallResult {
        let charge = ProviderCharge(
            key: key, reference: "o", amount: Money(500, "USD"), method: "pm_card_visa", begunAt: time.now())
        return await provider.authorize(charge, capture: true)
    }

    @Test(arguments: [(10, Duration.seconds(10)), (90, .seconds(90)), (3_000, .seconds(300))])
    func circuitIsOpenForWhatA503AsksFor(seconds: Int, wait: Duration) async throws {
        try await withStripe { server, provider, circuit in
            server.faults.add(Array(repeating: .unavailableFor(seconds: seconds), count: 10), on: .create)
            for number in 0..<10 {
                let answer = await authorize("k\(number)", provider)
                guard case .unknown = answer else {
                    Issue.record("a 503 does not say that nothing was done: \(answer)")
                    return
                }
            }
            #expect(circuit.snapshot.state == .open && circuit.snapshot.retryAfter == wait)
            let kept = await authorize("kept back", provider)
            guard case .unavailable(_, let pause?) = kept else {
                Issue.record("nothing is sent while the circuit is open: \(kept)")
                return
            }
            #expect(pause >= wait && pause < wait * 2)
            // The trial is told another time.
            time.advance(by: wait)
            server.faults.add([.unavailableFor(seconds: 20)], on: .create)
            _ = await authorize("trial", provider)
            #expect(circuit.snapshot.state == .open && circuit.snapshot.retryAfter == .seconds(20))
        }
    }

    @Test func circuitIsOpenForItsOwnTimeWhereNobodyAsks() async throws {
        try await withStripe { server, provider, circuit in
            server.faults.add(Array(repeating: .unavailable, count: 10), on: .create)
            for number in 0..<10 { _ = await authorize("k\(number)", provider) }
            #expect(circuit.snapshot.state == .open && circuit.snapshot.retryAfter == .seconds(30))
        }
    }
}
