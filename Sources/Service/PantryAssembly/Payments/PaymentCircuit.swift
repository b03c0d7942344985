import CallPolicies
import CircuitBreaking
import Determinism

extension CircuitBreaker {
    /// The breaker that guards the payment provider, by the configuration's `payments`.
    static func payments(
        _ payments: PantryConfiguration.Payments, time: any TimeSource, random: any RandomSource
    ) throws(AssemblyError) -> CircuitBreaker {
        var configuration = CircuitBreakerConfiguration.classic
        configuration.timeout = payments.timeout
        configuration.failureRate = FailureRateRule(percent: payments.errorThreshold, minimumCalls: 10)
        configuration.wait = .constant(payments.resetTimeout)
        // A probe is over by its timeout.
        configuration.halfOpen = HalfOpenRule(
            permits: 1, percent: payments.errorThreshold, deadline: payments.timeout + .seconds(1))
        do throws(CircuitBreakerConfigurationError) {
            return try CircuitBreaker("payments", configuration, timer: .of(time), random: random)
        } catch {
            throw AssemblyError("payments: \(error)")
        }
    }
}
