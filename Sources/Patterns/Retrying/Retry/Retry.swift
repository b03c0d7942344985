import CallPolicies
import Determinism

/// Makes a call again when it fails and that is safe and of use: at most so many times, with growing pauses, within a
/// budget that all callers share, and never behind a deadline.
///
/// ```swift
/// let retry = Retry(attempts: 3, budget: budget)
/// let page = try await retry.run { try await catalog.page(7) }
/// ```
///
/// What is safe is said by the error (`RepeatAdvising`), or by ``advice`` for errors of others. By default only calls
/// that had no effect are repeated. The error of the last attempt is the caller's.
public struct Retry: Sendable {
    /// How often, and with which pauses.
    public let configuration: RetryConfiguration
    private let budget: RetryBudget?
    private let advice: @Sendable (any Error) -> RepeatAdvice
    private let time: any TimeSource
    private let random: any RandomSource
    private let observer: (@Sendable (RetryNotice) -> Void)?

    /// A retry.
    /// - Parameters:
    ///   - budget: shared with other callers of the same dependency; none bounds only by attempts.
    ///   - advice: what an error says about making the call again.
    ///   - random: draws the jitter.
    ///   - observer: told before each pause and when a call is given up; must be quick.
    /// - Throws: the first setting that cannot be.
    public init(
        _ configuration: RetryConfiguration, budget: RetryBudget? = nil,
        advice: @escaping @Sendable (any Error) -> RepeatAdvice = { RepeatAdvice(of: $0) },
        time: any TimeSource = SystemTime(), random: any RandomSource = SystemRandom(),
        observer: (@Sendable (RetryNotice) -> Void)? = nil
    ) throws(RetryConfigurationError) {
        try configuration.validate()
        (self.configuration, self.budget, self.advice) = (configuration, budget, advice)
        (self.time, self.random, self.observer) = (time, random, observer)
    }

    /// Makes the call, and makes it again.
    /// - Throws: what the last attempt threw; `CancellationError` when the caller was cancelled during a pause.
    public func run<Value>(
        isolation: isolated (any Actor)? = #isolation, _ operation: () async throws -> Value
    ) async throws -> Value {
        guard let limit = configuration.deadline else { return try await attempt(operation) }
        return try await CallDeadline.with(time.instant() + limit) { try await attempt(operation) }
    }

    private func attempt<Value>(
        isolation: isolated (any Actor)? = #isolation, _ operation: () async throws -> Value
    ) async throws -> Value {
        budget?.deposit()
        var machine = RetryMachine(configuration, deadline: CallDeadline.current)
        while true {
            do {
                return try await operation()
            } catch {
                try await time.sleep(for: pause(after: error, &machine))
            }
        }
    }

    /// - Throws: `error`, if the call is not made again.
    private func pause(after error: any Error, _ machine: inout RetryMachine) throws -> Duration {
        let advice = Task.isCancelled ? .pointless : advice(error)
        var decision = machine.failed(advice, now: time.instant(), draw: random.next())
        // Withdrawn before the pause: those that wait are part of the load that is to come.
        if case .pause = decision, let budget, !budget.withdraw() { decision = .giveUp(.budget) }
        observer?(RetryNotice(failures: machine.failures, decision: decision, error: error))
        switch decision {
        case .pause(let pause): return pause
        case .giveUp: throw error
        }
    }
}

extension Retry {
    /// A retry with the defaults but for these.
    /// - Precondition: `attempts` is in `1...1_000`.
    public init(
        attempts: Int, repeats: RetryConfiguration.Repeats = .whatHadNoEffect, budget: RetryBudget? = nil
    ) {
        var configuration = RetryConfiguration()
        (configuration.attempts, configuration.repeats) = (attempts, repeats)
        do throws(RetryConfigurationError) {
            try self.init(configuration, budget: budget)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

/// An attempt failed, and what is done about it.
public struct RetryNotice: Sendable {
    /// How many attempts of this call have failed so far.
    public let failures: Int
    /// Whether there is another one.
    public let decision: RetryMachine.Decision
    /// The error of the attempt.
    public let error: any Error
}

extension Retry: CallPolicy {
    /// Outside of everything but a fallback.
    public typealias Place = RetryPlace

    /// Makes the call, and makes it again.
    public func call<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await run(operation)
    }
}
