import Determinism
import Synchronization

/// How many retries all callers together may make, as a share of their calls: when everything fails, three attempts for
/// each call would treble the load on whom is failing. Shared by the retries of one dependency.
///
/// A call deposits `percent` hundredths of a retry, a retry withdraws one, before its pause begins; `perSecond` of them
/// come by themselves, for callers that call rarely. Never more than `capacity` are saved up. (Finagle's `RetryBudget`;
/// gRFC A6 is close to it.)
public final class RetryBudget: Sendable {
    private let machine: Mutex<RetryBudgetMachine>
    private let time: any TimeSource

    /// A budget. Settings outside of their ranges are taken for the nearest one inside.
    /// - Parameters:
    ///   - percent: retries for a hundred calls, `0...1_000`; 20 by default.
    ///   - perSecond: retries that come by themselves, `0...1_000_000`; 1 by default.
    ///   - capacity: the most that are saved up, `1...1_000_000`, and what there is at first; 50 by default.
    public init(
        percent: Int = 20, perSecond: Int = 1, capacity: Int = 50, time: any TimeSource = SystemTime()
    ) {
        self.time = time
        machine = Mutex(
            RetryBudgetMachine(percent: percent, perSecond: perSecond, capacity: capacity, now: time.instant()))
    }

    /// A call begins.
    func deposit() { machine.withLock { $0.deposit() } }

    /// A retry wants to begin.
    func withdraw() -> Bool {
        let now = time.instant()
        return machine.withLock { $0.withdraw(now: now) }
    }

    /// How many retries there are left, rounded down.
    public var balance: Int {
        let now = time.instant()
        return machine.withLock { $0.balance(now: now) }
    }
    /// How many retries it has refused.
    public var refusals: UInt64 { machine.withLock { $0.refusals } }
}
