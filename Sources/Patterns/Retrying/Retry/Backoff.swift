import Determinism

/// How long to wait before a call is made again: exponential, with jitter, so that callers that failed together do not
/// come back together. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
public struct Backoff: Sendable, Hashable {
    /// How much of a pause is drawn.
    public enum Jitter: Sendable, Hashable {
        /// Nothing: `min(longest, base × multiplier^n)`.
        case none
        /// Half of it.
        case half
        /// All of it, between nothing and the whole pause: the least work for whom is called.
        case full
        /// Between `base` and three times the pause before: pauses that grow by themselves.
        case decorrelated
    }
    /// The first pause, before jitter. 100 ms by default.
    public var base: Duration
    /// What each failure multiplies it with, `1...10`. 2 by default; decorrelated jitter does not use it.
    public var multiplier: Double
    /// The longest pause. 10 s by default.
    public var longest: Duration
    /// How much is drawn. ``Jitter/full`` by default.
    public var jitter: Jitter

    /// A backoff.
    public init(
        base: Duration = .milliseconds(100), multiplier: Double = 2, longest: Duration = .seconds(10),
        jitter: Jitter = .full
    ) {
        (self.base, self.multiplier, self.longest, self.jitter) = (base, multiplier, longest, jitter)
    }

    /// Always the same pause.
    public static func constant(_ pause: Duration) -> Self {
        Self(base: pause, multiplier: 1, longest: pause, jitter: .none)
    }

    /// The pause after that many failures in a row, never longer than ``longest``. A negative base is taken for zero.
    /// - Parameters:
    ///   - count: 1 after the first one.
    ///   - previous: the pause before, if there was one.
    ///   - draw: 64 random bits.
    public func pause(afterFailures count: Int, previous: Duration?, draw: UInt64) -> Duration {
        let (shortest, limit) = (max(base.inNanoseconds, 0), max(longest.inNanoseconds, 0))
        if jitter == .decorrelated {
            let (tripled, overflow) = max(previous?.inNanoseconds ?? shortest, shortest).multipliedReportingOverflow(
                by: 3)
            return .nanoseconds(min(drawn(from: shortest, to: overflow ? limit : tripled, draw), limit))
        }
        let whole = shortest == 0 ? 0 : Double(shortest) * growth(failures: count)
        let pause = whole < Double(limit) ? Int64(whole) : limit
        switch jitter {
        case .none, .decorrelated: return .nanoseconds(pause)
        case .half: return .nanoseconds(drawn(from: pause - pause / 2, to: pause, draw))
        case .full: return .nanoseconds(drawn(from: 0, to: pause, draw))
        }
    }

    /// `multiplier` to the power of the failures before this one, by squaring: however many there were, it takes no
    /// more than 63 rounds.
    private func growth(failures count: Int) -> Double {
        var (power, square, rest) = (1.0, max(multiplier, 1), max(count, 1) - 1)
        while rest > 0 {
            if rest & 1 == 1 { power *= square }
            square *= square
            rest >>= 1
        }
        return power
    }

    /// A number in `low...high`, evenly.
    private func drawn(from low: Int64, to high: Int64, _ draw: UInt64) -> Int64 {
        guard high > low else { return low }
        return low + Int64(draw.multipliedFullWidth(by: UInt64(high - low) &+ 1).high)
    }
}
