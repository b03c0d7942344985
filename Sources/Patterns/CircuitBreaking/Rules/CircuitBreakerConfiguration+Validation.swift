import Determinism

/// A setting that cannot be, and what would be right.
public struct CircuitBreakerConfigurationError: Error, Hashable, CustomStringConvertible {
    /// The name of the setting, such as `halfOpen.permits`.
    public let setting: String
    /// What is wrong with it, and what would be right.
    public let problem: String

    /// Such as `halfOpen.permits is 0; it must be in 1...1000`.
    public var description: String { "\(setting) \(problem)" }
}

extension CircuitBreakerConfiguration {
    /// - Throws: the first setting that cannot be.
    public func validate() throws(CircuitBreakerConfigurationError) {
        try validateWindow()
        if let failureRate {
            try check(failureRate.percent, "failureRate.percent", in: 1...100)
            try check(failureRate.minimumCalls, "failureRate.minimumCalls", in: 1...1_000_000)
        }
        if let slowRate {
            try checkPositive(slowRate.threshold, "slowRate.threshold")
            try check(slowRate.percent, "slowRate.percent", in: 1...100)
            try check(slowRate.minimumCalls, "slowRate.minimumCalls", in: 1...1_000_000)
        }
        if let consecutiveFailures {
            try check(consecutiveFailures, "consecutiveFailures", in: 1...1_000_000)
        }
        if failureRate == nil, slowRate == nil, consecutiveFailures == nil {
            throw CircuitBreakerConfigurationError(
                setting: "failureRate",
                problem: "is off like slowRate and consecutiveFailures, so nothing could open the circuit; set one")
        }
        try validateWaits()
    }

    private func validateWindow() throws(CircuitBreakerConfigurationError) {
        switch window {
        case .calls(let count):
            try check(count, "window.calls", in: 1...1_000_000)
            // A window of n calls never holds more than n: a higher minimum would never be reached.
            if let failureRate { try check(failureRate.minimumCalls, "failureRate.minimumCalls", in: 1...count) }
            if let slowRate { try check(slowRate.minimumCalls, "slowRate.minimumCalls", in: 1...count) }
        case .time(let duration, let slices):
            try check(slices, "window.slices", in: 1...1_000)
            if duration < .nanoseconds(slices) {
                throw CircuitBreakerConfigurationError(
                    setting: "window.time", problem: "is \(duration); it must be at least 1 ns for each slice")
            }
        }
    }

    private func validateWaits() throws(CircuitBreakerConfigurationError) {
        try checkPositive(wait.base, "wait.base")
        if !(1...10).contains(wait.multiplier) {
            throw CircuitBreakerConfigurationError(
                setting: "wait.multiplier", problem: "is \(wait.multiplier); it must be in 1...10")
        }
        if wait.longest < wait.base {
            throw CircuitBreakerConfigurationError(
                setting: "wait.longest", problem: "is shorter than wait.base; make it at least that")
        }
        if !(0...1).contains(wait.jitter) {
            throw CircuitBreakerConfigurationError(
                setting: "wait.jitter", problem: "is \(wait.jitter); it must be in 0...1")
        }
        try check(halfOpen.permits, "halfOpen.permits", in: 1...1_000)
        try check(halfOpen.percent, "halfOpen.percent", in: 1...100)
        try checkPositive(halfOpen.deadline, "halfOpen.deadline")
        if let longestRetryAfter { try checkPositive(longestRetryAfter, "longestRetryAfter") }
        if let timeout { try checkPositive(timeout, "timeout") }
        if let latencyWindow { try checkPositive(latencyWindow, "latencyWindow") }
    }

    private func check(
        _ value: Int, _ setting: String, in range: ClosedRange<Int>
    ) throws(CircuitBreakerConfigurationError) {
        if !range.contains(value) {
            throw CircuitBreakerConfigurationError(
                setting: setting, problem: "is \(value); it must be in \(range.lowerBound)...\(range.upperBound)")
        }
    }

    private func checkPositive(_ value: Duration, _ setting: String) throws(CircuitBreakerConfigurationError) {
        if value <= .zero {
            throw CircuitBreakerConfigurationError(
                setting: setting, problem: "is \(value); it must be longer than zero")
        }
    }
}
