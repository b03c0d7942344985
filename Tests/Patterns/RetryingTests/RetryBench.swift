import CallPolicies
import Determinism
import DeterminismTestKit
import Retrying
import Testing

/// A retry on a clock that stands still, with pauses of 1 s, 2 s, 4 s … and notes of what happens when.
struct RetryBench {
    enum Event: Sendable, Hashable {
        case attempt(at: Duration)
        case notice(Int, RetryMachine.Decision)
    }
    let time = ManualTime()
    let events = Notes<Event>()
    let errors = Notes<AdvisedError?>()
    var configuration = RetryConfiguration()
    var budget: RetryBudget?

    init(attempts: Int = 3) {
        configuration.attempts = attempts
        configuration.backoff = Backoff(base: .seconds(1), longest: .seconds(60), jitter: .none)
    }

    var elapsed: Duration { time.instant() - Instant(nanoseconds: 0) }

    func retry(
        advice: @escaping @Sendable (any Error) -> RepeatAdvice = { RepeatAdvice(of: $0) }
    ) throws -> Retry {
        try Retry(configuration, budget: budget, advice: advice, time: time, random: SeededRandom(seed: 3)) {
            events.note(.notice($0.failures, $0.decision))
            errors.note($0.error as? AdvisedError)
        }
    }

    /// Notes the attempt, and fails with the errors in turn; with none left, answers.
    func operation(_ failures: [any Error]) -> @Sendable () async throws -> Int {
        let events = events
        let time = time
        return {
            let number = events.attempts.count
            events.note(.attempt(at: time.instant() - Instant(nanoseconds: 0)))
            if number < failures.count { throw failures[number] }
            return number + 1
        }
    }

    /// Waits for each of the pauses to begin, and lets it pass.
    func pass(_ pauses: [Duration]) async {
        for pause in pauses {
            let end = time.instant() + pause
            await eventually("a pause of \(pause)") { time.earliestDeadline == end }
            time.advance(by: pause)
        }
    }
}

extension Notes<RetryBench.Event> {
    /// When the attempts began.
    var attempts: [Duration] {
        all.compactMap { event in
            if case .attempt(let moment) = event { moment } else { nil }
        }
    }
    /// What was decided after them.
    var decisions: [RetryMachine.Decision] {
        all.compactMap { event in
            if case .notice(_, let decision) = event { decision } else { nil }
        }
    }
}
