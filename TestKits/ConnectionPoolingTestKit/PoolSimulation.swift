import ConnectionPooling
import Determinism

/// Random events against a ``PoolStateMachine``, from a seed, with every promise checked after each of them: never more
/// connections than the limit, none leased twice, each closed exactly once, no waiter forgotten or served after its
/// deadline, first come first served within a tenant, fair shares between them within the stated bound. At the end
/// everything works, and everybody must be served; then the pool shuts down, and nothing may be left.
///
/// A failure comes with its seed and the shortest list of steps that was found to fail.
public struct PoolSimulation: Sendable {
    /// What went wrong.
    public struct Failure: Error, CustomStringConvertible {
        /// The seed that makes it happen again.
        public let seed: UInt64
        /// The promise that was broken.
        public let finding: String
        /// The steps that are left after shrinking.
        public let steps: [SimulationStep]
        /// What happened in them.
        public let trace: [String]

        /// All of it, over several lines.
        public var description: String {
            "\(finding)\nseed \(seed), \(steps.count) steps:\n" + trace.joined(separator: "\n")
        }
    }
    /// What a run consisted of, so that a test can see that it was not an idle one.
    public struct Summary: Sendable, Hashable {
        /// Connections handed to a caller who had waited.
        public var grants = 0
        /// Connections handed out at once.
        public var immediate = 0
        /// Callers refused, for each reason.
        public var refusals: [PoolRefusal: Int] = [:]
        /// Connections closed, for each reason.
        public var closes: [CloseReason: Int] = [:]

        /// How often the hosts were replaced.
        public var replacements = 0

        /// Nothing has happened.
        public init() {}

        /// Counts another run's too.
        public static func += (total: inout Self, run: Self) {
            total.grants += run.grants
            total.immediate += run.immediate
            total.replacements += run.replacements
            total.refusals.merge(run.refusals, uniquingKeysWith: +)
            total.closes.merge(run.closes, uniquingKeysWith: +)
        }
    }
    /// Makes everything that is random.
    public let seed: UInt64
    /// The pool's limits; drawn from the seed unless given.
    public let configuration: PoolConfiguration
    /// Changes what the machine says before the model hears it: a way to see that the model would notice a bug.
    let tamper: (@Sendable ([PoolAction]) -> [PoolAction])?
    private let steps: [SimulationStep]

    /// A simulation of `steps` random events.
    public init(seed: UInt64, steps: Int = 2_000, configuration: PoolConfiguration? = nil) {
        self.init(seed: seed, steps: steps, configuration: configuration, tamper: nil)
    }

    init(
        seed: UInt64, steps: Int, configuration: PoolConfiguration?,
        tamper: (@Sendable ([PoolAction]) -> [PoolAction])?
    ) {
        let random = SeededRandom(seed: seed)
        self.seed = seed
        self.configuration = configuration ?? Self.drawConfiguration(random)
        self.tamper = tamper
        self.steps = (0..<steps).map { _ in SimulationStep.draw(random) }
    }

    /// Runs it.
    /// - Throws: what went wrong first, shrunk.
    @discardableResult
    public func run() throws(Failure) -> Summary {
        var run = SimulationRun(configuration: configuration, tamper: tamper)
        if run.play(steps) == nil { return run.summary }
        let shortest = shrunk(steps)
        var replay = SimulationRun(configuration: configuration, tamper: tamper)
        replay.keepsTrace = true
        let finding = replay.play(shortest) ?? "it did not happen again"
        throw Failure(seed: seed, finding: finding, steps: shortest, trace: replay.trace)
    }

    /// Leaves out ever smaller parts for as long as it still fails (delta debugging, Zeller and Hildebrandt 2002),
    /// with a bounded number of attempts.
    private func shrunk(_ failing: [SimulationStep]) -> [SimulationStep] {
        var (best, size, attempts) = (failing, max(failing.count / 2, 1), 0)
        while attempts < 3_000 {
            var (start, hasShrunk) = (0, false)
            while start < best.count, attempts < 3_000 {
                let candidate = Array(best[..<start] + best[min(start + size, best.count)...])
                var run = SimulationRun(configuration: configuration, tamper: tamper)
                attempts += 1
                if run.play(candidate) != nil { (best, hasShrunk) = (candidate, true) } else { start += size }
            }
            if size == 1, !hasShrunk { break }
            size = max(size / 2, 1)
        }
        return best
    }

    /// Small limits and short times, so that all of them are met.
    private static func drawConfiguration(_ random: SeededRandom) -> PoolConfiguration {
        func below(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
        var configuration = PoolConfiguration(hosts: ["a", "b", "c"].prefix(1 + below(3)).map { HostKey($0) })
        configuration.limit = 1 + below(8)
        configuration.minimum = below(configuration.limit + 1)
        configuration.idleTimeout = below(4) == 0 ? nil : .milliseconds(500)
        configuration.maximumLifetime = below(4) == 0 ? nil : .seconds(3)
        configuration.validateAfter = .milliseconds(below(3) * 100)
        configuration.connecting.concurrency = 1 + below(3)
        configuration.connecting.failureThreshold = 1 + below(3)
        configuration.connecting.pause = .milliseconds(10)
        configuration.connecting.longestPause = .milliseconds(200)
        configuration.queueLimit = 3 + below(40)
        configuration.shedding = below(3) == 0 ? nil : PoolConfiguration.Shedding()
        configuration.shedding?.target = .milliseconds(20)
        configuration.shedding?.interval = .milliseconds(100)
        configuration.fairShares = below(5) == 0 ? nil : PoolConfiguration.FairShares()
        if below(2) == 0 { configuration.fairShares?.weights = [TenantKey(0 as UInt64): 3, TenantKey(1 as UInt64): 2] }
        configuration.leakThreshold = below(4) == 0 ? nil : .seconds(1)
        return configuration
    }
}
