import CallPolicies
import Determinism
import Retrying
import Testing

/// `RetryConfiguration`: what it is by default, and what cannot be.
@Suite("Retries: settings")
struct RetryConfigurationTests {
    @Test func defaultsAreTheDocumentedOnes() throws {
        let configuration = RetryConfiguration()
        #expect(configuration.attempts == 3)
        #expect(configuration.repeats == .whatHadNoEffect)
        #expect(configuration.backoff == Backoff())
        #expect(configuration.deadline == nil)
        #expect(configuration.longestRetryAfter == .seconds(30))
        try configuration.validate()
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let message: String
        let change: @Sendable (inout RetryConfiguration) -> Void
        var testDescription: String { message }
        init(_ message: String, _ change: @escaping @Sendable (inout RetryConfiguration) -> Void) {
            (self.message, self.change) = (message, change)
        }
    }

    @Test(arguments: [
        Case("attempts is 0; it must be in 1...1000") { $0.attempts = 0 },
        Case("attempts is 1001; it must be in 1...1000") { $0.attempts = 1_001 },
        Case("backoff.multiplier is 0.5; it must be in 1...10") { $0.backoff.multiplier = 0.5 },
        Case("backoff.multiplier is 10.5; it must be in 1...10") { $0.backoff.multiplier = 10.5 },
        Case("backoff.multiplier is nan; it must be in 1...10") { $0.backoff.multiplier = .nan },
        Case("backoff.base is negative; zero repeats at once") { $0.backoff.base = .nanoseconds(-1) },
        Case("backoff.longest is shorter than backoff.base; make it at least that") {
            $0.backoff.longest = .milliseconds(99)
        },
        Case("deadline is 0.0 seconds; it must be longer than zero") { $0.deadline = .zero },
        Case("longestRetryAfter is negative; zero repeats nothing that asks for a pause") {
            $0.longestRetryAfter = .nanoseconds(-1)
        },
    ]) func whatCannotBe(example: Case) throws {
        var configuration = RetryConfiguration()
        example.change(&configuration)
        let error = #expect(throws: RetryConfigurationError.self) { try configuration.validate() }
        #expect(error?.description == example.message)
        #expect(throws: RetryConfigurationError.self, "a retry is not made with it") { try Retry(configuration) }
    }

    @Test(arguments: [
        Case("attempts") { $0.attempts = 1 }, Case("attempts") { $0.attempts = 1_000 },
        Case("multiplier") { $0.backoff.multiplier = 1 }, Case("multiplier") { $0.backoff.multiplier = 10 },
        Case("no pause") { $0.backoff = .constant(.zero) },
        Case("longest") { $0.backoff.longest = $0.backoff.base },
        Case("deadline") { $0.deadline = .nanoseconds(1) }, Case("Retry-After") { $0.longestRetryAfter = .zero },
    ]) func whatMayJustBe(example: Case) throws {
        var configuration = RetryConfiguration()
        example.change(&configuration)
        try configuration.validate()
        #expect(try Retry(configuration).configuration == configuration)
    }
}
